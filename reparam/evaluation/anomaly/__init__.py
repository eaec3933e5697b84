"""Anomaly detection: what differs from good pictures, where, and how sure that is."""

from reparam.evaluation.anomaly.planted import KINDS, plant

__all__ = ["KINDS", "plant"]

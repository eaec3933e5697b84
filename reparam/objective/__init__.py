"""(model, images) → per-image terms, in nats."""

from reparam.objective.config import ObjectiveConfig
from reparam.objective.corruption import corrupt
from reparam.objective.elbo import ElboTerms, elbo_terms
from reparam.objective.units import Weight

__all__ = [
    "ElboTerms",
    "ObjectiveConfig",
    "Weight",
    "corrupt",
    "elbo_terms",
]

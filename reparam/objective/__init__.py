"""(model, images) → per-image terms, in nats."""

from reparam.objective.binarisation import binarise
from reparam.objective.config import ObjectiveConfig
from reparam.objective.corruption import corrupt
from reparam.objective.elbo import ElboTerms, elbo_terms
from reparam.objective.units import Unweighted, Weight, shown_terms, units_of

__all__ = [
    "ElboTerms",
    "ObjectiveConfig",
    "Unweighted",
    "Weight",
    "binarise",
    "corrupt",
    "elbo_terms",
    "shown_terms",
    "units_of",
]

"""(model, images) → per-image terms, in nats."""

from reparam.objective.binarisation import binarise
from reparam.objective.config import ONE_OF, ObjectiveConfig, given_once
from reparam.objective.corruption import corrupt
from reparam.objective.elbo import ElboTerms, elbo_terms
from reparam.objective.free_bits import free_bits
from reparam.objective.units import LossUnit, Unweighted, Weight, shown_terms, units_of

__all__ = [
    "ONE_OF",
    "ElboTerms",
    "LossUnit",
    "ObjectiveConfig",
    "Unweighted",
    "Weight",
    "binarise",
    "corrupt",
    "elbo_terms",
    "free_bits",
    "given_once",
    "shown_terms",
    "units_of",
]

"""(model, batch) → losses of each image, in nats; only the loop averages."""

from reparam.objective.adversarial import Adversarial, AdversarialOptions
from reparam.objective.augmentation import Augmentation
from reparam.objective.base import (
    OBJECTIVES,
    TERMS,
    Added,
    Drawn,
    Losses,
    Objective,
    OwnOptimiser,
    Phase,
    Term,
    TermOptions,
    Verdict,
)
from reparam.objective.binarisation import binarise
from reparam.objective.capacity import Capacity, CapacityOptions
from reparam.objective.contracts import check_loss
from reparam.objective.corruption import corrupt
from reparam.objective.dip import DipOptions, aggregate_covariance, dip
from reparam.objective.elbo import Elbo, free_bits
from reparam.objective.importance import ImportanceWeighted
from reparam.objective.inputs import InputConfig
from reparam.objective.latent_adversarial import FactorOptions, LatentAdversarialOptions
from reparam.objective.loss import (
    DEAD,
    FULL,
    Loss,
    LossFunction,
    batches,
    mean_losses,
    terms_of_each,
)
from reparam.objective.mmd import MmdOptions, mmd
from reparam.objective.perceptual import PerceptualOptions
from reparam.objective.reconstruction import Reconstruction
from reparam.objective.regularised import (
    DecoderGradientOptions,
    DecoderNormOptions,
    LatentNormOptions,
)
from reparam.objective.semi_supervised import SemiSupervised
from reparam.objective.total_correlation import TotalCorrelationOptions, total_correlation

__all__ = [
    "DEAD",
    "FULL",
    "OBJECTIVES",
    "TERMS",
    "Added",
    "Adversarial",
    "AdversarialOptions",
    "Augmentation",
    "Capacity",
    "CapacityOptions",
    "DecoderGradientOptions",
    "DecoderNormOptions",
    "DipOptions",
    "Drawn",
    "Elbo",
    "FactorOptions",
    "ImportanceWeighted",
    "InputConfig",
    "LatentAdversarialOptions",
    "LatentNormOptions",
    "Loss",
    "LossFunction",
    "Losses",
    "MmdOptions",
    "Objective",
    "OwnOptimiser",
    "PerceptualOptions",
    "Phase",
    "Reconstruction",
    "SemiSupervised",
    "Term",
    "TermOptions",
    "TotalCorrelationOptions",
    "Verdict",
    "aggregate_covariance",
    "batches",
    "binarise",
    "check_loss",
    "corrupt",
    "dip",
    "free_bits",
    "mean_losses",
    "mmd",
    "terms_of_each",
    "total_correlation",
]

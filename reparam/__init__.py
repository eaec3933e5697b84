"""reparam: autoencoders and variational autoencoders on images.

Everything public is here. Names are imported when they are first used, so that `import reparam`
does not wait for PyTorch.
"""

import importlib
from typing import TYPE_CHECKING

from reparam._version import __version__

if TYPE_CHECKING:
    from reparam.data import DataConfig, ImageSet, load_images
    from reparam.errors import (
        ConfigError,
        DataError,
        DataRangeError,
        ReparamError,
        RunError,
        ShapeError,
    )
    from reparam.estimators import AE, VAE, DenoisingAE, load
    from reparam.evaluation import Scorecard, ScoreConfig, judge_for, scorecard
    from reparam.model import (
        Autoencoder,
        Box,
        Decoder,
        Delta,
        DiagonalNormal,
        Encoder,
        FlowPrior,
        GaussianLikelihood,
        GaussianPrior,
        MixturePrior,
        ModelConfig,
        Prior,
        StandardNormal,
        build_autoencoder,
    )
    from reparam.objective import ElboTerms, ObjectiveConfig, Weight, elbo_terms
    from reparam.training import Run, RunConfig, TrainingConfig, fit_prior, preset_config, train

__all__ = [
    "AE",
    "VAE",
    "Autoencoder",
    "Box",
    "ConfigError",
    "DataConfig",
    "DataError",
    "DataRangeError",
    "Decoder",
    "Delta",
    "DenoisingAE",
    "DiagonalNormal",
    "ElboTerms",
    "Encoder",
    "FlowPrior",
    "GaussianLikelihood",
    "GaussianPrior",
    "ImageSet",
    "MixturePrior",
    "ModelConfig",
    "ObjectiveConfig",
    "Prior",
    "ReparamError",
    "Run",
    "RunConfig",
    "RunError",
    "ScoreConfig",
    "Scorecard",
    "ShapeError",
    "StandardNormal",
    "TrainingConfig",
    "Weight",
    "__version__",
    "build_autoencoder",
    "elbo_terms",
    "fit_prior",
    "judge_for",
    "load",
    "load_images",
    "preset_config",
    "scorecard",
    "train",
]

_ROOMS = {
    "data": ("DataConfig", "ImageSet", "load_images"),
    "errors": (
        "ConfigError",
        "DataError",
        "DataRangeError",
        "ReparamError",
        "RunError",
        "ShapeError",
    ),
    "estimators": ("AE", "VAE", "DenoisingAE", "load"),
    "evaluation": ("ScoreConfig", "Scorecard", "judge_for", "scorecard"),
    "model": (
        "Autoencoder",
        "Box",
        "Decoder",
        "Delta",
        "DiagonalNormal",
        "Encoder",
        "FlowPrior",
        "GaussianLikelihood",
        "GaussianPrior",
        "MixturePrior",
        "ModelConfig",
        "Prior",
        "StandardNormal",
        "build_autoencoder",
    ),
    "objective": ("ElboTerms", "ObjectiveConfig", "Weight", "elbo_terms"),
    "training": ("Run", "RunConfig", "TrainingConfig", "fit_prior", "preset_config", "train"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'reparam' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"reparam.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

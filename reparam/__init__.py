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
    from reparam.model import Autoencoder, ModelConfig, build_autoencoder
    from reparam.objective import ElboTerms, ObjectiveConfig, elbo_terms
    from reparam.training import Run, RunConfig, TrainingConfig, preset_config, train

__all__ = [
    "AE",
    "VAE",
    "Autoencoder",
    "ConfigError",
    "DataConfig",
    "DataError",
    "DataRangeError",
    "DenoisingAE",
    "ElboTerms",
    "ImageSet",
    "ModelConfig",
    "ObjectiveConfig",
    "ReparamError",
    "Run",
    "RunConfig",
    "RunError",
    "ShapeError",
    "TrainingConfig",
    "__version__",
    "build_autoencoder",
    "elbo_terms",
    "load",
    "load_images",
    "preset_config",
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
    "model": ("Autoencoder", "ModelConfig", "build_autoencoder"),
    "objective": ("ElboTerms", "ObjectiveConfig", "elbo_terms"),
    "training": ("Run", "RunConfig", "TrainingConfig", "preset_config", "train"),
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

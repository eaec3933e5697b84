"""reparam: autoencoders and variational autoencoders on images.

Everything public is here. Names are imported when they are first used, so that `import reparam`
does not wait for PyTorch.
"""

import importlib
from typing import TYPE_CHECKING

from reparam._version import __version__

if TYPE_CHECKING:
    from reparam.data import Batch, DataConfig, ImageSet, load_images
    from reparam.errors import (
        ConfigError,
        DataError,
        DataRangeError,
        ReparamError,
        RunError,
        ShapeError,
    )
    from reparam.estimators import AE, VAE, DenoisingAE, load
    from reparam.evaluation import Scorecard, ScoreConfig, Scores, judge_for, scorecard, scores_of
    from reparam.model import (
        DECODERS,
        ENCODERS,
        LIKELIHOODS,
        POSTERIORS,
        PRIORS,
        Autoencoder,
        Box,
        Decoder,
        DecoderOptions,
        Delta,
        DiagonalNormal,
        Distribution,
        Encoder,
        EncoderOptions,
        FlowPrior,
        GaussianLikelihood,
        GaussianPrior,
        Heads,
        LatentSpec,
        Likelihood,
        LikelihoodOptions,
        MixturePrior,
        ModelConfig,
        Pixels,
        Posterior,
        PosteriorOptions,
        Prior,
        PriorOptions,
        StandardNormal,
        Weight,
        build_autoencoder,
        rate,
        uniform,
    )
    from reparam.objective import (
        OBJECTIVES,
        TERMS,
        Drawn,
        Elbo,
        InputConfig,
        Loss,
        Losses,
        Objective,
        Phase,
        Reconstruction,
        Term,
        TermOptions,
    )
    from reparam.registry import Part, load_plugin
    from reparam.runs import Result, Run, RunConfig, TrainingConfig, preset_config
    from reparam.training import fit_prior, gradient_step, train

__all__ = [
    "AE",
    "DECODERS",
    "ENCODERS",
    "LIKELIHOODS",
    "OBJECTIVES",
    "POSTERIORS",
    "PRIORS",
    "TERMS",
    "VAE",
    "Autoencoder",
    "Batch",
    "Box",
    "ConfigError",
    "DataConfig",
    "DataError",
    "DataRangeError",
    "Decoder",
    "DecoderOptions",
    "Delta",
    "DenoisingAE",
    "DiagonalNormal",
    "Distribution",
    "Drawn",
    "Elbo",
    "Encoder",
    "EncoderOptions",
    "FlowPrior",
    "GaussianLikelihood",
    "GaussianPrior",
    "Heads",
    "ImageSet",
    "InputConfig",
    "LatentSpec",
    "Likelihood",
    "LikelihoodOptions",
    "Loss",
    "Losses",
    "MixturePrior",
    "ModelConfig",
    "Objective",
    "Part",
    "Phase",
    "Pixels",
    "Posterior",
    "PosteriorOptions",
    "Prior",
    "PriorOptions",
    "Reconstruction",
    "ReparamError",
    "Result",
    "Run",
    "RunConfig",
    "RunError",
    "ScoreConfig",
    "Scorecard",
    "Scores",
    "ShapeError",
    "StandardNormal",
    "Term",
    "TermOptions",
    "TrainingConfig",
    "Weight",
    "__version__",
    "build_autoencoder",
    "fit_prior",
    "gradient_step",
    "judge_for",
    "load",
    "load_images",
    "load_plugin",
    "preset_config",
    "rate",
    "scorecard",
    "scores_of",
    "train",
    "uniform",
]

_PACKAGES = {
    "data": (
        "Batch",
        "DataConfig",
        "ImageSet",
        "load_images",
    ),
    "errors": (
        "ConfigError",
        "DataError",
        "DataRangeError",
        "ReparamError",
        "RunError",
        "ShapeError",
    ),
    "estimators": (
        "AE",
        "VAE",
        "DenoisingAE",
        "load",
    ),
    "evaluation": (
        "ScoreConfig",
        "Scorecard",
        "Scores",
        "judge_for",
        "scorecard",
        "scores_of",
    ),
    "model": (
        "Autoencoder",
        "Box",
        "Decoder",
        "DecoderOptions",
        "Delta",
        "DiagonalNormal",
        "Distribution",
        "Encoder",
        "EncoderOptions",
        "FlowPrior",
        "GaussianLikelihood",
        "GaussianPrior",
        "Heads",
        "LatentSpec",
        "Likelihood",
        "LikelihoodOptions",
        "MixturePrior",
        "ModelConfig",
        "Pixels",
        "Posterior",
        "PosteriorOptions",
        "Prior",
        "PriorOptions",
        "StandardNormal",
        "Weight",
        "build_autoencoder",
        "DECODERS",
        "ENCODERS",
        "LIKELIHOODS",
        "POSTERIORS",
        "PRIORS",
        "rate",
        "uniform",
    ),
    "objective": (
        "Drawn",
        "Elbo",
        "InputConfig",
        "Loss",
        "Losses",
        "Objective",
        "Phase",
        "Reconstruction",
        "Term",
        "TermOptions",
        "OBJECTIVES",
        "TERMS",
    ),
    "registry": (
        "Part",
        "load_plugin",
    ),
    "runs": (
        "Result",
        "Run",
        "RunConfig",
        "TrainingConfig",
        "preset_config",
    ),
    "training": (
        "fit_prior",
        "gradient_step",
        "train",
    ),
}
_PACKAGE_OF = {name: package for package, names in _PACKAGES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _PACKAGE_OF:
        raise AttributeError(f"module 'reparam' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"reparam.{_PACKAGE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

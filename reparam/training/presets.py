"""Names for combinations: presets of parts (ae, vae, ...), recipes of training (quick, ...)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reparam.errors import ConfigError, unknown_name
from reparam.training.config import RunConfig

AE: Mapping[str, Mapping[str, Any]] = {
    "model": {"posterior": "delta", "prior": "box", "encoder_order": "act-norm"},
    "objective": {"regulariser": "none"},
}

PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "ae": AE,
    "vae": {},
    "dae": {
        "model": {**AE["model"], "latent_dim": 32},
        "objective": {**AE["objective"], "corrupt": "gaussian"},
    },
    "ae-functional": {
        "model": {
            **AE["model"],
            "encoder_order": "norm-act",
            "decoder_order": "norm-act",
            "batch_norm": True,
            "decoder_filters": (64, 64, 64, 32),
            "decoder_kernels": (3, 3, 3, 3, 3),
            "decoder_strides": (1, 2, 2, 1, 1),
            "output_activation": "tanh",
        },
        "objective": AE["objective"],
    },
    "burda": {
        "model": {
            "architecture": "mlp",
            "encoder_widths": (200, 200),
            "decoder_widths": (200, 200),
            "hidden_activation": "tanh",
            "latent_dim": 50,
            "likelihood": "bernoulli",
        },
        "objective": {"binarise": "dynamic"},
    },
}
"""What each preset changes in the defaults, which are the VAE's.

ae: the article's autoencoder. vae: its variational autoencoder. dae: a denoising autoencoder.
ae-functional: the article's second form. burda: the VAE with one stochastic layer of Burda et al.
2016, section 5, on images that are black and white.
"""

RECIPES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "plain": {},
    "quick": {
        "training": {
            "epochs": 30,
            "batch_size": 128,
            "optimiser": "muon",
            "learning_rate": 4e-3,
            "schedule": "one-cycle",
            "warm_up": 0.3,
            "output_bias": "mean",
            "rate_warm_up": 0.7,
            "shift": 1.0,
            "rotate": 10.0,
            "augment_until": 0.8,
        },
    },
    "article": {
        "data": {"train_size": 2000, "valid_fraction": 0.0},
        "training": {"epochs": 200, "batch_size": 32, "learning_rate": 5e-4},
    },
}
"""What each recipe changes.

quick: one cycle of Muon, 30 epochs, and small shifts and rotations where images are few: the
soonest way to a given loss that was found (docs/log.md). plain: constant Adam, 30 epochs. article:
the first 2,000 images, 200 epochs, the last weights, as the article does.
"""

TITLES: Mapping[str, str] = {
    "ae": "AE",
    "vae": "VAE",
    "dae": "denoising AE",
    "ae-functional": "AE (second form)",
    "burda": "VAE of Burda et al.",
}


def title_of(config: RunConfig) -> str:
    """What a report calls a model."""
    return TITLES.get(config.preset, config.preset)


DEFAULT_RECIPE = "quick"


def preset_config(preset: str = "vae", recipe: str = DEFAULT_RECIPE) -> RunConfig:
    """The configuration that a preset and a recipe name. Raises ConfigError for an unknown name."""
    if preset not in PRESETS:
        raise ConfigError(unknown_name("model", preset, PRESETS))
    return apply_recipe(_changed(RunConfig(preset=preset), PRESETS[preset]), recipe)


def apply_recipe(config: RunConfig, recipe: str) -> RunConfig:
    """``config`` with what the recipe changes. Raises ConfigError for an unknown name."""
    if recipe not in RECIPES:
        raise ConfigError(unknown_name("recipe", recipe, RECIPES))
    return _changed(config, RECIPES[recipe])


def _changed(config: RunConfig, changes: Mapping[str, Mapping[str, Any]]) -> RunConfig:
    parts = {name: replace(getattr(config, name), **values) for name, values in changes.items()}
    return replace(config, **parts)

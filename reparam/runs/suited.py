"""The recipe that suits a set of images: the article's for digits, `pictures` for everything else.

What it chooses is a layer of options like any other: a configuration file and flags win over it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from reparam.data import NAMED_SOURCES, ImageSet
from reparam.errors import ConfigError, unknown_name
from reparam.runs.config import RunConfig
from reparam.runs.presets import DEFAULT_RECIPE, PRESETS, RECIPES

AUTO = "auto"
"""The recipe that is chosen by the images."""

PICTURES = "pictures"

RECIPE_NAMES = (AUTO, PICTURES, *RECIPES)

ARTICLE_SIDE = 32
"""Pixels up to which grey images with two latent dimensions are trained as the article's."""

IMAGES_SEEN = 60_000
"""Images that a run sees, over all epochs, as far as EPOCHS allows."""

EPOCHS = (10, 300)
"""Fewest and most."""

LATENTS = (32, 512)
"""Fewest and most latent dimensions that it chooses."""


@dataclass(frozen=True)
class Suited:
    """A recipe by name, the options that it sets, and why it was taken, where that was a choice."""

    recipe: str
    options: Mapping[str, object]
    reason: str = ""


def named_recipe(name: str) -> Suited:
    """The recipe of this name, before the images are known: auto and pictures are then as the
    default one. Raises ConfigError for an unknown name.
    """
    if name not in RECIPE_NAMES:
        raise ConfigError(unknown_name("recipe", name, RECIPE_NAMES))
    options = RECIPES.get(name, RECIPES[DEFAULT_RECIPE])
    return Suited(name, options)


def follows_images(recipe: str, config: RunConfig) -> bool:
    """Whether the recipe's options depend on the images. `auto` takes the article's recipe for the
    named sets, and for presets that have networks of their own.
    """
    if recipe == AUTO:
        return PRESETS[config.preset].follows_images and config.data.source not in NAMED_SOURCES
    return recipe == PICTURES


SUITED_BY = ("objective", "likelihood", "latent_channels")
"""Options that a recipe for images depends on."""


def suited_recipe(config: RunConfig, images: ImageSet, latent_dim: int | None = None) -> Suited:
    """The recipe `pictures` for these images. Of ``config`` only ``SUITED_BY`` counts.
    ``latent_dim``: the latent size that wins over the recipe's, where that is known.
    """
    height, width, channels = images.image_shape
    count = len(images.splits["train"])
    options = pictures(
        images.image_shape,
        count,
        weighed=config.objective.has_rate and config.model.likelihood.has_weight,
        logits=config.model.likelihood.logits,
        linear=config.model.latent_channels is None
        and config.model.likelihood.decoder_channels(channels) == channels,
        asked=latent_dim or 0,
    )
    return Suited(PICTURES, options, f"{count:,} pictures of {height} × {width} × {channels}")


def is_articles(config: RunConfig, images: ImageSet) -> bool:
    """Whether the options ask for what the article has: two dimensions, of small grey images."""
    height, width, channels = images.image_shape
    small = max(height, width) <= ARTICLE_SIDE and channels == 1
    return small and config.model.latent_channels is None and config.model.latent_dim == 2


def pictures(
    image_shape: tuple[int, int, int],
    count: int,
    *,
    weighed: bool,
    logits: bool = False,
    linear: bool = False,
    asked: int = 0,
) -> Mapping[str, object]:
    """The options of the recipe `pictures`, for ``count`` training images of this shape.

    Residual networks down to maps of 4 to 7 pixels, with attention there, which begin with
    principal components where there can be a ``linear`` code; a latent size that grows with the
    side, and the weight at which σ² is the error itself, where the error is ``weighed`` against a
    rate. ``logits``: what the likelihood takes. ``asked``: a latent size that wins over this one;
    a larger one begins with as many components, up to the most that is chosen here. The figures
    that all of it rests on are in docs/log.md.
    """
    height, width, channels = image_shape
    filters = _filters(min(height, width))
    side = math.sqrt(height * width) * (1 if channels > 1 else 0.5)
    fewest, most = LATENTS
    latent_dim = int(min(max(2 ** round(math.log2(2 * side)), fewest), most))
    network = {
        "type": "residual",
        "filters": filters,
        "attention": True,
        "components": min(max(latent_dim, asked), most) if linear else 0,
    }
    model: dict[str, object] = {
        "latent_dim": latent_dim,
        "encoder": network,
        "decoder": {**network, "output_activation": "sigmoid" if logits else "clamp"},
    }
    if weighed:
        model["likelihood"] = {"weight": "auto"}
    fewest, most = EPOCHS
    training = {
        "epochs": min(max(math.ceil(IMAGES_SEEN / max(count, 1)), fewest), most),
        "batch_size": 32,
        "optimiser": "adam",
        "learning_rate": 1.5e-3,
        "schedule": "one-cycle",
        "clip_spikes": 3.0,
        "output_bias": "mean",
        "shift": float(round(min(height, width) / 10)),
        "rotate": 6.0,
        "zoom": 0.4,
        "augment_share": 0.75,
    }
    return {"model": model, "training": training}


def _filters(side: int) -> tuple[int, ...]:
    """Of each level, for the shorter side: twice as many as the level before, up to 256."""
    levels = min(max(int(math.log2(max(side, 1) / 4)), 1), 6)
    first = 64 if side < 64 else 32 if side < 192 else 16
    return tuple(min(first * 2**level, 256) for level in range(levels))


SOME_PICTURES = Suited(PICTURES, pictures((64, 64, 3), 1000, weighed=False))
"""The parts of the recipe, before the images are known."""

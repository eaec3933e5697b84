"""Mean losses of a model over a whole set of images."""

import torch

from reparam.model import Autoencoder, from_bytes, in_batches
from reparam.objective import ObjectiveConfig, elbo_terms, units_of
from reparam.types import IndexArray, PixelArray

DEAD = 0.01
"""Nats below which a latent dimension tells nothing of an image."""


def mean_losses(
    model: Autoencoder,
    images: PixelArray,
    objective: ObjectiveConfig,
    seed: int = 0,
    index: IndexArray | None = None,
) -> dict[str, float]:
    """The losses (``units_of``) of the mean terms over ``images``, in evaluation mode and float32.

    ``dead_units`` beside them, where the rate is a sum over latent dimensions: how many of these
    have a mean rate below DEAD nats. ``index``: over these of the images only.

    z is sampled (for a VAE), and so are black and white images, with a generator of their own: the
    same seed gives the same figures.
    """
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)

    def terms(batch: torch.Tensor) -> torch.Tensor:
        found = elbo_terms(model, from_bytes(batch), objective, generator)
        columns = [found.distortion, found.rate]
        return torch.stack(columns if found.rates is None else [*columns, *found.rates.T], 1)

    each = in_batches(model, images, terms, index)
    distortion, rate, *rates = each.double().mean(0).tolist()
    losses = units_of(model).losses(distortion, rate)
    return losses | ({"dead_units": sum(each < DEAD for each in rates)} if rates else {})

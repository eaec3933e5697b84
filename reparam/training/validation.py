"""Mean losses of a model over a whole set of images."""

import numpy as np
import torch

from reparam.model import Autoencoder, from_bytes, in_batches
from reparam.objective import ObjectiveConfig, elbo_terms, units_of
from reparam.types import IndexArray, PixelArray


def mean_losses(
    model: Autoencoder,
    images: PixelArray,
    objective: ObjectiveConfig,
    seed: int = 0,
    index: IndexArray | None = None,
) -> dict[str, float]:
    """The losses (``units_of``) of the mean terms over ``images``, in evaluation mode and float32.

    ``index``: over these of the images only.

    z is sampled (for a VAE), and so are black and white images, with a generator of their own: the
    same seed gives the same figures.
    """
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)

    def terms(batch: torch.Tensor) -> torch.Tensor:
        found = elbo_terms(model, from_bytes(batch), objective, generator)
        return torch.stack([found.distortion, found.rate], 1)

    each = in_batches(model, images, terms, index)
    distortion, rate = each.double().mean(0).tolist()
    dimensions = int(np.prod(model.image_shape))
    units = units_of(model.likelihood.name, objective.r_loss_factor, dimensions)
    return units.losses(distortion, rate)

"""Mean losses of a model over a whole set of images."""

import numpy as np
import torch

from reparam.model import Autoencoder
from reparam.model.pixels import from_bytes
from reparam.objective.config import ObjectiveConfig
from reparam.objective.elbo import elbo_terms
from reparam.objective.units import Weight
from reparam.types import PixelArray

EVALUATION_BATCH = 500


@torch.no_grad()
def mean_losses(
    model: Autoencoder, images: PixelArray, objective: ObjectiveConfig, seed: int = 0
) -> dict[str, float]:
    """``Weight.losses`` of the mean terms over ``images``, in evaluation mode and float32.

    z is sampled (for a VAE), with its own generator: the same seed gives the same figures.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    totals = np.zeros(2)
    for start in range(0, len(images), EVALUATION_BATCH):
        batch = torch.from_numpy(images[start : start + EVALUATION_BATCH]).to(device)
        terms = elbo_terms(model, from_bytes(batch), objective, generator)
        totals += [terms.distortion.sum().item(), terms.rate.sum().item()]
    model.train(was_training)
    distortion, rate = (totals / len(images)).tolist()
    dimensions = int(np.prod(model.image_shape))
    return Weight(objective.r_loss_factor, dimensions).losses(distortion, rate)

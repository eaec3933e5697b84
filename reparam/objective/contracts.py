"""Whether an objective and extra terms give what their contracts say, before training."""

from collections.abc import Sequence

import torch

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    ImageShape,
    ModelConfig,
    check_parts,
    grey_images,
    has_density,
    own_settings,
)
from reparam.objective.base import DrawnLatents, Objective, TermOptions
from reparam.objective.inputs import InputConfig
from reparam.objective.loss import FULL, Loss


def check_loss(
    model: ModelConfig,
    objective: Objective,
    terms: Sequence[TermOptions],
    inputs: InputConfig,
    image_shape: ImageShape,
) -> None:
    """Builds the model (``check_parts``) and the loss, and takes grey images through both.

    Where the prior has no density before training, losses are built only. Torch's global random
    state is as it was. Raises what the parts, ``Loss`` and a call of it raise.
    """
    built = check_parts(model, image_shape)
    with torch.random.fork_rng(devices=[]), own_settings(), torch.no_grad():
        loss = Loss(built, objective, terms, inputs).eval()
        if objective.has_rate and not has_density(built.prior):
            return
        x = grey_images(image_shape)
        batch = Batch(x, built.some_labels(len(x)), torch.arange(len(x)))
        with torch.enable_grad():
            losses = loss(batch, FULL, torch.Generator().manual_seed(0))
        loss.terms_of_batch(DrawnLatents([losses.drawn], losses.drawn.noise))
        if not losses.objective.requires_grad:
            raise ConfigError(
                f"what is minimised of objective {objective.type} must have a gradient, got a "
                "tensor without. Fix: do not detach it"
            )

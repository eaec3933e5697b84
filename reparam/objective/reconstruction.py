"""The distortion alone: a plain autoencoder's objective."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from reparam.data import Batch
from reparam.model import Autoencoder, Noise
from reparam.objective.base import OBJECTIVES, Drawn, Losses, Objective, Phase


@OBJECTIVES.register("reconstruction")
@dataclass(frozen=True)
class Reconstruction(Objective):
    """Distortion without a rate (AE)."""

    has_rate: ClassVar[bool] = False

    def __call__(
        self, model: Autoencoder, batch: Batch, phase: Phase, noise: Noise = None
    ) -> Losses:
        drawn = Drawn.of(model, batch, noise)
        terms = model.likelihood.terms(drawn.pixels, batch.images)
        distortion = terms["distortion"]
        return Losses(
            objective=distortion,
            terms={**terms, "rate": torch.zeros_like(distortion), "loss": distortion},
            drawn=drawn,
        )

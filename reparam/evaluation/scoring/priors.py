"""The priors that a model is scored with: its own, N(0, I), and the best that points could have."""

import contextlib
from dataclasses import dataclass

import numpy as np
import torch

from reparam.errors import DataError
from reparam.evaluation.scoring.subject import Subject
from reparam.model import Box, GaussianPrior, Prior, StandardNormal
from reparam.types import LatentArray


@dataclass(frozen=True)
class Candidate:
    """A prior by name, ready to be drawn from."""

    kind: str
    prior: Prior

    @property
    def description(self) -> str:
        return self.prior.description

    def at(self, u: LatentArray) -> LatentArray:
        """Where standard normal noise (n, d) is carried to: equal shares stay equal shares."""
        with torch.no_grad():
            return np.asarray(self.prior.from_normal(torch.from_numpy(u)).cpu(), np.float32)

    def draw(self, n: int, seed: int) -> LatentArray:
        """n latents (n, d), a function of the seed."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            return np.asarray(self.prior.sample(n, generator).cpu().numpy(), np.float32)


def candidates(of: Subject) -> tuple[Candidate, ...]:
    """The model's own first. A model of points (AE), which has none, also gets a Gaussian and the
    box of its range, both fitted to its training latents; no Gaussian to too few or collapsed ones.
    """
    latent_dim, z = of.model.latent_dim, torch.from_numpy(of.train.z)
    offered: list[Prior] = [of.model.prior]
    if of.held_out.log_var is None:
        gaussian, box = GaussianPrior(latent_dim), Box(latent_dim)
        box.fit(z)
        offered += [StandardNormal(latent_dim), box]
        with contextlib.suppress(DataError):  # too few or collapsed latents have no Gaussian
            gaussian.fit(z)
            offered.insert(2, gaussian)
    else:
        offered += [StandardNormal(latent_dim)]
    kinds: dict[str, Candidate] = {}
    for prior in offered:
        kinds.setdefault(prior.kind, Candidate(prior.kind, prior))
    return tuple(kinds.values())

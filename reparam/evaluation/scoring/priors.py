"""The priors that a model is scored with: its own, N(0, I), and the best that points could have."""

import contextlib
from dataclasses import dataclass

import torch

from reparam.errors import DataError
from reparam.evaluation.scoring.subject import Subject
from reparam.model import Box, GaussianPrior, Prior, StandardNormal
from reparam.types import LatentArray


@dataclass(frozen=True)
class Candidate:
    """A prior, on the CPU, ready to be drawn from."""

    prior: Prior

    @property
    def kind(self) -> str:
        return self.prior.kind

    @property
    def description(self) -> str:
        return self.prior.describe()

    def draw(self, n: int, seed: int) -> LatentArray:
        """n latents (n, d), a function of the seed."""
        with torch.no_grad():
            return self.prior.sample(n, torch.Generator().manual_seed(seed)).numpy()


def candidates(of: Subject) -> tuple[Candidate, ...]:
    """The model's own first, then N(0, I), but for latents on a sphere. A model of points (AE),
    whose latents no prior has shaped, also gets a Gaussian and the box of its range, both fitted to
    its training latents; no Gaussian to too few or collapsed ones.
    """
    d, z = of.model.latent_dim, torch.from_numpy(of.train.z)
    offered: list[Prior] = [of.prior]
    if not of.held_out.q.on_sphere:
        offered.append(StandardNormal(d))
    if of.held_out.q.is_point:
        gaussian, box = GaussianPrior(d), Box(d)
        with contextlib.suppress(DataError):
            gaussian.fit(z)
            offered.append(gaussian)
        box.fit(z)
        offered.append(box)
    kinds: dict[str, Candidate] = {}
    for prior in offered:
        kinds.setdefault(prior.kind, Candidate(prior))
    return tuple(kinds.values())

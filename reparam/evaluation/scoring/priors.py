"""The priors that a model is scored with: its own, N(0, I), and the best that points could have."""

import contextlib
from dataclasses import dataclass

import torch

from reparam.errors import DataError
from reparam.evaluation.measures.decoding import Around
from reparam.evaluation.scoring.subject import Subject
from reparam.model import Box, GaussianPrior, Prior, StandardNormal
from reparam.types import LatentArray

MOMENTS_OF = 4096
"""Draws whose mean and deviations stand for a prior's."""

RIDGE = 1e-6
"""Of a dimension's variance, so that rounding leaves a covariance positive."""


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

    def around(self, seed: int) -> Around | None:
        """What circles between draws go around, in what coordinates: mean and covariance where they
        are known exactly, or else the mean and the standard deviations of MOMENTS_OF draws. None
        around 0 in the latents' own coordinates, and where paths are straight.
        """
        prior = self.prior
        if prior.between == "lerp" or prior.is_standard_normal or prior.on_sphere:
            return None
        if isinstance(prior, GaussianPrior) and prior.diagonal:  # whose covariance may be too large
            return prior.mean.detach(), prior.raw.detach().exp()
        if (exact := prior.moments()) is not None:
            mean, covariance = exact
            ridge = torch.diag(RIDGE * covariance.diagonal().double())
            return mean, torch.linalg.cholesky(covariance.double() + ridge).to(mean)
        z = torch.from_numpy(self.draw(MOMENTS_OF, seed))
        deviations = z.std(0)
        return z.mean(0), deviations.clamp_min(RIDGE * float(deviations.max()))


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

"""How well a small generator learns the latents in a fixed budget."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.measures.prior_match import FEWEST_CLASSIFIED, classifier_two_sample
from reparam.types import LatentArray, Latents, PerExample

MOST = 2_000
"""Latents of each kind that the classifier gets."""

MOST_COMPONENTS = 64
LATENTS_EACH = 50
"""Training latents for each principal component: with fewer, whitening itself tells training
latents from held-out ones."""

WIDTH, STEPS, BATCH, RATE = 128, 500, 256, 2e-3
"""The budget: the same for every model, since figures of another one do not compare."""

TIMES = 32
"""Steps of the midpoint rule from noise to latents."""

DEAD = 1e-8
"""A principal component with less of the largest one's variance is not modelled."""


def diffusability(
    train: LatentArray, held_out: Float[np.ndarray, "M d"], rng: np.random.Generator
) -> Measured:
    """AUC of a classifier between held-out latents and draws of a small generator: ½ is ideal.

    The generator is a flow (Lipman et al. 2023, with straight paths from noise) that is fitted to
    the training latents: a perceptron with two hidden layers of 128, 500 steps of 256 latents, on
    the CPU. It learns what the latents have beside the mean and covariance that it is given: with
    a perceptron of 0 it is exactly their Gaussian. So latents that are normal score about ½, in any
    dimension, and those with many modes, fine structure or thin manifolds more. What a
    larger model reaches in the end is another question; Skorokhodov et al. (2025) call it
    diffusability and judge it by spectra.

    Latents are whitened by the training latents first, so that scale, shift and rotation have no
    part in it; of many dimensions the first principal components, 64 or one for 50 training
    latents. The reference is ½, the interval DeLong's with the generator as it is: see
    `classifier_two_sample`.
    """
    if min(len(train), len(held_out)) < FEWEST_CLASSIFIED:
        return absent(f"a small generator needs at least {FEWEST_CLASSIFIED} latents of a split")
    mean = train.mean(0, dtype=np.float64)
    _, scales, axes = np.linalg.svd(train - mean, full_matrices=False)
    most = max(1, min(len(train) // LATENTS_EACH, MOST_COMPONENTS))
    alive = np.flatnonzero(np.square(scales) > DEAD * np.square(scales[0]))[:most]
    if not len(alive):
        return absent("all latents are the same")
    whiten = axes[alive].T * (len(train) ** 0.5 / scales[alive])
    known, unknown = (((z - mean) @ whiten).astype(np.float32) for z in (train, held_out))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        flow = Flow(len(alive))
        flow.fit(torch.from_numpy(known))
        drawn = flow.sample(min(len(unknown), MOST)).numpy()
    found = classifier_two_sample(drawn, unknown, rng)
    parts = f"{len(alive):,} of {train.shape[1]:,} principal components, "
    note = f"{'' if len(alive) == train.shape[1] else parts}{found.note}"
    return replace(found, note=note)


class Flow(nn.Module):
    """x₁ − x₀ given x_t = (1 − t) x₀ + t x₁, x₀ ~ N(0, I): in closed form for x₁ ~ N(0, I), plus a
    perceptron that begins as 0.
    """

    def __init__(self, d: int) -> None:
        super().__init__()
        self.d = d
        last = nn.Linear(WIDTH, d)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        hidden = nn.Linear(d + 1, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU()
        self.more = nn.Sequential(*hidden, last)

    def forward(self, x: Latents, t: Float[torch.Tensor, "B 1"]) -> Latents:
        normal = (2 * t - 1) / (t.square() + (1 - t).square()) * x
        return normal + self.more(torch.cat([x, t], 1))

    def error(self, x: Latents) -> PerExample:
        """The squared error of each latent's velocity, at one random time and noise."""
        noise, t = torch.randn_like(x), torch.rand(len(x), 1)
        return (self((1 - t) * noise + t * x, t) - (x - noise)).square().mean(1)

    def fit(self, z: Latents) -> None:
        optimiser = torch.optim.AdamW(self.parameters(), RATE)
        slower = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, STEPS)
        for _ in range(STEPS):
            optimiser.zero_grad()
            self.error(z[torch.randint(len(z), (BATCH,))]).mean().backward()
            optimiser.step()
            slower.step()

    @torch.no_grad()
    def sample(self, n: int) -> Latents:
        x, h = torch.randn(n, self.d), 1 / TIMES
        for step in range(TIMES):
            t = torch.full((n, 1), step * h)
            middle = x + h / 2 * self(x, t)
            x = x + h * self(middle, t + h / 2)
        return x

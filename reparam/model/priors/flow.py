"""A normalising flow: a neural spline flow of zuko, learned with the model or fitted afterwards."""

import copy
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from reparam.extras import need
from reparam.fields import option
from reparam.model.latent import LatentSpec
from reparam.model.networks import in_full_precision
from reparam.model.priors.base import (
    PRIORS,
    FitProgress,
    MappedNoise,
    PriorOptions,
    log_standard_normal,
    origin,
)
from reparam.model.priors.held_out import split_latents
from reparam.model.priors.triangular import fitted_normal, standardised
from reparam.types import Language, Latents, PerExample

STEPS = 1500
BATCH = 256
LEARNING_RATE = 5e-3
LOOK_EVERY = 50
PATIENCE = 8
"""Looks at the held-out latents without a better one before a fit ends."""


class FlowPrior(MappedNoise):
    """N(0, I) through rational-quadratic splines in coupling layers (Durkan et al. 2019).

    The splines are the identity beyond ±5, so a fitted flow works in coordinates in which the
    training latents have mean 0 and covariance I: z = m + L y. One that learns with the model
    (Chen et al. 2017, section 3.2) has m = 0 and L = I: the posteriors come to it.
    """

    kind: ClassVar[str] = "flow"

    mean: torch.Tensor
    factor: torch.Tensor

    def __init__(
        self, latent_dim: int, transforms: int = 3, hidden: int = 64, bins: int = 8
    ) -> None:
        need("prior flow", "flow")
        from zuko.flows import NSF  # imported late: nobody else waits for it

        super().__init__(latent_dim)
        self.fitted = False
        self.transforms, self.hidden, self.bins = transforms, hidden, bins
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("factor", torch.eye(latent_dim))
        with torch.random.fork_rng(devices=[]):  # a fit must not depend on the global state
            torch.default_generator.manual_seed(0)
            self.flow = NSF(
                latent_dim,
                passes=2,
                transforms=transforms,
                bins=bins,
                hidden_features=(hidden, hidden),
            )

    def describe(self, lang: Language = "en") -> str:
        how = origin(self.fitted, lang)
        korean = f"{how} 정규화 흐름(normalising flow)"
        return korean if lang == "ko" else f"a normalising flow {how}"

    def options(self) -> "FlowPriorOptions":
        return FlowPriorOptions(self.transforms, self.hidden, self.bins)

    def log_prob(self, z: Latents) -> PerExample:
        y = standardised(z - self.mean, self.factor)
        return self._white_log_prob(y) - self.factor.diagonal().log().sum()

    def _white_log_prob(self, y: Latents) -> PerExample:
        with in_full_precision(y):
            u, log_det = self._transform().call_and_ladj(y)
        return log_standard_normal(u) + log_det

    def from_normal(self, u: Latents) -> Latents:
        """The flow from its noise to latents."""
        return self.mean + self._transform().inv(u) @ self.factor.T

    def _transform(self) -> Any:  # of zuko's type, which is imported late
        return self.flow().transform

    def fit(self, z: Latents, seed: int = 0, progress: FitProgress | None = None) -> None:
        """Adam on the likelihood of nine tenths of the latents; the tenth decides when it ends.

        Kept are the weights under which the held-out tenth was likeliest. The learning rate falls
        along a cosine. Torch's global random state is left as it was. Raises DataError for too few
        or collapsed latents.
        """
        mean, factor = fitted_normal(z)
        self.mean.copy_(mean)
        self.factor.copy_(factor)
        white = standardised(z.double() - mean, factor).float()
        own, held_out = split_latents(white, seed)
        self._train(own, held_out, seed, progress)
        self.fitted = True
        self.requires_grad_(False)

    def _train(
        self,
        own: Float[Tensor, "own d"],
        held_out: Float[Tensor, "held d"],
        seed: int,
        progress: FitProgress | None,
    ) -> None:
        noise = torch.Generator().manual_seed(seed)
        volume = self.factor.diagonal().log().sum().item()
        optimiser = torch.optim.Adam(self.flow.parameters(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
        best, best_score, worse = copy.deepcopy(self.flow.state_dict()), -math.inf, 0
        for step in range(STEPS + 1):
            if step % LOOK_EVERY == 0:
                with torch.no_grad():
                    score = self._white_log_prob(held_out).mean().item()
                worse = 0 if score > best_score else worse + 1
                if score > best_score:
                    best, best_score = copy.deepcopy(self.flow.state_dict()), score
                if progress is not None and step % (10 * LOOK_EVERY) == 0:
                    progress(
                        f"step {step} of at most {STEPS}: held-out {best_score - volume:.3f} nats"
                    )
                if worse == PATIENCE:
                    break
            rows = torch.randint(len(own), (min(BATCH, len(own)),), generator=noise)
            loss = -self._white_log_prob(own[rows.to(own.device)]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        self.flow.load_state_dict(best)


@PRIORS.register("flow")
@dataclass(frozen=True)
class FlowPriorOptions(PriorOptions):
    """A neural spline flow that learns with a VAE, or is fitted afterwards."""

    is_learned: ClassVar[bool] = True
    is_fittable: ClassVar[bool] = True

    transforms: int = option(3, least=1)
    """Coupling layers."""

    hidden: int = option(64, least=1)
    """Units of each hidden layer of their networks."""

    bins: int = option(8, least=1)
    """Bins of each spline."""

    def build(self, latent: LatentSpec) -> FlowPrior:
        return FlowPrior(latent.dim, self.transforms, self.hidden, self.bins)

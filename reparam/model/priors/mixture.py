"""A mixture of Gaussians: learned with the model, or fitted to latents."""

import math
import warnings
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reparam.model.posterior import Posterior
from reparam.model.prior import Told, check_latents_to_fit, estimated_kl
from reparam.model.priors.held_out import split_latents
from reparam.model.priors.rosenblatt import mixture_from_normal
from reparam.model.priors.triangular import fitted_normal, lower, raw_of
from reparam.types import Latents, PerExample

COMPONENTS = (1, 2, 4, 8, 16, 32, 64)
"""Numbers of components that a fit chooses from, by the likelihood of held-out latents."""

PATIENCE = 2
"""Numbers in a row that are no better before a fit looks at no larger ones."""

LARGEST = 2**25
"""Numbers that ``log_prob`` holds at a time."""


class MixturePrior(nn.Module):
    """Σ_k w_k N(m_k, L_k L_kᵀ) in d dimensions, with K components.

    Before it learns anything its components are unit Gaussians around random means, from torch's
    global random state.
    """

    kind: ClassVar[str] = "mixture"
    needs_fit: ClassVar[bool] = False

    def __init__(self, latent_dim: int, components: int = 1) -> None:
        super().__init__()
        self.fitted = False
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, latent_dim))
        self.raw = nn.Parameter(torch.zeros(components, latent_dim, latent_dim))

    @property
    def description(self) -> str:
        how = "fitted to the latents" if self.fitted else "learned with the model"
        count = len(self.logits)
        return f"a mixture of {count} Gaussian{'s' if count > 1 else ''} {how}"

    @property
    def sizes(self) -> dict[str, int]:
        return {"latent_dim": self.means.shape[1], "components": len(self.logits)}

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        weights = self.logits.softmax(0)
        which = torch.multinomial(weights, n, replacement=True, generator=generator)
        shape = (n, self.means.shape[1])
        epsilon = torch.randn(shape, generator=generator, device=self.means.device)
        return self.means[which] + (lower(self.raw)[which] @ epsilon[:, :, None])[:, :, 0]

    def log_prob(self, z: Latents) -> PerExample:
        rows = max(1, LARGEST // self.means.numel())
        return torch.cat([self._log_prob(part) for part in z.split(rows)])

    def _log_prob(self, z: Latents) -> PerExample:
        apart = (z[None] - self.means[:, None]).mT  # (K, d, B)
        y = torch.linalg.solve_triangular(lower(self.raw), apart, upper=False)
        log_dets = self.raw.diagonal(dim1=1, dim2=2).sum(1, keepdim=True)
        each = -0.5 * (y.square() + math.log(2 * math.pi)).sum(1) - log_dets
        return torch.logsumexp(self.logits.log_softmax(0)[:, None] + each, 0)

    def from_normal(self, u: Latents) -> Latents:
        """By the conditional quantile functions, one dimension after another."""
        return mixture_from_normal(self.logits, self.means, lower(self.raw), u)

    def kl(self, q: Posterior, z: Latents) -> PerExample:
        return estimated_kl(self, q, z)

    def take(
        self,
        weights: Float[Tensor, " k"],
        means: Float[Tensor, "k d"],
        factors: Float[Tensor, "k d d"],
    ) -> None:
        """Becomes the mixture of these weights, means and lower factors of the covariances."""
        like = self.means
        self.logits = nn.Parameter(weights.log().to(like))
        self.means = nn.Parameter(means.to(like))
        self.raw = nn.Parameter(raw_of(factors).to(like))

    def fit(self, z: Latents, seed: int = 0, told: Told | None = None) -> None:
        """Expectation maximisation by scikit-learn, the number of components by held-out latents.

        A tenth of the latents is held out; of COMPONENTS the number is taken under which these are
        likeliest. The fit is made in coordinates in which the latents have mean 0 and covariance I,
        so that scikit-learn's constants suit latents of any scale. Raises DataError for too few or
        collapsed latents.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        check_latents_to_fit(z)
        centre, factor = fitted_normal(z)
        white = torch.linalg.solve_triangular(factor, (z.double() - centre).T, upper=False).T
        own, held_out = (part.cpu().numpy() for part in split_latents(white, seed))
        best, best_score, worse = None, -math.inf, 0
        for count in (k for k in COMPONENTS if k * (z.shape[1] + 1) <= len(own)):
            mixture = GaussianMixture(count, max_iter=300, random_state=seed)
            with warnings.catch_warnings():
                # A fit that could still rise a little is judged by the held-out latents like others
                warnings.simplefilter("ignore", ConvergenceWarning)
                score = float(mixture.fit(own).score(held_out))
            if told is not None:
                nats = score - factor.diagonal().log().sum().item()
                told(f"{count} of at most {COMPONENTS[-1]} Gaussians: held-out {nats:.3f} nats")
            worse = 0 if score > best_score else worse + 1
            if score > best_score:
                best, best_score = mixture, score
            if worse == PATIENCE:
                break
        assert best is not None  # one component always fits
        covariances = torch.from_numpy(best.covariances_).to(factor)
        self.take(
            torch.from_numpy(best.weights_).to(factor),
            centre + torch.from_numpy(best.means_).to(factor) @ factor.T,
            factor @ torch.linalg.cholesky(covariances),
        )
        self.fitted = True
        self.requires_grad_(False)

"""A mixture of Gaussians: learned with the model, or fitted to latents."""

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reparam.fields import option
from reparam.model.latent import LatentSpec
from reparam.model.priors.base import (
    PRIORS,
    FitProgress,
    Prior,
    PriorOptions,
    log_standard_normal,
    origin,
)
from reparam.model.priors.held_out import split_latents
from reparam.model.priors.rosenblatt import mixture_from_normal
from reparam.model.priors.triangular import (
    Covariance,
    fitted_normal,
    is_diagonal,
    lower,
    raw_of,
    standardised,
)
from reparam.types import Language, Latents, PerExample

COMPONENTS = (1, 2, 4, 8, 16, 32, 64)
"""Numbers of components that a fit chooses from, by the likelihood of held-out latents."""

PATIENCE = 2
"""Numbers in a row that are no better before a fit looks at no larger ones."""

LARGEST = 2**25
"""Numbers that ``log_prob`` and ``sample`` hold at a time."""


class MixturePrior(Prior):
    """Σ_k w_k N(m_k, L_k L_kᵀ) in d dimensions, with K components.

    ``raw`` holds the factors L_k as ``triangular.lower`` has them (K, d, d), or, of diagonal
    covariances, the logarithms of the standard deviations (K, d). Before it learns anything its
    components are unit Gaussians around random means, from torch's global random state.
    """

    kind: ClassVar[str] = "mixture"

    def __init__(
        self, latent_dim: int, components: int = 1, covariance: Covariance = "auto"
    ) -> None:
        super().__init__()
        self.fitted = False
        self.covariance: Covariance = covariance
        self.diagonal = is_diagonal(covariance, latent_dim)
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, latent_dim))
        shape = (components, latent_dim) if self.diagonal else (components, latent_dim, latent_dim)
        self.raw = nn.Parameter(torch.zeros(shape))

    def describe(self, lang: Language = "en") -> str:
        count, how = len(self.logits), origin(self.fitted, lang)
        if lang == "ko":
            return f"{how} 정규 분포 {count}개의 혼합 분포"
        return f"a mixture of {count} Gaussian{'s' if count > 1 else ''} {how}"

    def options(self) -> "MixturePriorOptions":
        return MixturePriorOptions(len(self.logits), self.covariance)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        weights = self.logits.softmax(0)
        which = torch.multinomial(weights, n, replacement=True, generator=generator)
        shape = (n, self.means.shape[1])
        epsilon = torch.randn(shape, generator=generator, device=self.means.device)
        if self.diagonal:
            return self.means[which] + self.raw.exp()[which] * epsilon
        factors, rows = lower(self.raw), max(1, LARGEST // self.raw[0].numel())
        parts = zip(which.split(rows), epsilon.split(rows), strict=True)
        moved = [(factors[k] @ e[:, :, None])[:, :, 0] for k, e in parts]
        return self.means[which] + torch.cat(moved)

    def log_prob(self, z: Latents) -> PerExample:
        rows = max(1, LARGEST // self.means.numel())
        return torch.cat([self._log_prob(part) for part in z.split(rows)])

    def _log_prob(self, z: Latents) -> PerExample:
        apart = (z[None] - self.means[:, None]).mT  # (K, d, B)
        if self.diagonal:
            y = apart * torch.exp(-self.raw)[:, :, None]
            log_dets = self.raw.sum(1, keepdim=True)
        else:
            y = torch.linalg.solve_triangular(lower(self.raw), apart, upper=False)
            log_dets = self.raw.diagonal(dim1=1, dim2=2).sum(1, keepdim=True)
        each = log_standard_normal(y) - log_dets
        return torch.logsumexp(self.logits.log_softmax(0)[:, None] + each, 0)

    def from_normal(self, u: Latents) -> Latents:
        """By the conditional quantile functions, one dimension after another."""
        factors = self.raw.exp() if self.diagonal else lower(self.raw)
        return mixture_from_normal(self.logits, self.means, factors, u)

    def take(
        self,
        weights: Float[Tensor, " k"],
        means: Float[Tensor, "k d"],
        factors: Float[Tensor, "k d *d2"],
    ) -> None:
        """Becomes the mixture of these weights, means and lower factors of the covariances
        (standard deviations, where these are diagonal).
        """
        like = self.means
        self.logits = nn.Parameter(weights.log().to(like))
        self.means = nn.Parameter(means.to(like))
        self.raw = nn.Parameter(raw_of(factors, diagonal=self.diagonal).to(like))

    def fit(self, z: Latents, seed: int = 0, progress: FitProgress | None = None) -> None:
        """Expectation maximisation by scikit-learn, the number of components by held-out latents.

        A tenth of the latents is held out; of COMPONENTS the number is taken under which these are
        likeliest. The fit is made in coordinates in which the latents have mean 0 and covariance I
        (variances 1, where covariances are diagonal), so that scikit-learn's constants suit latents
        of any scale. Raises DataError for too few or collapsed latents.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        centre, scale = fitted_normal(z, diagonal=self.diagonal)
        white = standardised(z.double() - centre, scale)
        volume = (scale if self.diagonal else scale.diagonal()).log().sum().item()
        own, held_out = (part.cpu().numpy() for part in split_latents(white, seed))
        best, best_score, worse = None, -math.inf, 0
        per_component = 2 if self.diagonal else z.shape[1] + 1
        for count in (k for k in COMPONENTS if k * per_component <= len(own)):
            mixture = GaussianMixture(
                count,
                covariance_type="diag" if self.diagonal else "full",
                max_iter=300,
                random_state=seed % 2**32,
            )
            with warnings.catch_warnings():
                # A fit that could still rise a little is judged by the held-out latents like others
                warnings.simplefilter("ignore", ConvergenceWarning)
                score = float(mixture.fit(own).score(held_out))
            if progress is not None:
                nats = score - volume
                progress(f"{count} of at most {COMPONENTS[-1]} Gaussians: held-out {nats:.3f} nats")
            worse = 0 if score > best_score else worse + 1
            if score > best_score:
                best, best_score = mixture, score
            if worse == PATIENCE:
                break
        assert best is not None  # one component always fits
        weights, means, covariances = (
            torch.from_numpy(found).to(scale)
            for found in (best.weights_, best.means_, best.covariances_)
        )
        if self.diagonal:
            self.take(weights, centre + means * scale, covariances.sqrt() * scale)
        else:
            factors = scale @ torch.linalg.cholesky(covariances)
            self.take(weights, centre + means @ scale.T, factors)
        self.fitted = True
        self.requires_grad_(False)


@PRIORS.register("mixture")
@dataclass(frozen=True)
class MixturePriorOptions(PriorOptions):
    """Gaussians that learn weights, means and covariances with a VAE, or are fitted afterwards."""

    is_learned: ClassVar[bool] = True
    is_fittable: ClassVar[bool] = True

    components: int = option(10, least=1)
    """Gaussians of the mixture; a fit chooses their number itself."""

    covariance: Covariance = "auto"
    """full, with d² numbers for each, or diagonal; auto is full up to 512 latent dimensions."""

    def build(self, latent: LatentSpec) -> MixturePrior:
        return MixturePrior(latent.dim, self.components, self.covariance)

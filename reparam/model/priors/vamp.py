"""The VampPrior: the mixture of the posteriors of images that are learned with the model."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from reparam.errors import ConfigError
from reparam.fields import option
from reparam.model.latent import LatentSpec
from reparam.model.networks import Encoder
from reparam.model.posteriors import DiagonalNormal, Distribution, Posterior
from reparam.model.priors.base import PRIORS, Prior, PriorOptions
from reparam.types import Images, Index, Language, Latents, PerExample

DARKEST = 0.02
"""Learned pixels begin between this and 1 less this: nearer to the ends they would hardly move."""

JITTER = 0.05
"""Standard deviation of what is added to each, so that two that begin from one image differ."""


class EncodedImages(Prior):
    """An even mixture, of a distribution for each of the images ``inputs`` (K, C, H, W) that the
    model's own encoder and posterior make. These belong to the model, and the prior reads them.
    """

    inputs: Tensor

    def __init__(self, components: int) -> None:
        super().__init__()
        self.components = components
        self.model: tuple[Encoder, Posterior] | None = None  # a tuple: no modules of the prior's
        self._known: tuple[object, Distribution] | None = None

    def bind(self, encoder: Encoder, posterior: Posterior) -> None:
        height, width, channels = encoder.image_shape
        self.model = (encoder, posterior)
        self._begin_inputs(torch.Size((self.components, channels, height, width)))

    @abstractmethod
    def _begin_inputs(self, shape: torch.Size) -> None: ...

    @abstractmethod
    def _posteriors(self) -> Distribution: ...

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "EncodedImages":
        """A copy of the prior alone moves, or changes its precision, with what it reads."""
        super()._apply(fn, recurse)
        for part in self.model or ():
            part._apply(fn, recurse)
        return self

    def infer(self, images: Images) -> Distribution:
        """q(z|x)."""
        assert self.model is not None, f"{type(self).__name__} must be part of an Autoencoder"
        encoder, posterior = self.model
        return posterior(encoder(images))

    def posteriors(self) -> Distribution:
        """Of every image, in a batch of its own.

        Where nothing trains they are computed once for the weights as they are.
        """
        if self.training or torch.is_grad_enabled():
            self._known = None
            return self._posteriors()
        parts = (self, *(self.model or ()))
        weights = [w for part in parts for w in (*part.parameters(), *part.buffers())]
        now = tuple((w.data_ptr(), w._version) for w in weights)
        if self._known is None or self._known[0] != now:
            self._known = now, self._posteriors()
        return self._known[1]

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        each, device = self.posteriors(), self.inputs.device
        which = torch.randint(len(each.mean), (n,), generator=generator, device=device)
        return each.rows(which).rsample(generator)

    def log_prob(self, z: Latents) -> PerExample:
        return self.posteriors().mixture_log_prob(z).to(z.dtype)


class VampPrior(EncodedImages):
    """p(z) = 1/K Σ_k q(z|u_k) with K pseudo-inputs u_k (Tomczak & Welling 2018, eq. 9): the mixture
    of posteriors is the prior under which the ELBO is highest (ibid., eq. 6), and K images stand
    for all. ``inputs`` are the pseudo-inputs' pixels as logits; an image is their sigmoid.

    ``top``: of how many last dimensions of z it is, those of a second layer, whose q(z2|u_k) counts
    as normal, with its mean and variance at z1's mean; 0: of all.
    """

    kind: ClassVar[str] = "vamp"

    def __init__(self, components: int, top: int = 0) -> None:
        super().__init__(components)
        self.top = top

    def _begin_inputs(self, shape: torch.Size) -> None:
        self.inputs = nn.Parameter(JITTER * torch.randn(shape))

    def _posteriors(self) -> Distribution:
        q = self.infer(self.inputs.sigmoid())
        if not self.top:
            return q
        if q.log_variance is None:
            raise ConfigError(
                f"a VampPrior of a second layer needs a posterior with variances, got "
                f"{type(q).__name__}. Fix: take --posterior chain"
            )
        return DiagonalNormal(q.mean[:, -self.top :], q.log_variance[:, -self.top :])

    @torch.no_grad()
    def init_images(self, images: Images, index: Index) -> None:
        """Pseudo-inputs begin as these images (N, C, H, W) in [0, 1], each as often as needed.

        Uses torch's global random state.
        """
        some = images[torch.arange(self.components) % len(images)].to(self.inputs)
        logits = some.clamp(DARKEST, 1 - DARKEST).logit()
        self.inputs.copy_(logits + JITTER * torch.randn(logits.shape).to(logits))

    @property
    def title(self) -> str:
        return "VampPrior"

    def describe(self, lang: Language = "en") -> str:
        if lang == "ko":
            return f"모델과 함께 학습한 이미지 {self.components}장의 사후 분포를 섞은 VampPrior"
        return f"a VampPrior: the mixture of the posteriors of {self.components} learned images"


@PRIORS.register("vamp")
@dataclass(frozen=True)
class VampPriorOptions(PriorOptions):
    """The mixture of the posteriors of images that are learned with the model (VampPrior)."""

    is_learned: ClassVar[bool] = True

    components: int = option(500, least=1)
    """Learned images (pseudo-inputs) K, all of which pass the encoder in every step."""

    def build(self, latent: LatentSpec) -> VampPrior:
        return VampPrior(self.components)

"""The VampPrior: the mixture of the posteriors of images that are learned with the model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from reparam.errors import ConfigError
from reparam.model.latent import LatentSpec
from reparam.model.networks import Encoder
from reparam.model.posteriors import Distribution, Posterior
from reparam.model.priors.base import PRIORS, Prior, PriorOptions
from reparam.types import Images, Language, Latents, PerExample

DARKEST = 0.02
"""Learned pixels begin between this and 1 less this: nearer to the ends they would hardly move."""

JITTER = 0.05
"""Standard deviation of what is added to each, so that two that begin from one image differ."""


class VampPrior(Prior):
    """p(z) = 1/K Σ_k q(z|u_k) with K pseudo-inputs u_k (Tomczak & Welling 2018, eq. 9): the mixture
    of posteriors is the prior under which the ELBO is highest (ibid., eq. 6), and K images stand
    for all. q is the model's own: encoder and posterior belong to the model, and the prior reads
    them.

    ``inputs`` (K, C, H, W): the pseudo-inputs' pixels as logits; an image is their sigmoid.
    """

    kind: ClassVar[str] = "vamp"

    def __init__(self, components: int) -> None:
        super().__init__()
        self.components = components
        self.model: tuple[Encoder, Posterior] | None = None  # a tuple: no modules of the prior's
        self._known: tuple[object, Distribution] | None = None

    def bind(self, encoder: Encoder, posterior: Posterior) -> None:
        height, width, channels = encoder.image_shape
        self.model = (encoder, posterior)
        shape = (self.components, channels, height, width)
        self.inputs = nn.Parameter(JITTER * torch.randn(shape))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "VampPrior":
        """A copy of the prior alone moves, or changes its precision, with what it reads."""
        super()._apply(fn, recurse)
        for part in self.model or ():
            part._apply(fn, recurse)
        return self

    @torch.no_grad()
    def init_images(self, images: Images) -> None:
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

    def posteriors(self) -> Distribution:
        """q(z|u_k) of every pseudo-input, in a batch of its own.

        Where nothing trains they are computed once for the weights as they are.
        """
        assert self.model is not None, "a VampPrior must be part of an Autoencoder"
        if self.training or torch.is_grad_enabled():
            self._known = None
            return self._posteriors()
        weights = [self.inputs, *(w for part in self.model for w in _tensors(part))]
        now = tuple((w.data_ptr(), w._version) for w in weights)
        if self._known is None or self._known[0] != now:
            self._known = now, self._posteriors()
        return self._known[1]

    def _posteriors(self) -> Distribution:
        assert self.model is not None
        encoder, posterior = self.model
        return posterior(encoder(self.inputs.sigmoid()))

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        device = self.inputs.device
        which = torch.randint(self.components, (n,), generator=generator, device=device)
        return self.posteriors().rows(which).rsample(generator)

    def log_prob(self, z: Latents) -> PerExample:
        return self.posteriors().mixture_log_prob(z).to(z.dtype)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


@PRIORS.register("vamp")
@dataclass(frozen=True)
class VampPriorOptions(PriorOptions):
    """The mixture of the posteriors of images that are learned with the model (VampPrior)."""

    is_learned: ClassVar[bool] = True

    components: int = 500
    """Learned images (pseudo-inputs) K, all of which pass the encoder in every step."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.components < 1:
            raise ConfigError(
                f"prior_components must be 1 or more, got {self.components}. Fix: 500 is usual"
            )

    def build(self, latent: LatentSpec) -> VampPrior:
        return VampPrior(self.components)

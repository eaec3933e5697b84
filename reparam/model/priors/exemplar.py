"""The exemplar prior: a normal distribution around what the encoder says of training images."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from reparam.fields import option
from reparam.model.latent import LatentSpec
from reparam.model.noise import Noise, draw_rows
from reparam.model.posteriors import DiagonalNormal
from reparam.model.priors.base import PRIORS, PriorOptions
from reparam.model.priors.vamp import EncodedImages
from reparam.types import Images, Index, Language, Latents, PerExample


class ExemplarPrior(EncodedImages):
    """p(z) = 1/K Σ_k N(z; μ(x_k), σ² I) with K training images x_k, the posterior's own mean μ and
    one σ² that is learned (Norouzi et al. 2020, section 3).

    A training step takes ``per_step`` of them, from a random one on in a random order, and none for
    latents of its own (leave-one-out). Otherwise all K count: exactly, not the nearest alone.
    """

    kind: ClassVar[str] = "exemplar"
    positions: Tensor

    def __init__(self, components: int, per_step: int) -> None:
        super().__init__(components)
        self.per_step = min(per_step, components)
        self.log_var = nn.Parameter(torch.zeros(()))
        self.register_buffer("positions", torch.zeros(components, dtype=torch.long))
        self.step: tuple[Index, Index] | None = None  # its images' positions, and exemplars

    def _begin_inputs(self, shape: torch.Size) -> None:
        self.register_buffer("inputs", torch.zeros(shape, dtype=torch.uint8))

    @torch.no_grad()
    def init_images(self, images: Images, index: Index) -> None:
        """These, in an order by torch's global random state, each as often as needed."""
        chosen = torch.randperm(self.components) % len(images)
        self.inputs.copy_((255 * images[chosen]).round())
        self.positions.copy_(index[chosen])

    def begin_step(self, index: Index, noise: Noise) -> None:
        def same(n: int, generator: torch.Generator | None) -> Tensor:  # for all parts of a batch
            return torch.randint(self.components, (1,), generator=generator, device=device).expand(
                n
            )

        device = self.inputs.device
        first = draw_rows(same, noise, index)[:1]
        self.step = index, (first + torch.arange(self.per_step, device=device)) % self.components

    def describe(self, lang: Language = "en") -> str:
        if lang == "ko":
            return f"학습 이미지를 중심으로 한 정규 분포 {self.components}개의 혼합 분포"
        return f"a mixture of normal distributions around {self.components} training images"

    def _posteriors(self) -> DiagonalNormal:
        used = self.inputs[self.step[1]] if self.training and self.step else self.inputs
        parts = used.split(500)  # for the sake of memory
        mean = torch.cat([self.infer(part.to(self.log_var.dtype) / 255).mean for part in parts])
        return DiagonalNormal(mean, self.log_var.expand_as(mean))

    def log_prob(self, z: Latents) -> PerExample:
        if not (self.training and self.step):
            return super().log_prob(z)
        index, used = self.step
        own = (index[:, None] == self.positions[used]).repeat_interleave(len(z) // len(index), 0)
        own &= ~own.all(1, keepdim=True)  # the only exemplar is also its own image's
        squares = torch.cdist(z.double(), self.posteriors().mean.double()).square()
        each = -0.5 * squares * torch.exp(-self.log_var)
        mixed = each.masked_fill(own, -torch.inf).logsumexp(1) - (~own).sum(1).log()
        return (mixed - z.shape[1] / 2 * (self.log_var + math.log(2 * math.pi))).to(z.dtype)


@PRIORS.register("exemplar")
@dataclass(frozen=True)
class ExemplarPriorOptions(PriorOptions):
    """A mixture of normal distributions around the latents of training images (Exemplar VAE)."""

    is_learned: ClassVar[bool] = True

    components: int = option(5000, least=1)
    """Training images K that are exemplars. The model's files hold them."""

    per_step: int = option(500, least=1)
    """Of them in each training step, where all of these pass the encoder."""

    def build(self, latent: LatentSpec) -> ExemplarPrior:
        return ExemplarPrior(self.components, self.per_step)

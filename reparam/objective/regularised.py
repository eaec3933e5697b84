"""The terms of a regularised autoencoder: small latents, and a decoder that is smooth there."""

import math
from dataclasses import dataclass, field

import torch

from reparam.model import Autoencoder, normal, twice_differentiable
from reparam.objective.base import TERMS, Drawn, TermOptions
from reparam.types import PerExample


@TERMS.register("latent-norm")
@dataclass(frozen=True)
class LatentNormOptions(TermOptions):
    """Half of a latent's squared length (RAE).

    ½ ‖z‖² / D (Ghosh et al. 2020, eq. 7), D = pixels × channels: beside a mean squared error the
    weight is the paper's β, which is beside the sum.
    """

    weight: float = field(default=1e-4, kw_only=True)
    """Of half the squared length of a latent against an image's squared error."""

    def value(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        return drawn.z.square().sum(1) / (2 * math.prod(model.image_shape))


@TERMS.register("decoder-norm")
@dataclass(frozen=True)
class DecoderNormOptions(TermOptions):
    """Half of the squared norm of the decoder's weights: weight decay (RAE-L2).

    ½ ‖θ‖² / D of the decoder's parameters θ (Ghosh et al. 2020, section 3.1), D = pixels ×
    channels. The same for every image.
    """

    weight: float = field(default=1e-4, kw_only=True)
    """Of half the squared norm against an image's squared error."""

    def value(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        squares = torch.stack([p.square().sum() for p in model.decoder.parameters()])
        norm = squares.sum() / (2 * math.prod(model.image_shape))
        return norm.expand(len(drawn.z))


@TERMS.register("decoder-gradient")
@dataclass(frozen=True)
class DecoderGradientOptions(TermOptions):
    """How fast images change from latent to latent: the decoder's squared gradient (RAE-GP).

    ‖∂ decode(z) / ∂z‖² / D, the squared Frobenius norm of the Jacobian (Ghosh et al. 2020,
    section 3.1), D = pixels × channels. It trains the decoder alone, differentiated twice, in
    float32 and without kernels of our own: where these are, a step takes six times as long
    (docs/log.md).
    """

    weight: float = field(default=1e-4, kw_only=True)
    """Of the squared norm against an image's squared error."""

    def value(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        """Estimated without bias: E ‖Jᵀ v‖² = ‖J‖² for v ~ N(0, I) (Hutchinson 1990)."""
        trains = torch.is_grad_enabled()
        z = drawn.z.detach().requires_grad_()
        in_float32 = torch.autocast(z.device.type, enabled=False)
        with torch.enable_grad(), in_float32, twice_differentiable():
            decoded = model.decode(z, drawn.batch.labels)
            v = normal(decoded.shape, drawn.noise, decoded)
            (gradient,) = torch.autograd.grad(decoded, z, v, create_graph=trains)
        return gradient.square().sum(1) / decoded[0].numel()

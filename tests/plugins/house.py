import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import reparam as rp


@rp.ENCODERS.register("vit")
@dataclass(frozen=True)
class VitOptions(rp.EncoderOptions):
    """A small vision transformer (Dosovitskiy et al. 2021), averaged over its patches."""

    patch: int = 4
    """Side of a patch, in pixels."""

    def build(self, image_shape):
        return Vit(self.patch, image_shape)


class Vit(rp.Encoder):
    def __init__(self, patch: int, image_shape: tuple[int, int, int], width: int = 32) -> None:
        super().__init__()
        self.image_shape, self.feature_shape = image_shape, (width,)
        self.embed = nn.Conv2d(image_shape[2], width, patch, patch)
        self.place = nn.Parameter(torch.randn(math.prod(image_shape[:2]) // patch**2, width) / 50)
        self.attend, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, labels=None):
        h = self.embed(x).flatten(2).mT + self.place
        qkv = self.attend(h).unflatten(2, (3, 4, -1)).permute(2, 0, 3, 1, 4)  # four heads
        h = h + nn.functional.scaled_dot_product_attention(*qkv).transpose(1, 2).flatten(2)
        return (h + nn.functional.gelu(self.mix(h))).mean(1)


@dataclass(frozen=True)
class Logistic(rp.Distribution):
    mu: Tensor
    log_scale: Tensor
    mean = property(lambda q: q.mu)
    variance = property(lambda q: torch.exp(2 * q.log_scale) * math.pi**2 / 3)

    def rsample(self, noise=None):
        u = rp.uniform(self.mu.shape, noise, self.mu)
        return self.mu + self.log_scale.exp() * u.logit(eps=1e-6)

    def log_prob(self, z):
        x = (self.mu - z) * torch.exp(-self.log_scale)
        return (x - self.log_scale - 2 * nn.functional.softplus(x)).sum(1)


@rp.POSTERIORS.register("logistic")
class LogisticOptions(rp.PosteriorOptions):
    """A logistic distribution for each dimension."""

    distribution = Logistic


@rp.PRIORS.register("ring")
@dataclass(frozen=True)
class RingOptions(rp.PriorOptions):
    """Gaussians of standard deviation ½ on a circle of radius 2."""

    modes: int = 8
    """How many."""

    def build(self, latent):
        return Ring(self.modes, latent.dim)


class Ring(rp.Prior):
    kind = "ring"

    def __init__(self, modes: int, dim: int) -> None:
        super().__init__()
        angle = 2 * math.pi * torch.arange(modes) / modes
        circle = torch.stack([2 * angle.cos(), 2 * angle.sin()], 1)
        self.register_buffer("centres", nn.functional.pad(circle, (0, dim - 2)))

    def sample(self, n, generator=None):
        which = torch.randint(len(self.centres), (n,), generator=generator)
        return self.centres[which] + torch.randn(n, len(self.centres.T), generator=generator) / 2

    def log_prob(self, z):
        each = -2 * (z[:, None] - self.centres).square() - math.log(math.sqrt(math.pi / 2))
        return each.sum(2).logsumexp(1) - math.log(len(self.centres))


@rp.LIKELIHOODS.register("laplace")
class LaplaceOptions(rp.LikelihoodOptions):
    """Laplace pixels of scale 0.1: the absolute error."""

    def build(self, image_shape):
        return LaplaceLikelihood(math.prod(image_shape))


class LaplaceLikelihood(rp.Likelihood):
    def forward(self, decoded):
        return LaplacePixels(decoded)


@dataclass(frozen=True)
class LaplacePixels(rp.Pixels):
    decoded: Tensor
    mean = property(lambda p: p.decoded)

    def log_prob(self, x):
        return (-(x - self.decoded).abs() / 0.1 - math.log(0.2)).flatten(1).sum(1)


@rp.OBJECTIVES.register("renyi")
@dataclass(frozen=True)
class Renyi(rp.Objective):
    """The variational Rényi bound (Li & Turner 2016, eq. 14), negated."""

    alpha: float = 0.5
    """0 is the importance-weighted bound, of two latents for each image; it must not be 1."""

    def __call__(self, model, batch, phase, noise=None):
        q, log_weights = model.infer(batch.seen, batch.labels), []
        for _ in range(2):
            z = q.rsample(noise)
            pixels = model.pixels(z, batch.labels)
            terms = model.likelihood.terms(pixels, batch.images)
            rate = q.log_prob(z) - model.prior.log_prob(z)
            log_weights.append(-terms["distortion"] - phase.rate_weight * rate)
        powers = (1 - self.alpha) * torch.stack(log_weights)
        loss = -(powers.logsumexp(0) - math.log(2)) / (1 - self.alpha)
        terms = {**terms, "rate": rate, "loss": loss}
        return rp.Losses(loss, terms, rp.Drawn(batch, q, z, pixels))


@rp.TERMS.register("latent-range")
class LatentRangeOptions(rp.TermOptions):
    """The largest |z_j|."""

    def value(self, model, drawn):
        return drawn.z.abs().amax(1)

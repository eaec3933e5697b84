"""The negative evidence lower bound, image by image."""

from dataclasses import dataclass

import torch

from reparam.model import Autoencoder, DiagonalNormal, Factorised
from reparam.model.noise import Noise
from reparam.objective.binarisation import binarise
from reparam.objective.config import ObjectiveConfig
from reparam.objective.corruption import corrupt
from reparam.types import Images, Latents, PerExample


@dataclass(frozen=True)
class ElboTerms:
    """Distortion and rate KL(q(z|x) ‖ p(z)) of each image, in nats.

    The distortion is −log p(x|z) without the likelihood's constant normaliser, if it has one, which
    ``Weight.losses`` adds when it reports; the gradient is the same.
    """

    distortion: PerExample
    rate: PerExample
    rates: Latents | None = None
    """The rate of each latent dimension (B, d), where it is their sum."""

    @property
    def loss(self) -> PerExample:
        """Distortion + rate: the negative ELBO, up to the normaliser."""
        return self.distortion + self.rate


def elbo_terms(
    model: Autoencoder,
    x: Images,
    objective: ObjectiveConfig,
    generator: Noise = None,
) -> ElboTerms:
    """Distortion and rate of each image at one z ~ q(z|x) (Kingma & Welling 2014, eq. 7).

    With ``objective.binarise`` the image is first made black and white, for encoder and distortion
    alike. With ``objective.corrupt`` the encoder sees a noisy image and the distortion is to the
    clean one (Vincent et al. 2010). Without a regulariser the rate is 0: the plain autoencoder.
    """
    x = binarise(x, objective.binarise, generator)
    q = model.posterior(corrupt(x, objective.corrupt, objective.corrupt_amount, generator))
    z = q.rsample(generator)
    distortion = model.pixels(z).distortion(x)
    if objective.regulariser == "none":
        return ElboTerms(distortion, torch.zeros_like(distortion))
    if isinstance(model.prior, Factorised) and isinstance(q, DiagonalNormal):
        rates = model.prior.kl_by_dimension(q)
        return ElboTerms(distortion, rates.sum(1), rates)
    return ElboTerms(distortion, model.prior.kl(q, z))

"""Autoencoder: six parts in one object. AE and VAE differ in the parts, and in nothing else."""

import torch
from jaxtyping import Float
from torch import nn

from reparam.model.config import ModelConfig
from reparam.model.convolutional import ConvolutionalDecoder, ConvolutionalEncoder
from reparam.model.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood, Pixels
from reparam.model.mlp import MlpDecoder, MlpEncoder
from reparam.model.networks import Decoder, Encoder
from reparam.model.posterior import Delta, DiagonalNormal, Posterior, posterior_type
from reparam.model.priors import AnyPrior, model_prior
from reparam.types import Images, Latents


class Autoencoder(nn.Module):
    """x → q(z|x), z → p(x|z), with a prior p(z).

    ``encode`` is deterministic (the posterior's mean); sampling is asked for by name and takes a
    generator. Images are (B, C, H, W) in [0, 1], latents (B, d).
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        posterior: type[Delta] | type[DiagonalNormal],
        prior: AnyPrior,
        likelihood: Likelihood,
        latent_dim: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.posterior_type = posterior
        self.prior: AnyPrior = prior
        self.likelihood = likelihood
        self.latent_dim = latent_dim

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.encoder.image_shape

    def posterior(self, x: Images) -> Posterior:
        """q(z|x)."""
        return self.posterior_type(**self.encoder(x))

    def encode(self, x: Images) -> Latents:
        """The posterior's mean."""
        return self.posterior(x).mean

    def pixels(self, z: Latents) -> Pixels:
        """p(x|z)."""
        return self.likelihood(self.decoder(z))

    def decode(self, z: Latents) -> Images:
        """The likelihood's mean."""
        return self.pixels(z).mean

    def reconstruct(self, x: Images) -> Images:
        """decode(encode(x)), without sampling."""
        return self.decode(self.encode(x))

    def sample(self, n: int, generator: torch.Generator | None = None) -> Images:
        """Decodings of n draws from the prior."""
        return self.decode(self.prior.sample(n, generator))

    def forward(self, x: Images) -> Images:
        return self.reconstruct(x)

    def begin_at(self, image: Float[torch.Tensor, "C H W"]) -> None:
        """Sets the decoder's last bias so that every decoding begins near this image, in [0, 1]."""
        self.decoder.begin_at(self.likelihood.at_mean(image))


def build_autoencoder(
    config: ModelConfig, image_shape: tuple[int, int, int], variance: float = 1.0
) -> Autoencoder:
    """The model that ``config`` describes, freshly initialised from torch's global random state.

    ``image_shape`` is height, width, channels; ``variance`` is σ² of a gaussian likelihood.
    Raises ConfigError for unknown names and ShapeError for strides that do not fit the image.
    """
    posterior = posterior_type(config.posterior)
    encoder: Encoder
    decoder: Decoder
    if config.architecture == "mlp":
        encoder = MlpEncoder(config, image_shape, posterior.parameters)
        decoder = MlpDecoder(config, image_shape)
    else:
        encoder = ConvolutionalEncoder(config, image_shape, posterior.parameters)
        decoder = ConvolutionalDecoder(config, image_shape, encoder.feature_shape)
    prior = model_prior(config)
    likelihood: GaussianLikelihood | BernoulliLikelihood = GaussianLikelihood(variance)
    if config.likelihood == "bernoulli":
        likelihood = BernoulliLikelihood()
    return Autoencoder(encoder, decoder, posterior, prior, likelihood, config.latent_dim)

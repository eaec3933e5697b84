"""Autoencoder: five parts in one object. AE and VAE differ in the parts, and in nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import nn

from reparam.errors import ConfigError, ShapeError, is_of_memory
from reparam.model.config import ModelConfig
from reparam.model.latent import LatentSpec
from reparam.model.likelihoods import Likelihood, Pixels
from reparam.model.networks import (
    Classifier,
    Components,
    ConditionalDecoder,
    ConditionalEncoder,
    Decoder,
    Encoder,
    ImageShape,
    principal_components,
    widened,
)
from reparam.model.posteriors import Distribution, Posterior
from reparam.model.priors import EncoderBound, Prior
from reparam.registry import Part
from reparam.types import Images, Labels, Latents


class Autoencoder(nn.Module):
    """x → q(z|x), z → p(x|z), with a prior p(z).

    ``encode`` is deterministic (the posterior's mean); sampling is asked for by name and takes a
    generator. Images are (B, C, H, W) in [0, 1], latents (B, d). ``labels`` (B,), from 0 to
    ``classes`` − 1, are for conditional models, which must be given them unless they have a
    ``classifier``; others ignore them.
    """

    def __init__(
        self,
        encoder: Encoder,
        posterior: Posterior,
        decoder: Decoder,
        prior: Prior,
        likelihood: Likelihood,
        latent: LatentSpec,
        classes: int = 0,
        classifier: Classifier | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.posterior = posterior
        self.decoder = decoder
        self.prior = prior
        self.likelihood = likelihood
        self.latent = latent
        self.classes = classes
        self.classifier = classifier
        for part in prior.modules():
            if isinstance(part, EncoderBound):  # p(z) is of no class
                part.bind(encoder.unconditional, posterior)

    @property
    def image_shape(self) -> ImageShape:
        """Height, width, channels."""
        return self.encoder.image_shape

    @property
    def latent_dim(self) -> int:
        """Numbers of one latent, whatever its shape."""
        return self.latent.dim

    @property
    def is_variational(self) -> bool:
        """Whether an image becomes a distribution (VAE) and not a point (AE)."""
        return not self.posterior.is_point

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def some_labels(self, n: int) -> Labels | None:
        """n labels of a conditional model, every class in turn; None for others."""
        return torch.arange(n, device=self.device) % self.classes if self.classes else None

    def labels_of(self, x: Images, labels: Labels | None = None) -> Labels | None:
        """``labels``, and those that the classifier finds where they are unknown (None, −1)."""
        if self.classifier is None:
            return labels
        found: Labels = self.classifier(x).argmax(1)
        return found if labels is None else torch.where(labels < 0, found, labels)

    def infer(self, x: Images, labels: Labels | None = None) -> Distribution:
        """q(z|x)."""
        return self.posterior(self.encoder(x, labels))

    def encode(self, x: Images, labels: Labels | None = None) -> Latents:
        """The posterior's mean."""
        return self.infer(x, self.labels_of(x, labels)).mean

    def pixels(self, z: Latents, labels: Labels | None = None) -> Pixels:
        """p(x|z)."""
        return self.likelihood(self.decoded(z, labels))

    def decoded(self, z: Latents, labels: Labels | None = None) -> Images:
        """What the likelihood reads (B, C', H, W)."""
        return self.decoder(self.latent.below(z), labels)

    def decode(self, z: Latents, labels: Labels | None = None) -> Images:
        """The likelihood's mean."""
        return self.pixels(z, labels).mean

    def reconstruct(self, x: Images, labels: Labels | None = None) -> Images:
        """decode(encode(x)), without sampling."""
        labels = self.labels_of(x, labels)
        return self.decode(self.infer(x, labels).mean, labels)

    def sample(
        self, n: int, generator: torch.Generator | None = None, labels: Labels | None = None
    ) -> Images:
        """Decodings of n draws from the prior; ``labels`` (n,)."""
        return self.decode(self.prior.sample(n, generator), labels)

    def forward(self, x: Images, labels: Labels | None = None) -> Images:
        return self.reconstruct(x, labels)

    def init_output_bias(self, image: Float[torch.Tensor, "C H W"]) -> None:
        """Sets the decoder's last bias so that every decoding begins near this image, in [0, 1]."""
        self.decoder.init_output_bias(self.likelihood.at_mean(image))

    @property
    def components(self) -> list[Components]:
        """The linear codes that its networks begin with."""
        found = [self.encoder.components, self.decoder.components]
        if self.classifier is not None:
            found.append(self.classifier.network.components)
        return [each for each in found if each is not None]

    def init_components(self, images: Images) -> float:
        """Before training, where its networks begin with ``components``: those of these images, as
        ``Components.shrink`` gives them. Encoding and decoding are then those of probabilistic PCA.

        Uses torch's global random state. Returns σ², the variance of a pixel that
        they leave.
        """
        count = max(map(len, self.components))
        found = principal_components(images, count)
        for each in self.components:
            each.set(found)
        code = self.encoder.components
        if code is not None:
            rows = min(len(code), self.latent.bottom.dim)
            self.posterior.init_linear(len(code), found.posterior_variance[None, :rows])
        return found.noise_variance


@contextmanager
def own_settings() -> Iterator[None]:
    """While inside, torch makes float32 tensors, and gradients, whatever its user has set: a model
    and its training are the same under ``torch.no_grad`` and another default dtype.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(before)


def build_autoencoder(config: ModelConfig, image_shape: ImageShape) -> Autoencoder:
    """The model that ``config`` describes, freshly initialised from torch's global random state.

    ``image_shape`` is height, width, channels. Raises ConfigError for parts that do not go
    together and for sizes beyond this machine's memory, and ShapeError for strides that do not fit
    the image.
    """
    try:
        with own_settings():
            return _built(config, image_shape)
    except (MemoryError, OverflowError, RuntimeError, TypeError) as error:
        if not is_of_memory(error):
            raise
        raise ConfigError(
            "a model must fit into memory, got sizes that do not. Fix: lower the image's size, the "
            "latent dimensions, or the filters and widths of encoder and decoder"
        ) from error


def _built(config: ModelConfig, image_shape: ImageShape) -> Autoencoder:
    classes = config.class_count()
    encoder = config.encoder.build(image_shape)
    check_module(encoder, Encoder, config.encoder)
    if not isinstance(encoder.feature_shape, tuple):
        raise ShapeError(
            f"feature_shape of encoder {config.encoder.type} must be a tuple of sizes, such as "
            f"(4,), got {encoder.feature_shape!r}. Fix: correct it"
        )
    latent = config.latent(encoder.feature_shape)
    posterior = config.posterior.build(encoder.feature_shape, latent)
    height, width, channels = image_shape
    decoder = config.decoder.build(
        widened(latent.bottom, classes),
        (height, width, config.likelihood.decoder_channels(channels)),
        feature_shape=encoder.feature_shape,
        logits=config.likelihood.logits,
    )
    prior = config.prior.build(latent)
    likelihood = config.likelihood.build(image_shape)
    check_module(posterior, Posterior, config.posterior)
    check_module(decoder, Decoder, config.decoder)
    check_module(prior, Prior, config.prior)
    check_module(likelihood, Likelihood, config.likelihood)
    if classes:
        encoder = ConditionalEncoder(encoder, classes)
        decoder = ConditionalDecoder(decoder, latent.bottom, classes)
    network = config.encoder.build(image_shape) if config.classifier else None
    classifier = None if network is None else Classifier(network, classes)
    return Autoencoder(encoder, posterior, decoder, prior, likelihood, latent, classes, classifier)


def check_module(built: object, kind: type[nn.Module], options: Part) -> None:
    """Raises ConfigError where ``build`` of a part, perhaps a user's, gives no module of its kind,
    or one that PyTorch does not know.
    """
    name = f"{options.registry.kind} {options.type}"
    if not isinstance(built, kind):
        raise ConfigError(
            f"build of {name} must give a {kind.__name__}, got {type(built).__name__}. Fix: return "
            f"an instance of a subclass of reparam.{kind.__name__}"
        )
    if not hasattr(built, "_modules"):
        raise ConfigError(
            f"{type(built).__name__} of {name} must be initialised by nn.Module, got one that is "
            "not. Fix: begin its __init__ with super().__init__()"
        )
    for needed in kind.__annotations__:
        if not hasattr(built, needed):
            raise ConfigError(
                f"{type(built).__name__} of {name} must have {needed}, got none. Fix: set "
                f"self.{needed} in its __init__"
            )

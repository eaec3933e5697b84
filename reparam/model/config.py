"""The parts of a model. The defaults are the article's VAE."""

from dataclasses import dataclass, replace
from typing import Literal

from reparam.errors import ConfigError, check_positive
from reparam.fields import check_options, option
from reparam.model.latent import LatentSpec
from reparam.model.likelihoods import GaussianLikelihoodOptions, LikelihoodOptions
from reparam.model.networks import (
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DecoderOptions,
    EncoderOptions,
    FeatureShape,
)
from reparam.model.posteriors import DiagonalNormalOptions, PosteriorOptions
from reparam.model.priors import PriorOptions, StandardNormalOptions


@dataclass(frozen=True)
class ModelConfig:
    """x → q(z|x), z → p(x|z), and a prior p(z)."""

    latent_dim: int = option(2, common=True)
    """Dimensions d of the latent space. Of no use where --latent-channels is given."""

    latent_channels: int | None = None
    """Instead of a row of numbers, latents that are maps: so many channels, each of the size of the
    encoder's last maps."""

    latent_top: int | None = None
    """Of the latent dimensions, those of a second stochastic layer, which posterior and prior chain
    have: the last ones, by default a third. The decoder reads the others alone."""

    classes: int | Literal["auto"] = 0
    """Classes that encoder and decoder are conditional on, through the images' labels (Sohn et al.
    2015): q(z|x, y) and p(x|z, y); auto: those of the images. 0: the model reads no labels."""

    classifier: bool = False
    """Whether a network of the encoder's kind, q(y|x), finds classes that are not known; with
    --objective semi-supervised (Kingma et al. 2014)."""

    encoder: EncoderOptions = ConvolutionalEncoderOptions()
    """The network that reads images."""

    posterior: PosteriorOptions = DiagonalNormalOptions()
    """q(z|x): what an image becomes in the latent space, a point or a distribution."""

    prior: PriorOptions = StandardNormalOptions()
    """p(z): where latents are drawn from, and what the KL term compares with."""

    decoder: DecoderOptions = ConvolutionalDecoderOptions()
    """The network that makes images of latents."""

    likelihood: LikelihoodOptions = GaussianLikelihoodOptions()
    """p(x|z): how an image may differ from its decoding, pixel by pixel."""

    def __post_init__(self) -> None:
        check_options(self)
        check_positive(latent_dim=self.latent_dim, latent_channels=self.latent_channels)
        self._check_layers()
        if self.latent_channels is not None:
            read = len(self.posterior.distribution.names())
            self.encoder.check_channels(read * self.latent_channels)
        if self.classes != "auto" and self.classes < 0:
            raise ConfigError(
                f"classes must be 0 or more, got {self.classes}. Fix: auto for those of the images"
            )
        if self.classifier and self.classes == 0:
            raise ConfigError("a classifier must have classes, got 0. Fix: take --classes auto")
        self._check_components()
        if self.posterior.on_sphere != self.prior.on_sphere:
            one, other = "on the unit sphere", "in all of the latent space"
            where = (one, other) if self.posterior.on_sphere else (other, one)
            raise ConfigError(
                f"posterior and prior must have their latents in one space, got {where[0]} of "
                f"{self.posterior.type} and {where[1]} of {self.prior.type}: no KL is finite. Fix: "
                "take --posterior von-mises-fisher with --prior sphere, or neither"
            )

    @property
    def is_layered(self) -> bool:
        """Whether it has two stochastic layers."""
        return self.posterior.is_layered or self.prior.is_layered

    def _check_layers(self) -> None:
        if not self.is_layered:
            if self.latent_top is not None:
                raise ConfigError(
                    f"latent_top needs a posterior with two stochastic layers, got "
                    f"{self.posterior.type}. Fix: omit it, or take --posterior chain --prior chain"
                )
        elif self.latent_channels is not None:
            raise ConfigError(
                f"two stochastic layers need latents that are rows of numbers, got "
                f"{self.latent_channels} latent_channels. Fix: take --latent-dim"
            )
        elif not 1 <= self.top < self.latent_dim:
            raise ConfigError(
                f"latent_top must be from 1 to below latent_dim, {self.latent_dim}, got "
                f"{self.top}. Fix: choose both, such as --latent-dim 150 --latent-top 50"
            )

    @property
    def top(self) -> int:
        """``latent_top`` with its default; 0 where there is one layer."""
        default = max(1, self.latent_dim // 3) if self.is_layered else 0
        return default if self.latent_top is None else self.latent_top

    def _check_components(self) -> None:
        either = self.encoder.has_components or self.decoder.has_components
        if either and self.latent_channels is not None:
            raise ConfigError(
                f"components need latents that are rows of numbers, got {self.latent_channels} "
                "latent_channels. Fix: take --latent-dim, or --encoder-components 0 "
                "--decoder-components 0"
            )
        if self.decoder.has_components and self.likelihood.decoder_channels(1) != 1:
            raise ConfigError(
                "components need a likelihood that takes an image from the decoder, got "
                f"{self.likelihood.type}. Fix: take gaussian or bernoulli, or "
                "--decoder-components 0"
            )

    def class_count(self) -> int:
        """Classes as a number. Raises ConfigError where only the images can say."""
        if self.classes == "auto":
            raise ConfigError(
                "classes must be a number where a model is built, got auto. Fix: give the number "
                "of classes, or take for_classes of the images"
            )
        return self.classes

    def for_classes(self, known: int) -> "ModelConfig":
        """The same model for images of so many classes; 0: without labels.

        Raises ConfigError where a conditional model does not go with them.
        """
        if self.classes == 0 or self.classes == known:
            return self
        if known == 0 or self.classes != "auto":
            raise ConfigError(
                f"classes {self.classes} must be those of the images' labels, got "
                f"{f'{known} classes' if known else 'images without labels'}. Fix: "
                f"{'--classes auto' if known else 'put those of each class into a sub-folder'}, or "
                "--classes 0 for a model that reads no labels"
            )
        return replace(self, classes=known)

    def latent(self, features: FeatureShape) -> LatentSpec:
        """The latents' shape, for an encoder that gives these features for one image."""
        if self.latent_channels is None:
            return LatentSpec((self.latent_dim,), self.top)
        if len(features) != 3:
            raise ConfigError(
                f"latent_channels needs an encoder that gives maps, got {self.encoder.type}, which "
                "gives a row of numbers. Fix: take --latent-dim, or another --encoder"
            )
        return LatentSpec((self.latent_channels, features[1], features[2]))

    def describe_latent(self) -> str:
        if self.latent_channels is not None:
            return f"latents of {self.latent_channels} channels"
        return f"{self.latent_dim} latent dimensions"

    def resolve_defaults(self, has_rate: bool = True) -> "ModelConfig":
        """The same model with what depends on defaults written out.

        ``has_rate``: whether the objective weighs the likelihood against a rate.
        """
        return replace(self, likelihood=self.likelihood.resolve_defaults(has_rate))

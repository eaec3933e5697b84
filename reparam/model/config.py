"""What the networks look like. The defaults are the article's."""

from dataclasses import dataclass
from typing import Literal

from reparam.errors import ConfigError

BlockOrder = Literal["act-norm", "norm-act"]
OutputActivation = Literal["sigmoid", "tanh", "linear"]
PosteriorName = Literal["delta", "diagonal-normal"]
PriorName = Literal["standard-normal", "box", "gaussian", "mixture"]
"""Priors that a model is trained with."""

FittedPrior = Literal["gaussian", "mixture", "flow"]
"""Priors that are fitted to the latents of a trained encoder."""
Architecture = Literal["convolutional", "mlp"]
HiddenActivation = Literal["tanh", "relu", "leaky-relu"]
LikelihoodName = Literal["gaussian", "bernoulli"]


@dataclass(frozen=True)
class ModelConfig:
    """The parts of a model. The variance of a gaussian likelihood follows from the objective."""

    posterior: PosteriorName = "diagonal-normal"
    """q(z|x): delta is a point (AE), diagonal-normal a normal distribution around it (VAE)."""

    prior: PriorName = "standard-normal"
    """p(z): standard-normal is N(0, I); box is uniform over the training latents' range (AE);
    gaussian and mixture learn their means and covariances with a VAE."""

    prior_components: int = 10
    """Gaussians of the prior mixture."""

    latent_dim: int = 2
    """Dimensions d of the latent space."""

    likelihood: LikelihoodName = "gaussian"
    """p(x|z), pixel by pixel: gaussian is least squares; bernoulli is for black and white pixels,
    and its loss for grey ones is the cross-entropy."""

    architecture: Architecture = "convolutional"
    """convolutional networks, or mlp: dense layers, which the widths below describe."""

    encoder_widths: tuple[int, ...] = (200, 200)
    """Outputs of each hidden dense layer of the encoder (mlp)."""

    decoder_widths: tuple[int, ...] = (200, 200)
    """Outputs of each hidden dense layer of the decoder (mlp)."""

    hidden_activation: HiddenActivation = "tanh"
    """What follows each hidden dense layer (mlp)."""

    encoder_filters: tuple[int, ...] = (32, 64, 64, 64)
    """Filters of each convolution of the encoder."""

    encoder_kernels: tuple[int, ...] = (3, 3, 3, 3)
    """Kernel size of each convolution of the encoder."""

    encoder_strides: tuple[int, ...] = (1, 2, 2, 1)
    """Stride of each convolution of the encoder."""

    decoder_filters: tuple[int, ...] = (64, 64, 32)
    """Filters of the transposed convolutions but the last, which has the image's channels."""

    decoder_kernels: tuple[int, ...] = (3, 3, 3, 3)
    """Kernel size of each transposed convolution of the decoder."""

    decoder_strides: tuple[int, ...] = (1, 2, 2, 1)
    """Stride of each transposed convolution of the decoder."""

    batch_norm: bool = False
    """Batch normalisation in every block."""

    dropout: float = 0.0
    """Share of values dropped after every block in training (the article's option is 0.25)."""

    leaky_slope: float = 0.3
    """Slope of LeakyReLU below zero (Keras' default when the article was written)."""

    encoder_order: BlockOrder = "norm-act"
    """Whether batch normalisation stands before or after LeakyReLU in the encoder."""

    decoder_order: BlockOrder = "act-norm"
    """Whether batch normalisation stands before or after LeakyReLU in the decoder."""

    output_activation: OutputActivation = "sigmoid"
    """What turns the last layer into pixels; of a bernoulli likelihood always the sigmoid."""

    @property
    def decoder_output(self) -> OutputActivation:
        """The decoder's own last step: a Bernoulli likelihood takes logits as they are."""
        return "linear" if self.likelihood == "bernoulli" else self.output_activation

    def __post_init__(self) -> None:
        _same_length("encoder", self.encoder_filters, self.encoder_kernels, self.encoder_strides)
        if len(self.decoder_filters) == len(self.decoder_kernels):
            raise ConfigError(
                f"decoder_filters lists every layer but the last, whose filters are the image's "
                f"channels; found {len(self.decoder_filters)} filters for "
                f"{len(self.decoder_kernels)} kernels: drop the last filter"
            )
        _same_length(
            "decoder", (*self.decoder_filters, 1), self.decoder_kernels, self.decoder_strides
        )
        positive = {
            "latent_dim": (self.latent_dim,),
            "prior_components": (self.prior_components,),
            "encoder_filters": self.encoder_filters,
            "encoder_kernels": self.encoder_kernels,
            "encoder_strides": self.encoder_strides,
            "decoder_filters": self.decoder_filters,
            "decoder_kernels": self.decoder_kernels,
            "decoder_strides": self.decoder_strides,
            "encoder_widths": self.encoder_widths,
            "decoder_widths": self.decoder_widths,
        }
        for name, values in positive.items():
            if any(value < 1 for value in values):
                raise ConfigError(f"{name} must be 1 or more, found {min(values)}: raise it")
        if not 0 <= self.dropout < 1:
            raise ConfigError(
                f"dropout is a share from 0 up to but not including 1, found {self.dropout}: "
                "choose one, such as 0.25"
            )
        if not self.leaky_slope >= 0:
            raise ConfigError(
                f"leaky_slope must be 0 or more, found {self.leaky_slope}: choose one, such as 0.3"
            )
        if self.likelihood == "bernoulli" and self.output_activation != "sigmoid":
            raise ConfigError(
                "a bernoulli likelihood needs output_activation sigmoid, found "
                f"{self.output_activation}: leave it away"
            )
        if self.architecture == "mlp" and (self.batch_norm or self.dropout):
            found = "batch_norm" if self.batch_norm else f"dropout {self.dropout:g}"
            raise ConfigError(
                f"an mlp has neither batch_norm nor dropout, found {found}: leave it away, or take "
                "architecture convolutional"
            )


def _same_length(half: str, *lists: tuple[int, ...]) -> None:
    filters, kernels, strides = (len(values) for values in lists)
    if not filters == kernels == strides or not kernels:
        raise ConfigError(
            f"the {half}'s lists need one kernel size and one stride a layer; found {filters} "
            f"layers by filters, {kernels} by kernels, {strides} by strides: make them agree"
        )

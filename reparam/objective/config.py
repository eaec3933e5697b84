"""What training minimises."""

from dataclasses import dataclass
from typing import Literal

from reparam.errors import ConfigError


@dataclass(frozen=True)
class ObjectiveConfig:
    """Distortion + rate, and what is done to an image beforehand."""

    r_loss_factor: float = 1000.0
    """Weight of the mean squared error against the KL term; the likelihood's σ² is D/(2·factor).
    A bernoulli likelihood has no variance, and no weight."""

    regulariser: Literal["none", "kl"] = "kl"
    """The second term of the loss: the KL divergence to the prior (VAE), or none (AE)."""

    binarise: Literal["none", "dynamic", "threshold"] = "none"
    """Black and white pixels instead of grey ones: dynamic draws each from Bernoulli(its grey
    value), anew whenever the image is seen; threshold takes 1 from half on."""

    corrupt: Literal["none", "gaussian", "masking", "salt-and-pepper"] = "none"
    """Noise put on each image before it is encoded; the loss compares with the clean image."""

    corrupt_amount: float = 0.3
    """Standard deviation of the Gaussian noise in pixel units, or the share of pixels changed."""

    def __post_init__(self) -> None:
        if not 0 < self.r_loss_factor < float("inf"):
            raise ConfigError(
                f"r_loss_factor must be above 0, found {self.r_loss_factor}: the book uses 1000 "
                "for digits"
            )
        limit = 1.0 if self.corrupt in ("masking", "salt-and-pepper") else float("inf")
        if not 0 <= self.corrupt_amount <= limit:
            raise ConfigError(
                f"corrupt_amount for {self.corrupt} must lie between 0 and {limit:g}, found "
                f"{self.corrupt_amount}: choose one, such as 0.3"
            )

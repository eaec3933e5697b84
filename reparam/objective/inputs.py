"""What is done to images before the model sees them."""

from dataclasses import dataclass
from typing import Literal

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.fields import check_options
from reparam.model import Noise
from reparam.objective.binarisation import binarise
from reparam.objective.corruption import corrupt


@dataclass(frozen=True)
class InputConfig:
    """What is done to an image before the model sees it."""

    binarise: Literal["none", "dynamic", "threshold"] = "none"
    """Black and white pixels instead of grey ones: dynamic draws each from Bernoulli(its grey
    value), anew whenever the image is seen; threshold takes 1 from half on."""

    corrupt: Literal["none", "gaussian", "masking", "salt-and-pepper"] = "none"
    """Noise put on each image before it is encoded; the loss compares with the clean image."""

    corrupt_amount: float = 0.3
    """Standard deviation of the Gaussian noise in pixel units, or the share of pixels changed."""

    def __post_init__(self) -> None:
        check_options(self)
        limit = 1.0 if self.corrupt in ("masking", "salt-and-pepper") else float("inf")
        if not 0 <= self.corrupt_amount <= limit:
            raise ConfigError(
                f"corrupt_amount for {self.corrupt} must be from 0 to {limit:g}, got "
                f"{self.corrupt_amount}. Fix: choose one, such as 0.3"
            )

    def describe(self) -> str:
        """What becomes of grey pixels, for people."""
        if self.binarise == "none":
            return "pixels stay as they are"
        how = "drawn anew at each step" if self.binarise == "dynamic" else "cut at half"
        return f"pixels become black or white, {how} (--binarise none keeps greys)"

    def apply(self, batch: Batch, noise: Noise = None) -> Batch:
        """The batch with binarised images, for encoder and distortion alike, and with corrupted
        ones for the encoder alone (Vincent et al. 2010).
        """
        x = binarise(batch.images, self.binarise, noise)
        if self.corrupt == "none":
            return batch if x is batch.images else batch.with_images(x)
        return batch.with_images(x, corrupt(x, self.corrupt, self.corrupt_amount, noise))

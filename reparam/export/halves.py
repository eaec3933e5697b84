"""The two halves of a model as modules that are exported, and what they are compared with.

Each holds its own weights and no others.

Both take a batch of any size. encoder: ``images`` (B, C, H, W) in [0, 1] → ``mu`` (B, d), and
``log_var`` (B, d) where the posterior has one, as ``evaluation.moments_of`` gives them.
decoder: ``latents`` (B, d) → ``images`` (B, C, H, W), as ``evaluation.decode`` gives them: the
likelihood's mean, clipped to [0, 1]. Nothing is drawn at random. Of a conditional model both take
the class as a second input: ``labels`` (B,), int64.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from torch import nn

from reparam.errors import ParityError
from reparam.evaluation import as_floats, decode, moments_of, sample_latents
from reparam.model import Autoencoder, posteriors_of
from reparam.types import Images, LabelArray, Labels, LatentArray, Latents, PixelArray

ANY_NUMBER = (
    "write its forward with z.shape[0] or -1, in place of len(z) or of a fixed number of images"
)
"""What to do with a part that is of so many images only."""

TOLERANCE = 1e-5
"""The largest difference from Python: of a pixel as it is; of a latent for each unit of the
largest latent in the batch, but never less than for one unit. float32 holds 7 digits, and an AE's
latents may be tens."""

LABELS = "labels"
"""The second input of a conditional model."""

SMALL_BATCHES, LARGE_BATCH = (1, 2, 7), 400
"""Sizes of the batches that are compared: these, and a large one."""

LARGEST_VALUES = LARGE_BATCH * 64 * 64 * 3
"""Pixels and channels of the large batch, at most: a graph computes it at once, and keeps maps that
are many times larger."""

SEED = 0
"""Of the latents that are drawn from the prior to compare decodings."""

Part = Literal["encoder", "decoder", "judge"]


class EncoderHalf(nn.Module):
    """The posterior's mean, and its log-variance where it has one, as a tuple."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.encoder, self.posterior = model.encoder, model.posterior

    def forward(self, images: Images, labels: Labels | None = None) -> tuple[Latents, ...]:
        return tuple(self.posterior(self.encoder(images, labels)).moments().values())


class DecoderHalf(nn.Module):
    """The likelihood's mean of each latent, clipped to [0, 1]: what ``evaluation.decode`` gives."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.decoder, self.likelihood, self.latent = model.decoder, model.likelihood, model.latent

    def forward(self, latents: Latents, labels: Labels | None = None) -> tuple[Images]:
        decoded = self.decoder(self.latent.below(latents), labels)
        return (self.likelihood(decoded).mean.clamp(0, 1),)


@dataclass(frozen=True)
class Half:
    """A module to export; rows that go into it, by the input's name; and what the public function
    makes of them.
    """

    part: Part
    module: nn.Module
    input: str
    rows: np.ndarray
    expected: Mapping[str, np.ndarray]
    labels: LabelArray | None = None
    """Of the rows, where the model reads any."""

    def first(self, size: int) -> dict[str, np.ndarray]:
        """What goes in, of so many rows."""
        found = {self.input: first_rows(self.rows, size)}
        if self.labels is not None:
            found[LABELS] = first_rows(self.labels, size).astype(np.int64)
        return found

    @property
    def values(self) -> int:
        """Of an image, which goes in or comes out."""
        return max(rows[0].size for rows in (self.rows, *self.expected.values()))

    def difference(
        self, compute: Callable[[dict[str, np.ndarray]], Sequence[np.ndarray]], what: str, fix: str
    ) -> float:
        """The largest difference of ``compute`` from what is expected over the batches that are
        compared, by TOLERANCE's rule. Raises ParityError above TOLERANCE; ``what`` computes and how
        to ``fix`` it.
        """
        largest = 0.0
        for size in compared_batches(self.values):
            found = compute(self.first(size))
            for expected, theirs in zip(self.expected.values(), found, strict=True):
                difference = difference_of(first_rows(expected, size), theirs)
                if not difference <= TOLERANCE:  # also NaN
                    raise ParityError(
                        f"{what} {self.part} must agree with PyTorch's within {TOLERANCE:g}, got a "
                        f"difference of {difference:.2g} in a batch of {size}. Fix: {fix}"
                    )
                largest = max(largest, difference)
        return largest


def halves_of(
    model: Autoencoder, images: PixelArray, labels: LabelArray | None = None
) -> tuple[Half, Half]:
    """Encoder and decoder of a model on the CPU in float32.

    ``images`` (N, H, W, C): real ones, at least one; encoded for the comparison, and their latents
    decoded, together with draws from the prior. ``labels`` (N): theirs, which a conditional model
    needs.
    """
    model.eval()
    images = images[: max(compared_batches(math.prod(images.shape[1:])))]
    known = None if labels is None or not model.classes else labels[: len(images)]
    mu, more = moments_of(posteriors_of(model, images, known))
    latents = _interleaved(mu, sample_latents(model, len(images), SEED))
    of_both = None if known is None else np.repeat(known, 2)
    decoded = {"images": _channelsfirst_rows(decode(model, latents, of_both))}
    x, posterior = _channelsfirst_rows(as_floats(images)), {"mu": mu, **more}
    return (
        Half("encoder", EncoderHalf(model).eval(), "images", x, posterior, known),
        Half("decoder", DecoderHalf(model).eval(), "latents", latents, decoded, of_both),
    )


def compared_batches(values: int) -> tuple[int, ...]:
    """Sizes of the batches that are compared, for images of so many pixels times channels."""
    return (*SMALL_BATCHES, max(SMALL_BATCHES[-1] + 1, min(LARGE_BATCH, LARGEST_VALUES // values)))


def difference_of(expected: np.ndarray, found: np.ndarray) -> float:
    """The largest difference by TOLERANCE's rule; NaN where one is."""
    if not expected.size:
        return 0.0
    unit = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(expected - found).max()) / unit


def first_rows(rows: np.ndarray, size: int) -> np.ndarray:
    """So many rows from the start, beginning again where there are fewer."""
    return np.resize(rows, (size, *rows.shape[1:]))


def _channelsfirst_rows(images: Float[np.ndarray, "N H W C"]) -> Float[np.ndarray, "N C H W"]:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _interleaved(first: LatentArray, second: LatentArray) -> Float[np.ndarray, "twice d"]:
    """Rows of both in turns, so that small batches have of either."""
    return np.stack([first, second], 1).reshape(-1, first.shape[1])

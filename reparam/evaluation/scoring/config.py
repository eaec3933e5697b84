"""How much is measured, and with which random numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import prod
from typing import Literal

from reparam.errors import ConfigError
from reparam.evaluation.likelihood import Proposal
from reparam.evaluation.scoring.own_features import identity_of
from reparam.features import FEATURES
from reparam.fields import MOST_SEED, check_options, option
from reparam.model import ImageShape

LIKELIHOOD_IMAGES = 100
"""Images whose log-likelihood is estimated by default, of at most LIKELIHOOD_VALUES values each: of
more they are fewer, so that what is decoded for them takes a few minutes whatever the size."""

LIKELIHOOD_VALUES = 64 * 64 * 3


@dataclass(frozen=True)
class ScoreConfig:
    """How large the samples are that a scorecard rests on."""

    images: int = option(10_000, least=10)
    """At most so many held-out images are measured."""

    draws: int = option(10_000, least=10)
    """Latents drawn from each prior, decoded and judged."""

    likelihood_images: int | Literal["auto"] = option("auto", least=0)
    """Images whose importance-weighted log-likelihood is estimated; 0 omits it. auto: 100, or fewer
    of more than 64 × 64 × 3 values, such as 25 of 128 × 128 × 3."""

    likelihood_samples: int = option(250, least=1)
    """Latents for each of them (K of Burda et al. 2016)."""

    likelihood_proposal: Proposal = "posterior"
    """Where these are drawn: posterior, or defensive, a fifth of them around it and from the prior.
    """

    diffusability: bool = False
    """Also fit a small generator to the latents, and measure how far its draws are from them."""

    features: str | None = None
    """Also FID, KID, precision, recall and reconstruction in the features of another network than
    the judge: imagenet (pip install 'reparam[perceptual]'), one that a plug-in registers, or a
    file: ONNX, or Python with a function features(images), (B, C, H, W) in [0, 1] → (B, F)."""

    score_seed: int = option(0, least=0, most=MOST_SEED)
    """Seed of every random number in it; the same seed gives the same scorecard."""

    def __post_init__(self) -> None:
        check_options(self)

    def images_of_likelihood(self, shape: ImageShape) -> int:
        """How many images the log-likelihood is estimated of, where they have this shape."""
        if self.likelihood_images != "auto":
            return self.likelihood_images
        fit = LIKELIHOOD_IMAGES * LIKELIHOOD_VALUES // prod(shape)
        return max(1, min(LIKELIHOOD_IMAGES, fit))

    def to_mapping(self, shape: ImageShape) -> dict[str, object]:
        """JSON values, as scorecard.json has them, for images of this shape: of the features
        `identity_of`.
        """
        features = None if self.features is None else identity_of(self.features)
        number = self.images_of_likelihood(shape)
        return {**asdict(self), "features": features, "likelihood_images": number}

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> "ScoreConfig":
        """The options that `to_mapping` wrote, of images of the same shape. Raises ConfigError for
        the features of a file, which is known by its digest alone.
        """
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        mark = known.get("features")
        if mark is not None:
            found = [name for name in FEATURES.names if identity_of(name) == mark]
            if not found:
                raise ConfigError(
                    f"features must be those of the scorecard, {mark}, of which only the digest is "
                    "known. Fix: name the same file (--features)"
                )
            known["features"] = found[0]
        return cls(**known)  # type: ignore[arg-type]


DEFAULT = ScoreConfig()

"""How much is measured, and with which random numbers."""

from dataclasses import asdict, dataclass

from reparam.evaluation.likelihood import Proposal
from reparam.evaluation.scoring.own_features import identity_of
from reparam.fields import check_limits, option


@dataclass(frozen=True)
class ScoreConfig:
    """How large the samples are that a scorecard rests on."""

    images: int = option(10_000, least=10)
    """At most so many held-out images are measured."""

    draws: int = option(10_000, least=10)
    """Latents drawn from each prior, decoded and judged."""

    likelihood_images: int = option(100, least=0)
    """Images whose importance-weighted log-likelihood is estimated; 0 omits it."""

    likelihood_samples: int = option(250, least=1)
    """Latents for each of them (K of Burda et al. 2016)."""

    likelihood_proposal: Proposal = "posterior"
    """Where these are drawn: posterior, or defensive, a fifth of them around it and from the prior.
    """

    diffusability: bool = False
    """Also fit a small generator to the latents, and measure how far its draws are from them."""

    features: str | None = None
    """Also FID, KID, precision, recall and reconstruction in the features of another network than
    the judge: imagenet (pip install reparam[perceptual]), one that a plug-in registers, or a file:
    ONNX, or Python with a function features(images), (B, C, H, W) in [0, 1] → (B, F)."""

    score_seed: int = option(0, least=0)
    """Seed of every random number in it; the same seed gives the same scorecard."""

    def __post_init__(self) -> None:
        check_limits(self)

    def to_mapping(self) -> dict[str, object]:
        """JSON values, as scorecard.json has them: of the features `identity_of`."""
        features = None if self.features is None else identity_of(self.features)
        return {**asdict(self), "features": features}


DEFAULT = ScoreConfig()

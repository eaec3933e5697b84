"""How much less likely an image is under the model than under one of pictures in general."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from reparam.errors import RunError
from reparam.evaluation.anomaly.scores.base import ANOMALY_SCORES, Fitted, Good, Maps, Seen
from reparam.evaluation.anomaly.scores.densities import NegativeElbo
from reparam.fields import as_path
from reparam.model import Autoencoder
from reparam.runs import Run
from reparam.types import PerExample


@ANOMALY_SCORES.register("likelihood-ratio")
@dataclass(frozen=True)
class LikelihoodRatio(NegativeElbo):
    """The negative log-likelihood ratio to a background model (Ren et al. 2019, eq. 3), in nats.

    Of the ELBOs: what makes any picture unlikely, such as much detail, cancels.
    """

    background: Path | None = None
    """The run folder of the background model: a VAE of other pictures, of the same size."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.background is not None:  # a calibration is read from any folder
            object.__setattr__(self, "background", as_path(self.background).absolute())

    def lacking(self, model: Autoencoder) -> str:
        """Raises what `Run.open` raises."""
        if self.background is None:
            return "needs a background model (--likelihood-ratio-background RUN)"
        run = Run.open(self.background)
        other = _loaded(self.background, run.weights_digest(), "cpu")
        if other.image_shape != model.image_shape or other.classes:
            return f"needs a background model of this size without labels, got {self.background}"
        return super().lacking(model) or super().lacking(other)

    def fit(self, good: Good) -> dict[str, torch.Tensor]:
        """Which weights the background model has."""
        assert self.background is not None
        digest = bytes.fromhex(Run.open(self.background).weights_digest())
        return {"background": torch.tensor(list(digest), dtype=torch.uint8)}

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        """Raises RunError where the background model is another one than when it was fitted."""
        assert self.background is not None
        digest = bytes(fitted["background"].tolist()).hex()
        other = _loaded(self.background, digest, str(seen.images.device))
        own, _ = super().__call__(seen, fitted)
        general, _ = super().__call__(Seen(other, seen.images), fitted)
        return own - general, None


@cache
def _loaded(path: Path, digest: str, device: str) -> Autoencoder:
    run = Run.open(path)
    if run.weights_digest() != digest:
        raise RunError(
            f"{path}: must be the background model of the calibration, got other weights (was it "
            "trained further?). Fix: calibrate again, with --overwrite"
        )
    return run.load_model(own_prior=True, device=device)

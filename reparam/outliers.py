"""AnomalyDetector: good pictures to an outlier detector of scikit-learn's kind."""

from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils.validation import check_is_fitted

from reparam.data import as_numbers
from reparam.errors import ConfigError, DataError
from reparam.estimators import AE, VAE, DenoisingAE, checked_rows, load, whole
from reparam.evaluation import (
    AnomalyConfig,
    Detected,
    Detector,
    GoodPictures,
    Pictures,
    calibrate,
    check_rate,
    load_detector,
)
from reparam.fields import MOST_SEED
from reparam.runs import Run

Model = AE | VAE | DenoisingAE
D = TypeVar("D", bound="AnomalyDetector")


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Trains on good pictures; of those that it has not seen it learns what is usual.

    X is an array of images, as the ``estimator`` takes it: AE, VAE or DenoisingAE, not fitted; by
    default a VAE that suits X (`VAE.suited_to`). ``held_out`` of X is not trained on: a third of it
    chooses what decides, with planted defects, the rest calibrates. ``false_alarms``: the share of
    good pictures that are called anomalous, which `predict` keeps; None: 0.01, or the lowest that
    so few held-out pictures can tell. ``false_alarms_``: that rate. ``config``: how it calibrates,
    an `AnomalyConfig`. ``seed``: which pictures are held out.
    """

    detector_: Detector
    estimator_: Model
    false_alarms_: float
    offset_: float

    def __init__(
        self,
        estimator: Model | None = None,
        *,
        false_alarms: float | None = None,
        held_out: float = 0.3,
        config: AnomalyConfig | None = None,
        seed: int = 0,
    ) -> None:
        self.estimator = estimator
        self.false_alarms = false_alarms
        self.held_out = held_out
        self.config = config
        self.seed = seed

    def fit(self: D, X: object, y: object = None) -> D:
        """Trains on a part of X, and calibrates with the rest; ``y`` is not read.

        Raises what the estimator's ``fit`` raises, ConfigError for an estimator that reads labels,
        DataError for too few pictures for ``false_alarms``.
        """
        if not 0 < self.held_out < 1:
            raise ConfigError(
                f"held_out must be above 0 and below 1, got {self.held_out}. Fix: such as 0.3"
            )
        model: Model = VAE() if self.estimator is None else clone(self.estimator)
        flat = model.get_params(deep=False)["image_shape"] is not None
        rows = as_numbers(checked_rows(self, X, flat=flat, reset=True), "X")
        seed = whole(self.seed, "seed", range(MOST_SEED + 1))
        mixed = np.random.default_rng(seed).permutation(len(rows))
        count = round(self.held_out * len(rows))
        choose, hold = np.sort(mixed[: count // 3]), np.sort(mixed[count // 3 : count])
        if not len(choose):
            raise DataError(
                f"X: there must be pictures to hold out, got {len(rows)} in all and {count} held "
                "out. Fix: give more"
            )
        if self.false_alarms is not None:
            check_rate(self.false_alarms, len(hold))
        train = np.sort(mixed[count:])
        if self.estimator is None:
            model = VAE.suited_to(rows)
        if model.run_config().model.classes != 0:
            raise ConfigError(
                "AnomalyDetector needs an estimator that reads no labels, got a conditional one. "
                "Fix: omit classes"
            )
        model.fit(rows[train])
        pixels, *_ = model._read(rows)
        good = GoodPictures(*(Pictures(pixels, part) for part in (train, choose, hold)))
        found = calibrate(model.model_, good, self.config or AnomalyConfig())
        self._take(model, Detector(model.model_, found))
        return self

    @classmethod
    def of_run(cls: type[D], path: str | Path, *, false_alarms: float | None = None) -> D:
        """The fitted detector of a run folder that was calibrated (`reparam anomaly fit`).

        Raises what `reparam.load` raises, and RunError without a calibration of its weights.
        """
        own = cls(false_alarms=false_alarms)
        own._take(load(path), load_detector(Run.open(Path(path))))
        return own

    def score_samples(self, X: object) -> Float[np.ndarray, " N"]:
        """The score that decides, negated: higher is more normal, as in scikit-learn."""
        return -self.detect(X, maps=False).score

    def decision_function(self, X: object) -> Float[np.ndarray, " N"]:
        """``score_samples`` − ``offset_``: below 0 for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: object) -> Int[np.ndarray, " N"]:
        """−1 for anomalies, whose p-value is at most ``false_alarms_``; +1 for good pictures."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: object) -> Float[np.ndarray, " N"]:
        """Conformal p-values: of good pictures at most a share α has p ≤ α, on average."""
        return self.detect(X, maps=False).p

    def detect(self, X: object, *, maps: bool = True) -> Detected:
        """Scores, p-values and maps of pictures."""
        check_is_fitted(self, "detector_")
        X = checked_rows(self, X, flat=hasattr(self, "n_features_in_"), reset=False)
        pixels, *_ = self.estimator_._read(X)
        return self.detector_.detect(Pictures(pixels, np.arange(len(pixels))), maps=maps)

    def _take(self, model: Model, detector: Detector) -> None:
        """The attributes of a fitted detector."""
        self.estimator_, self.detector_ = model, detector
        known = detector.calibration
        self.false_alarms_ = detector.rate(self.false_alarms)
        good = np.sort(known.statistic(known.columns))[::-1]
        # p ≤ α where fewer than ⌊α (n + 1)⌋ good ones are as high: above the one of that rank
        grid = np.arange(1, len(good) + 1) / (len(good) + 1)
        self.offset_ = -float(good[np.count_nonzero(grid <= self.false_alarms_ + 1e-9) - 1])

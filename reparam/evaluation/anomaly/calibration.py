"""Good pictures that were not trained on → what the scores of new ones are compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from reparam.data import Progress, RowReader
from reparam.errors import ConfigError, DataError, unknown_name
from reparam.evaluation.anomaly.choosing import Choice, choose, some_of
from reparam.evaluation.anomaly.combining import Columns, members_of, names_of, statistic
from reparam.evaluation.anomaly.config import (
    AUTO,
    DEFAULT,
    AnomalyConfig,
    score_of,
)
from reparam.evaluation.anomaly.conformal import conformal_p_values
from reparam.evaluation.anomaly.good import GoodPictures
from reparam.evaluation.anomaly.heat import HeatScale, heat_scale
from reparam.evaluation.anomaly.scores import AnomalyScore, Fitted, Good, Pictures
from reparam.evaluation.anomaly.table import PEAK, ScoreTable, score_images, score_table
from reparam.model import Autoencoder
from reparam.types import PixelArray

TRAIN_PICTURES = 10_000
"""Good training pictures that scores learn from, drawn at random where there are more."""

FENCE = 5
"""How many times the distance of median and 90th percentile lies between most good pictures and
those that are far out: 6.4 standard deviations of a normal distribution, and one in 6,000 of an
exponential one.
"""

HEAT_PICTURES = 100
"""Held-out good pictures that the colours of maps are scaled by, at most."""

WORST = 20
"""Good pictures that are listed as the most anomalous, at most."""


@dataclass(frozen=True)
class Calibration:
    """What is known of good pictures.

    ``columns`` (n,) are the scores of the held-out good pictures that count, of those that decide;
    ``reference`` (m,) the same of the good pictures that chose, by which a combination weighs them.
    ``decider`` is the column, or the combination of all; ``map_score`` the score whose map is
    shown.
    """

    config: AnomalyConfig
    fitted: Mapping[str, Fitted]
    reference: Columns
    columns: Columns
    decider: str
    map_score: str | None
    choice: Choice
    omitted: Mapping[str, str]
    """Scores that were left out, with the reason."""
    worst: tuple[str, ...]
    """The most anomalous of the held-out good pictures, first the worst: are they really good?"""
    worst_images: PixelArray
    """The same as bytes (w, H, W, C)."""
    heat: HeatScale | None = None
    """Of the maps, where a score has them."""
    trimmed: tuple[str, ...] = ()
    """Those that do not count, the worst first."""
    far_out: tuple[str, ...] = ()
    """Those that lie far from the others, the worst first: are they really good?"""

    @property
    def count(self) -> int:
        """Good pictures that scores are compared with."""
        return len(next(iter(self.columns.values())))

    @property
    def scores(self) -> tuple[AnomalyScore, ...]:
        """The scores that new pictures need: those that decide, and that of the map."""
        needed = {*map(score_of, self.columns), self.map_score}
        return tuple(score for score in self.config.scores if score.type in needed)

    def statistic(self, columns: Columns) -> Float[np.ndarray, " N"]:
        """What decides, of pictures with these scores."""
        return statistic(self.decider, self.reference, columns)

    def p_values(self, columns: Columns) -> Float[np.ndarray, " N"]:
        """Conformal p-values of pictures with these scores."""
        return conformal_p_values(self.statistic(self.columns), self.statistic(columns))

    def most_false_alarms(self, rate: float) -> float:
        """The rate of false alarms at most, where every trimmed picture was good after all: with m
        of n trimmed, ε = m / (n + 1), it is ε + rate · (1 − ε).
        """
        share = len(self.trimmed) / (self.count + len(self.trimmed) + 1)
        return share + rate * (1 - share)


def calibrate(
    model: Autoencoder,
    good: GoodPictures,
    config: AnomalyConfig = DEFAULT,
    progress: Progress | None = None,
) -> Calibration:
    """Fits the scores to good training pictures, chooses what decides, and scores held-out ones.

    Raises DataError without held-out pictures, ConfigError where no score can be had and for an
    unknown ``decide_by``.
    """
    if not len(good.calibrate):
        raise DataError(
            "a calibration needs good pictures that were not trained on, got none. Fix: hold some "
            "out (--test-fraction), or name others"
        )
    scores, omitted = _possible(model, config)
    fitted = _fits(model, good.train, scores, config.anomaly_seed)

    def table(pictures: Pictures, what: str, maps: bool) -> ScoreTable:
        maps_of = {score.type for score in scores} if maps else set()
        return score_table(
            model, pictures, scores, fitted, maps_of=maps_of, what=what, progress=progress
        )

    some = some_of(good.choose, config.anomaly_seed)
    clean = table(some, "good pictures", False)
    choice, decider = Choice({}, {}), config.decide_by
    if decider == AUTO:
        choice = choose(some, clean, table, config.anomaly_seed)
        decider = choice.best()
    names = tuple(clean.columns)
    _check_decider(decider, names, omitted)
    map_score = _map_of(decider, choice, names)
    members = members_of(decider, names)
    needed = {*map(score_of, members), map_score}
    scores = [score for score in scores if score.type in needed]
    held_out = table(good.calibrate, "held-out good pictures", False)
    reference = {name: clean.columns[name] for name in members}
    order = np.argsort(-statistic(decider, reference, held_out.columns), kind="stable")
    far = far_out(held_out.rows(members))
    bad = far if config.contamination == AUTO else _first(config.contamination, order)
    heat = None
    if map_score is not None:
        of_map = [score for score in scores if score.type == map_score]
        counted = np.flatnonzero(~bad)  # the first ones may be of one folder
        spread = np.linspace(0, len(counted) - 1, min(HEAT_PICTURES, len(counted))).astype(int)
        shown = good.calibrate.only(counted[spread])
        maps = score_table(model, shown, of_map, fitted, maps_of={map_score}).maps[map_score]
        heat = heat_scale(maps)
    pictures = good.calibrate.names()
    return Calibration(
        config=config,
        fitted={score.type: fitted[score.type] for score in scores},
        reference=reference,
        columns={name: held_out.columns[name][~bad] for name in members},
        decider=decider,
        map_score=map_score,
        heat=heat,
        choice=choice,
        omitted=omitted,
        worst=tuple(pictures[i] for i in order[:WORST]),
        worst_images=RowReader(good.calibrate.images).take(good.calibrate.index[order[:WORST]]),
        trimmed=tuple(pictures[i] for i in order if bad[i]),
        far_out=tuple(pictures[i] for i in order if far[i]),
    )


def _possible(
    model: Autoencoder, config: AnomalyConfig
) -> tuple[list[AnomalyScore], dict[str, str]]:
    """The scores that the model has, and why it lacks the others. Raises ConfigError for none."""
    lacks = {score.type: score.lacking(model) for score in config.scores}
    omitted = {name: why for name, why in lacks.items() if why}
    scores = [score for score in config.scores if not lacks[score.type]]
    if not scores:
        reasons = "; ".join(f"{name} {why}" for name, why in omitted.items())
        raise ConfigError(
            f"there must be a score for this model, got none: {reasons}. Fix: add to --scores"
        )
    return scores, omitted


def _fits(
    model: Autoencoder, train: Pictures, scores: Sequence[AnomalyScore], seed: int
) -> Mapping[str, Fitted]:
    """What each score learns from the good training pictures. Raises ConfigError for a score that
    does not give what a score must.
    """
    if len(train) > TRAIN_PICTURES:
        rng = np.random.default_rng(seed)
        train = train.only(np.sort(rng.choice(len(train), TRAIN_PICTURES, replace=False)))
    known = Good(model, train)
    fitted = {score.type: score.fit(known) for score in scores}
    for name, learned in fitted.items():
        for key, values in learned.items():
            if not isinstance(values, torch.Tensor):
                raise ConfigError(
                    f"{key} of score {name}'s fit must be a tensor, got {type(values).__name__}. "
                    "Fix: make it one, on the CPU"
                )
    for score in scores:  # two pictures: what it gives has its shape
        score_images(model, train.only(np.arange(min(2, len(train)))), score, fitted[score.type])
    return fitted


def _check_decider(decider: str, columns: Sequence[str], omitted: Mapping[str, str]) -> None:
    """Raises ConfigError for what is neither a column nor a combination of them."""
    names = names_of(columns)
    if decider not in names:
        why = f" ({omitted[score_of(decider)]})" if score_of(decider) in omitted else ""
        raise ConfigError(f"{unknown_name('decide_by', decider, names)}{why}")


def _first(share: float, order: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Which pictures are the first ``share`` of the order."""
    first = np.zeros(len(order), bool)
    first[order[: int(share * len(order))]] = True
    return first


def far_out(scores: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, " n"]:
    """Which of n pictures lie far above the others in one of the k scores that decide."""
    far = np.zeros(len(scores), bool)
    for column in scores.T:
        middle, high = np.quantile(column, [0.5, 0.9], method="lower")
        if middle < high < np.inf:
            far |= column > middle + FENCE * (high - middle)
    return far


def _map_of(decider: str, choice: Choice, columns: Sequence[str]) -> str | None:
    """The score whose map is shown: the one that decides, or that which finds planted defects
    best, or the first that has one.
    """
    with_maps = [name.removesuffix(PEAK) for name in columns if name.endswith(PEAK)]
    if score_of(decider) in with_maps:
        return score_of(decider)
    return choice.best_map() or next(iter(with_maps), None)

"""Which score decides, found without an anomaly: by defects that are planted in good pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from reparam.data import RowReader
from reparam.evaluation.anomaly.combining import COMBINATIONS, names_of, statistic
from reparam.evaluation.anomaly.planted import KINDS, plant
from reparam.evaluation.anomaly.scores import Pictures
from reparam.evaluation.anomaly.table import ScoreTable
from reparam.evaluation.inference import as_bytes, as_floats
from reparam.evaluation.measures.roc import auc

MOST = 200
"""Good pictures that defects are planted in, drawn at random where there are more."""

ALMOST, CLEARLY = 0.01, 0.05
"""Differences of AUROC: which combination decides, and when a single score rather than any."""

PIXELS = 200_000
"""Pixels of each kind of defect that maps are compared by."""


Table = Callable[[Pictures, str, bool], ScoreTable]
"""Pictures, what they are, and whether maps are wanted → their scores."""


@dataclass(frozen=True)
class Choice:
    """AUROC of planted defects by their kind, of everything that could decide, and of maps: of a
    pixel within a defect against one outside.
    """

    image: Mapping[str, Mapping[str, float]]
    pixel: Mapping[str, Mapping[str, float]]
    pictures: int = 0
    """How many good pictures defects were planted in."""

    def best(self) -> str:
        """What decides, by the mean over the kinds: the first combination that is at most ALMOST
        below the best one, unless a single score is better than that by more than CLEARLY.

        Planted defects are a few kinds of all that may come. A score that is the best for them may
        be blind to others, which a combination sees by another score.
        """
        means = {name: _mean(of) for name, of in self.image.items()}
        best = max(means, key=lambda name: means[name])
        combined = {name: means[name] for name in COMBINATIONS if name in means}
        top = max(combined.values(), default=-np.inf)
        if means[best] - top > CLEARLY:
            return best
        return next(name for name, mean in combined.items() if mean >= top - ALMOST)

    def best_map(self) -> str | None:
        """The score whose map finds defects best."""
        return max(self.pixel, key=lambda name: _mean(self.pixel[name]), default=None)


def _mean(by_kind: Mapping[str, float]) -> float:
    return float(np.mean(list(by_kind.values())))


def some_of(good: Pictures, seed: int) -> Pictures:
    """MOST of them at most, drawn at random."""
    if len(good) <= MOST:
        return good
    rng = np.random.default_rng(seed)
    return good.only(np.sort(rng.choice(len(good), MOST, replace=False)))


def choose(good: Pictures, clean: ScoreTable, table: Table, seed: int) -> Choice:
    """Plants every kind of defect in good pictures, whose scores are ``clean``, and looks at how
    well each score tells. Combinations are of all columns.

    The same seed plants the same defects.
    """
    rng = np.random.default_rng(seed)
    image: dict[str, dict[str, float]] = {}
    pixel: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        broken, masks = planted(good, kind, rng)
        found = table(broken, f"planted: {kind}", True)
        for name, area in auroc_of_all(found, clean).items():
            image.setdefault(name, {})[kind] = area
        some = rng.choice(masks.size, min(PIXELS, masks.size), replace=False)
        inside = masks.reshape(-1)[some]
        for name, maps in found.maps.items():
            values = maps.reshape(-1)[some].astype(np.float64)
            pixel.setdefault(name, {})[kind] = auc(values[inside], values[~inside])[0]
    return Choice(image, pixel, len(good))


def planted(
    good: Pictures, kind: str, rng: np.random.Generator
) -> tuple[Pictures, Bool[np.ndarray, "M H W"]]:
    """The pictures with a defect each, and where it is."""
    images = as_floats(RowReader(good.images).take(good.index)).transpose(0, 3, 1, 2)
    broken, masks = plant(images, kind, rng)
    labels = None if good.labels is None else good.labels[good.index]
    pixels = np.ascontiguousarray(as_bytes(broken.transpose(0, 2, 3, 1)))
    return Pictures(pixels, np.arange(len(pixels)), labels), masks


def auroc_of_all(broken: ScoreTable, clean: ScoreTable) -> dict[str, float]:
    """P(a broken picture has a higher score than a clean one), of each column and combination."""
    found = {}
    for name in names_of(tuple(clean.columns)):
        bad, good = (statistic(name, clean.columns, table.columns) for table in (broken, clean))
        found[name] = auc(bad, good)[0]
    return found

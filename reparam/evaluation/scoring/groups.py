"""Several scorecards of one kind of model (seeds): each measure's mean and interval over them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from reparam.evaluation.measures.measured import LEVEL, Measured
from reparam.evaluation.scoring.catalogue import MEASURES
from reparam.evaluation.scoring.deciding import Interval, Word, badness, decide, gained
from reparam.evaluation.scoring.scorecard import Scorecard


@dataclass(frozen=True)
class Group:
    """Scorecards that differ in their seed alone. ``values``: what sets the group apart."""

    title: str
    cards: tuple[Scorecard, ...]
    values: Mapping[str, str]

    @property
    def variational(self) -> bool:
        return self.cards[0].variational

    def each(self, name: str, kind: str | None = None) -> list[Measured]:
        """The measure of every card that has it."""
        found = (card.find(name, kind) for card in self.cards)
        return [measured for measured in found if measured.value is not None]

    def find(self, name: str, kind: str | None = None) -> Measured:
        """Mean over seeds with the 95 % interval of Student's t; of one seed, its own interval.

        The reference is the mean of the cards' references.
        """
        with_value = self.each(name, kind)
        if not with_value:
            return self.cards[0].find(name, kind)
        if len(with_value) == 1:
            return with_value[0]
        values = [found.value for found in with_value if found.value is not None]
        references = [found.reference for found in with_value if found.reference is not None]
        mean = float(np.mean(values))
        half = _t(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
        return Measured(
            mean,
            mean - half,
            mean + half,
            reference=float(np.mean(references)) if references else None,
            samples=len(values),
            note=f"mean over {len(values)} seeds, 95 % interval of Student's t",
        )


def _t(freedom: float) -> float:
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))


def improvement(before: Group, after: Group, name: str, kind: str | None = None) -> Interval | None:
    """By how much ``after`` is better than ``before``: Welch's interval over seeds.

    Where either has a single seed, the interval is that over images, which says nothing of other
    seeds. None where a measure is missing.
    """
    entry = MEASURES[name]
    old, new = before.each(name, kind), after.each(name, kind)
    if min(len(old), len(new)) < 2:
        return gained(before.find(name, kind), after.find(name, kind), entry)
    bad_before, bad_after = (
        [badness(float(m.value or 0.0), entry, m.reference) for m in several]
        for several in (old, new)
    )
    mean = float(np.mean(bad_before)) - float(np.mean(bad_after))
    a, b = (float(np.var(v, ddof=1)) / len(v) for v in (bad_before, bad_after))
    if a + b == 0:
        return Interval(mean, mean)
    freedom = (a + b) ** 2 / (a**2 / (len(old) - 1) + b**2 / (len(new) - 1))
    half = _t(freedom) * math.sqrt(a + b)
    return Interval(mean - half, mean + half)


@dataclass(frozen=True)
class Trend:
    """Whether a measure gets worse from the first group to the last, and by how much."""

    measure: str
    first: Measured
    last: Measured
    worse: Word


def tally(several: Sequence[Trend]) -> dict[Word, int]:
    """How many measures get worse (confirmed), do not (refuted), or leave it open."""
    words = [trend.worse for trend in several]
    return {word: words.count(word) for word in ("confirmed", "refuted", "undecided")}


def trends(groups: Sequence[Group]) -> tuple[Trend, ...]:
    """Every measure along groups in the order of an option: claim 4 along the latent dimension."""
    found = []
    for name, entry in MEASURES.items():
        if entry.better == "neither":
            continue
        first, last = groups[0].find(name), groups[-1].find(name)
        change = improvement(groups[-1], groups[0], name)
        if change is not None:
            found.append(Trend(name, first, last, decide(change, entry.matters)))
    return tuple(found)


def along_axis(groups: Sequence[Group]) -> list[tuple[str, list[Group]]]:
    """Groups in lines along the last option that they were swept over, the others fixed.

    The model is no option to draw a line along.
    """
    options = [name for name in (groups[0].values if groups else ()) if name != "model"]
    if not options:
        return []
    axis = options[-1]
    lines: dict[tuple[tuple[str, str], ...], list[Group]] = {}
    for group in groups:
        rest = tuple((name, value) for name, value in group.values.items() if name != axis)
        lines.setdefault(rest, []).append(group)
    return [(axis, several) for several in lines.values() if len(several) > 1]

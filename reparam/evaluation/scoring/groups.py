"""Several scorecards of one kind of model (seeds): each measure's mean and interval over them.

Two groups that ran with the same seeds on the same images are compared seed by seed. Student's
interval of the differences is right whatever the runs of a seed have in common (images, judge,
random numbers); Welch's, of other groups, takes all runs as independent.

Intervals over seeds are cut to the values that a measure can have (``Entry.least``, ``most``): a
cut interval covers the true mean exactly when the whole one does, since that mean is one of those
values. An interval on a logit scale would stay inside too, but cover another mean than that over
seeds. Differences are tested with the whole intervals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reparam.evaluation.measures.measured import Measured, incomparable
from reparam.evaluation.scoring.catalogue import MEASURES
from reparam.evaluation.scoring.deciding import (
    Decision,
    Interval,
    Word,
    above_ideal,
    badness,
    decide,
    gained,
    signed_badness,
    student,
    welch,
)
from reparam.evaluation.scoring.scorecard import Scorecard


@dataclass(frozen=True)
class Group:
    """Scorecards that differ in their seed alone. ``values``: what sets the group apart.

    ``seeds``: the training seed of each card, () where they are not known.
    """

    title: str
    cards: tuple[Scorecard, ...]
    values: Mapping[str, str]
    seeds: tuple[int, ...] = ()

    @property
    def variational(self) -> bool:
        return self.cards[0].variational

    def each(self, name: str, kind: str | None = None) -> list[Measured]:
        """The measure of every card that has it."""
        found = (card.find(name, kind) for card in self.cards)
        return [measured for measured in found if measured.value is not None]

    def find(self, name: str, kind: str | None = None) -> Measured:
        """Mean over seeds with the 95 % interval of Student's t, within the values that the measure
        can have; none where a seed's value is infinite (the PSNR of a perfect image). Of one seed,
        its own interval. The reference is the mean of the cards' references.
        """
        found = self.whole(name, kind)
        if len(self.each(name, kind)) < 2 or found.low is None or found.high is None:
            return found
        clip = MEASURES[name].clip
        return replace(found, low=clip(found.low), high=clip(found.high))

    def whole(self, name: str, kind: str | None = None) -> Measured:
        """As ``find``, with the whole interval."""
        with_value = self.each(name, kind)
        if not with_value:
            return self.cards[0].find(name, kind)
        if len(with_value) == 1:
            return with_value[0]
        values = [float(found.value or 0.0) for found in with_value]
        over = student(values) if _finite(values) else None
        references = [found.reference for found in with_value if found.reference is not None]
        return Measured(
            float(np.mean(values)),
            over.low if over else None,
            over.high if over else None,
            reference=float(np.mean(references)) if references else None,
            samples=len(with_value),
            note=f"mean over {len(with_value)} seeds"
            + (", 95 % interval of Student's t" if over else ", not all of them finite"),
            quantity=with_value[0].quantity,
        )


def excess(group: Group, name: str, kind: str | None = None) -> Interval | None:
    """By how much the measure is worse than an ideal model's, each seed beside its own reference:
    over seeds, or over images where there is one. None where it has no interval, as over seeds of
    which not all are finite.
    """
    entry, several = MEASURES[name], group.each(name, kind)
    if len(several) < 2:
        return above_ideal(group.whole(name, kind), entry)
    bad = [signed_badness(float(m.value or 0.0), entry, m.reference) for m in several]
    return student(bad) if _finite(bad) else None


def improvement(before: Group, after: Group, name: str, kind: str | None = None) -> Interval | None:
    """By how much ``after`` is better than ``before``, over seeds: paired where both have the same
    two or more on the same images, else Welch's interval.

    Where either has a single seed, the interval is that over images, which says nothing of other
    seeds. None where a measure is missing or infinite, and for figures of two quantities.
    """
    entry = MEASURES[name]
    if incomparable(before.whole(name, kind), after.whole(name, kind)):
        return None

    def bad(several: Sequence[Measured]) -> list[float]:
        return [badness(float(m.value or 0.0), entry, m.reference) for m in several]

    if pairs := _pairs(before, after, name, kind):
        old, new = (bad(side) for side in zip(*pairs, strict=True))
        if not _finite([*old, *new]):
            return None
        differences = [a - b for a, b in zip(old, new, strict=True)]
        return student(differences, "paired by seed")
    several, others = before.each(name, kind), after.each(name, kind)
    if min(len(several), len(others)) < 2:
        return gained(before.whole(name, kind), after.whole(name, kind), entry)
    old, new = bad(several), bad(others)
    return welch(old, new) if _finite([*old, *new]) else None


def _finite(values: Sequence[float]) -> bool:
    """Whether they have a mean and an interval: not with the PSNR of a perfect image."""
    return bool(np.isfinite(values).all())


def _pairs(
    before: Group, after: Group, name: str, kind: str | None
) -> list[tuple[Measured, Measured]]:
    """The measure of both groups for each seed; none where their seeds or images differ, where a
    group has a seed twice, and of a single seed.
    """
    old, new = (_by_seed(group, name, kind) for group in (before, after))
    if set(old) != set(new) or len(old) < 2:
        return []
    if len(old) < len(before.each(name, kind)) or len(new) < len(after.each(name, kind)):
        return []
    return [(old[run], new[run]) for run in old]


def _by_seed(group: Group, name: str, kind: str | None) -> dict[tuple[int, str], Measured]:
    """The measure by seed and images, of the cards that have it."""
    if not group.seeds:
        return {}
    found = {
        (seed, card.subject["images"]): card.find(name, kind)
        for seed, card in zip(group.seeds, group.cards, strict=True)
    }
    return {run: measured for run, measured in found.items() if measured.value is not None}


@dataclass(frozen=True)
class Trend:
    """Whether a measure gets worse from the first group to the last, and by how much.

    ``worse`` is corrected for the number of measures that are asked about together.
    """

    measure: str
    first: Measured
    last: Measured
    change: Interval
    worse: Decision


def tally(several: Sequence[Trend]) -> dict[Word, int]:
    """How many measures get worse (confirmed), do not (refuted), or leave it open."""
    words = [trend.worse.word for trend in several]
    return {word: words.count(word) for word in ("confirmed", "refuted", "undecided")}


def number_of(value: str) -> float | None:
    """The value of an option as a number; None for a word, such as auto."""
    try:
        return float(value)
    except ValueError:
        return None


def ends(option: str, groups: Sequence[Group]) -> tuple[Group, Group]:
    """Of groups along an option, those of its lowest and its highest number; the first and the last
    where fewer than two are numbers.
    """
    numbers = [(x, g) for g in groups if (x := number_of(g.values[option])) is not None]
    if len(numbers) < 2:
        return groups[0], groups[-1]
    numbers.sort(key=lambda pair: pair[0])
    return numbers[0][1], numbers[-1][1]


def trends(groups: Sequence[Group]) -> tuple[Trend, ...]:
    """Every measure from the first group to the last: claim 4 along the latent dimension."""
    changes = {
        name: change
        for name, entry in MEASURES.items()
        if entry.better != "neither"
        and (change := improvement(groups[-1], groups[0], name)) is not None
    }
    decided = decide([(change, MEASURES[name].matters) for name, change in changes.items()])
    return tuple(
        Trend(name, groups[0].find(name), groups[-1].find(name), change, worse)
        for (name, change), worse in zip(changes.items(), decided, strict=True)
    )


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

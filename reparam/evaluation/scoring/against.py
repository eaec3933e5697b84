"""Two scorecards of the same images row by row: which differ, and by how much.

Means over held-out images are compared image by image, over the images that both measured: where
one image is hard for both models, that is no part of the difference. A mean over a few images, the
log-likelihood, has the difference of the ELBO of all others as a control, as the row itself has the
ELBO. Of every other row the two
intervals are taken as those of independent errors, which is mostly too wide, as the images are the
same; these rows are marked "unpaired".

A row is "better" or "worse" where the difference is larger than what matters of it, and "same"
where it is smaller. Each of the three words is a family of its own over the rows (`deciding`), so
that with at most 2.5 % chance any row is wrongly called better, and so for each of the others.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from reparam.errors import RunError
from reparam.evaluation.measures.measured import Measured, incomparable, mean_with_control
from reparam.evaluation.scoring.catalogue import MEASURES, Entry
from reparam.evaluation.scoring.deciding import (
    Decision,
    Interval,
    Test,
    Word,
    decide,
    gained,
    paired_shares,
    student,
)
from reparam.evaluation.scoring.scorecard import Scorecard
from reparam.runs import Run

TESTS: Mapping[Word, Test] = {
    "better": Interval.p_above,
    "worse": lambda found, matters: found.p_below(-matters),
    "same": lambda found, matters: max(found.p_below(matters), found.p_above(-matters)),
}

WITHOUT_SIDES: Mapping[Word, Word] = {"better": "higher", "worse": "lower"}
"""The words of a measure of which neither side is better."""


@dataclass(frozen=True)
class Difference:
    """One row of two scorecards.

    ``gain``: by how much the figure of the first is better, or, where neither side is, larger; None
    where a figure has no interval. ``images``: over how many it was taken image by image; 0 for
    unpaired ones.
    """

    measure: str
    found: Measured
    other: Measured
    gain: Interval | None
    images: int
    decided: Decision

    @property
    def entry(self) -> Entry:
        return MEASURES[self.measure]

    def to_mapping(self) -> dict[str, object]:
        """JSON values."""
        ends = ("value", "low", "high", "pairing")
        return {
            "measure": self.measure,
            "value": self.found.value,
            "against": self.other.value,
            "gain": None if self.gain is None else {end: getattr(self.gain, end) for end in ends},
            "images": self.images,
            **asdict(self.decided),
        }


def check_same_images(run: Run, other: Run) -> None:
    """Raises RunError where two runs are not of the same images and splits."""
    if run.facts.fingerprint != other.facts.fingerprint:
        raise RunError(
            f"{run.path} and {other.path} must be of the same images and splits to be compared, "
            f"got others ({run.config.data.source} and {other.config.data.source}). Fix: train "
            "both on the same images"
        )


def check_same_judge(card: Scorecard, other: Scorecard) -> None:
    """Raises RunError where scorecards have figures of different judges."""
    if card.judge != other.judge:
        raise RunError(
            f"both runs must be scored by the same judge, got {card.judge!r} and {other.judge!r}. "
            "Fix: score both with --again"
        )


def differences(card: Scorecard, other: Scorecard) -> tuple[Difference, ...]:
    """Every measure that either has, each model drawing from its own prior."""
    rows = {
        name: (card.find(name), other.find(name))
        for name in MEASURES
        if card.find(name).value is not None or other.find(name).value is not None
    }
    gains = {
        name: _gain(*both, MEASURES[name], _controlled(name, card, other))
        for name, both in rows.items()
    }
    decided = decide([(gains[name][0], MEASURES[name].matters) for name in rows], TESTS)
    return tuple(
        Difference(
            name, *rows[name], *gains[name], _reworded(decision, *rows[name], MEASURES[name])
        )
        for name, decision in zip(rows, decided, strict=True)
    )


def _gain(
    found: Measured, other: Measured, entry: Entry, controlled: tuple[Interval, int] | None
) -> tuple[Interval | None, int]:
    """By how much ``found`` is better, or larger, and over how many images it was paired."""
    if incomparable(found, other):
        return None, 0
    by_image = controlled or _by_image(found, other)
    if by_image is not None and entry.better != "ideal":
        return (-by_image[0] if entry.better == "lower" else by_image[0]), by_image[1]
    gain = gained(other, found, entry)
    return (-gain if gain is not None and entry.better == "neither" else gain), 0


def _controlled(name: str, card: Scorecard, other: Scorecard) -> tuple[Interval, int] | None:
    """`_by_image` of a measure of a few images, where the figure of all images helps: with the
    interval of `mean_with_control`. None for another measure, and where figures are missing.
    """
    control = MEASURES[name].control
    if control is None:
        return None
    ours, theirs = card.find(name).each, other.find(name).each
    our_all, their_all = card.find(control).each, other.find(control).each
    if ours is None or theirs is None or our_all is None or their_all is None:
        return None
    if ours.own is None or theirs.own is None:
        return None
    places, mine, its = np.intersect1d(ours.at, theirs.at, return_indices=True)
    everywhere, first, second = np.intersect1d(our_all.at, their_all.at, return_indices=True)
    elsewhere = ~np.isin(everywhere, places)
    if len(places) < 3:
        return None
    found = mean_with_control(
        ours.values[mine] - theirs.values[its],
        ours.own[mine] - theirs.own[its],
        (our_all.values[first] - their_all.values[second])[elsewhere],
    )
    if found.value is None or found.low is None or found.high is None:
        return None
    ends = (found.value, found.low, found.high)
    return Interval(*ends, len(places) - 2, "paired by image"), len(places)


def _by_image(found: Measured, other: Measured) -> tuple[Interval, int] | None:
    """The mean difference over the images that both have, with Student's interval over them, or
    that of shares, and how many those are; None for fewer than two, and where a figure is infinite.
    """
    if found.each is None or other.each is None:
        return None
    places, mine, its = np.intersect1d(found.each.at, other.each.at, return_indices=True)
    ours, theirs = found.each.values[mine], other.each.values[its]
    if len(places) < 2 or not np.isfinite([ours, theirs]).all():
        return None
    if np.isin([ours, theirs], (0, 1)).all():
        return paired_shares(ours, theirs), len(places)
    return student((ours - theirs).tolist(), "paired by image"), len(places)


def _reworded(decision: Decision, found: Measured, other: Measured, entry: Entry) -> Decision:
    """For a measure without a better side, and for two figures of which one has no interval, or
    that are of two quantities.
    """
    word = decision.word
    if incomparable(found, other):
        return replace(decision, word="incomparable")
    if word == "absent" and found.value is not None and other.value is not None:
        return replace(decision, word="undecided")
    side = WITHOUT_SIDES.get(word, word) if entry.better == "neither" else word
    return replace(decision, word=side)

"""Differences with intervals, and what they decide.

A measure is worse than another where the whole interval of the difference is above what matters of
it (``Entry.matters``). That is refuted where the whole interval is below: a difference that small
would not be seen (an equivalence test, Schuirmann 1987). Else the images at hand decide nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import Entry
from reparam.types import Language

Word = Literal["confirmed", "refuted", "undecided", "absent"]

WORDS: Mapping[Word, tuple[str, str]] = {
    "confirmed": ("confirmed", "확인됨"),
    "refuted": ("refuted", "반박됨"),
    "undecided": ("undecided at this sample size", "이 표본 크기로는 판단할 수 없음"),
    "absent": ("not measured", "측정하지 않음"),
}


def in_words(word: Word, lang: Language = "en") -> str:
    return WORDS[word][lang == "ko"]


@dataclass(frozen=True)
class Interval:
    """A difference, from low to high."""

    low: float
    high: float


def decide(found: Interval, matters: float) -> Word:
    """Whether a difference is above what matters."""
    if found.low > matters:
        return "confirmed"
    return "refuted" if found.high < matters else "undecided"


def above_ideal(found: Measured, entry: Entry) -> Interval | None:
    """By how much the measure is worse than an ideal model's; None where it has no interval.

    Of a measure that is good where it equals its reference, too large is worse.
    """
    if found.value is None or found.low is None or found.high is None:
        return None
    ideal = 0.0 if found.reference is None else found.reference
    if entry.better == "higher":
        return Interval(ideal - found.high, ideal - found.low)
    return Interval(found.low - ideal, found.high - ideal)


def gained(before: Measured, after: Measured, entry: Entry) -> Interval | None:
    """By how much ``after`` is better than ``before``, their intervals taken as independent."""
    old, new = _bad_range(before, entry), _bad_range(after, entry)
    if old is None or new is None:
        return None
    better = old[1] - new[1]
    down = ((old[1] - old[0]) ** 2 + (new[2] - new[1]) ** 2) ** 0.5
    up = ((old[2] - old[1]) ** 2 + (new[1] - new[0]) ** 2) ** 0.5
    return Interval(better - down, better + up)


def badness(value: float, entry: Entry, reference: float | None) -> float:
    """By how much the value is worse than an ideal model's at the same sample size.

    So that models with different references compare: some measures are biased, the more so the more
    dimensions there are, and some are in units of the prior's own.
    """
    ideal = reference or 0.0
    if entry.better == "higher":
        return ideal - value
    return abs(value - ideal) if entry.better == "ideal" else value - ideal


def _bad_range(found: Measured, entry: Entry) -> tuple[float, float, float] | None:
    """``badness`` at the best of the interval, at the value, and at the worst."""
    if found.value is None or found.low is None or found.high is None:
        return None
    low, value, high = (
        badness(x, entry, found.reference) for x in (found.low, found.value, found.high)
    )
    return min(low, value, high), value, max(low, value, high)

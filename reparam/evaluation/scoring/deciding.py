"""Differences with intervals, and what they decide.

A measure is worse than another where the whole interval of the difference is above what matters of
it (``Entry.matters``). That is refuted where the whole interval is below: a difference that small
would not be seen (an equivalence test, Schuirmann 1987). Else the images at hand decide nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import Entry, Language

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
    values = (before.value, before.low, before.high, after.value, after.low, after.high)
    if any(value is None for value in values):
        return None
    old, old_low, old_high, new, new_low, new_high = (float(v) for v in values if v is not None)
    down = ((old - old_low) ** 2 + (new_high - new) ** 2) ** 0.5
    up = ((old_high - old) ** 2 + (new - new_low) ** 2) ** 0.5
    if entry.better == "higher":
        down, up = up, down
    better = badness(old, entry, before.reference) - badness(new, entry, after.reference)
    return Interval(better - down, better + up)


def badness(value: float, entry: Entry, reference: float | None) -> float:
    """The value turned so that less is better."""
    if entry.better == "higher":
        return -value
    return abs(value - (reference or 0.0)) if entry.better == "ideal" else value

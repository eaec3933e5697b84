"""Differences with intervals, and what they decide, corrected for how many are asked at once.

A measure is worse than another where the whole interval of the difference is above what matters of
it (``Entry.matters``): "confirmed". That is "refuted" where the whole interval is below: a
difference that small would not be seen (an equivalence test, Schuirmann 1987). Else the images at
hand decide nothing.

Each word is a one-sided test. Its p-value is given doubled, so that p ≤ 0.05 says the same as a
95 % interval that is clear of what matters: 2.5 % on either side. In a table of many such tests
some pass by chance, so that a word stands only where its p-value after Holm's step-down correction
(Holm 1979) is at most 0.05. Every word has a family of its own, over the whole table: the chance
that anything in it is wrongly confirmed is at most 2.5 %, and so is the chance that anything is
wrongly refuted, however the tests depend on each other. "Refuted" is corrected as "confirmed" is,
since it too is a finding that a reader takes away.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import special

from reparam.evaluation.measures.measured import (
    LEVEL,
    Measured,
    incomparable,
    student_quantile,
)
from reparam.evaluation.scoring.catalogue import Entry
from reparam.types import Language

Claimed = Literal["confirmed", "refuted"]
Differs = Literal["better", "worse", "higher", "lower", "same"]
Word = Claimed | Differs | Literal["undecided", "absent", "incomparable"]

WORDS: Mapping[Word, tuple[str, str]] = {
    "confirmed": ("confirmed", "확인됨"),
    "refuted": ("refuted", "반박됨"),
    "undecided": ("undecided at this sample size", "이 표본 크기로는 판단할 수 없음"),
    "absent": ("not measured", "측정하지 않음"),
    "incomparable": ("not comparable", "비교할 수 없음"),
    "better": ("better", "더 좋음"),
    "worse": ("worse", "더 나쁨"),
    "higher": ("higher", "더 큼"),
    "lower": ("lower", "더 작음"),
    "same": ("no difference that matters", "의미 있는 차이 없음"),
}

Pairing = Literal["paired by seed", "paired by image", "unpaired"]
"""What a difference is taken between: runs of one seed, figures of one image, or whole means."""


def in_words(word: Word, lang: Language = "en") -> str:
    return WORDS[word][lang == "ko"]


@dataclass(frozen=True)
class Interval:
    """A difference with its 95 % interval, from ``low`` to ``high``.

    ``freedom``: Student's degrees of freedom behind it; infinite for an interval over images, whose
    ends are taken as those of a normal distribution, each side with a deviation of its own.
    """

    value: float
    low: float
    high: float
    freedom: float = math.inf
    pairing: Pairing = "unpaired"

    @property
    def is_exact(self) -> bool:
        """Whether it has no width: then there is nothing to test."""
        return self.low == self.high

    def p_above(self, bound: float) -> float:
        """The one-sided p-value for a difference above ``bound``: at most 0.025 where the interval
        is above it, 0.5 where the value is the bound, and where nothing is known of that side.
        """
        over = self.value - bound
        side = self.value - self.low if over > 0 else self.high - self.value
        if side == 0:
            return 0.5 * (1 - float(np.sign(over))) if self.is_exact else 0.5
        return _tail(over / side * student_quantile(self.freedom), self.freedom)

    def p_below(self, bound: float) -> float:
        return (-self).p_above(-bound)

    def __neg__(self) -> "Interval":
        return Interval(-self.value, -self.high, -self.low, self.freedom, self.pairing)


def student(values: Sequence[float], pairing: Pairing = "unpaired") -> Interval:
    """The mean of two or more values, with the interval of Student's t."""
    n = len(values)
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    half = student_quantile(n - 1) * deviation / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n - 1, pairing)


def paired_shares(ours: Float[np.ndarray, " n"], theirs: Float[np.ndarray, " n"]) -> Interval:
    """The share of ours less that of theirs, of the same things, each 1 or 0.

    With a half added to each of the four counts of pairs (Agresti & Min 2005), so that it has a
    width where all pairs are equal: twelve of them do not show that all others are.
    """
    n = len(ours) + 2
    more, less = ((a > b).sum() + 0.5 for a, b in ((ours, theirs), (theirs, ours)))
    centre = float(more - less) / n
    half = student_quantile(math.inf) * math.sqrt(float(more + less) / n - centre**2) / math.sqrt(n)
    low, high = max(centre - half, -1.0), min(centre + half, 1.0)
    return Interval(float((ours - theirs).mean()), low, high, pairing="paired by image")


def welch(first: Sequence[float], second: Sequence[float]) -> Interval:
    """The mean of the first values less that of the second, of two or more each (Welch 1947)."""
    mean = float(np.mean(first)) - float(np.mean(second))
    a, b = (float(np.var(values, ddof=1)) / len(values) for values in (first, second))
    if a + b == 0:
        return Interval(mean, mean, mean)
    freedom = (a + b) ** 2 / (a**2 / (len(first) - 1) + b**2 / (len(second) - 1))
    half = student_quantile(freedom) * math.sqrt(a + b)
    return Interval(mean, mean - half, mean + half, freedom)


def _tail(t: float, freedom: float) -> float:
    """The probability of Student's t above t; scipy.stats has it too, a hundred times slower."""
    return float(special.ndtr(-t) if math.isinf(freedom) else special.stdtr(freedom, -t))


@dataclass(frozen=True)
class Decision:
    """A word, with the p-value of its test and the same after Holm's correction over its table.

    Of what is undecided the p-values are those of the nearest word. None where nothing is tested:
    of an absent measure, and of an interval without width, which decides as it is.
    """

    word: Word
    p: float | None = None
    holm: float | None = None


Test = Callable[[Interval, float], float]
"""The one-sided p-value of a word, of a difference and what matters of it."""

ABOVE: Mapping[Word, Test] = {"confirmed": Interval.p_above, "refuted": Interval.p_below}
"""Whether a difference is above what matters."""

Question = tuple[Interval | None, float]
"""A difference, None where there is none, and what matters of it."""


def decide(table: Sequence[Question], tests: Mapping[Word, Test] = ABOVE) -> list[Decision]:
    """The word of each difference of a table, every word's tests corrected over the table."""
    asked = {
        i: (found, matters)
        for i, (found, matters) in enumerate(table)
        if found is not None and not found.is_exact
    }
    raw = {w: [min(1.0, 2 * test(*asked[i])) for i in asked] for w, test in tests.items()}
    corrected = {word: holm(p) for word, p in raw.items()}
    tested = {}
    for at, i in enumerate(asked):
        p, word = min((raw[word][at], word) for word in tests)
        after = corrected[word][at]
        tested[i] = Decision(word if after <= 1 - LEVEL else "undecided", p, after)
    return [tested.get(i) or _untested(*row, tests) for i, row in enumerate(table)]


def _untested(found: Interval | None, matters: float, tests: Mapping[Word, Test]) -> Decision:
    """What is said of no difference, or of one that is known exactly."""
    if found is None:
        return Decision("absent")
    sure: list[Word] = [word for word, test in tests.items() if test(found, matters) == 0]
    return Decision(sure[0] if sure else "undecided")


def holm(p: Sequence[float]) -> list[float]:
    """The p-values of one family after the step-down correction of Holm 1979, in the same order."""
    order = np.argsort(p, kind="stable")
    stepped = np.asarray(p, np.float64)[order] * (len(p) - np.arange(len(p)))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(value) for value in corrected]


def above_ideal(found: Measured, entry: Entry) -> Interval | None:
    """By how much the measure is worse than an ideal model's; None where it has no interval.

    Of a measure that is good where it equals its reference, too large is worse.
    """
    if found.value is None or found.low is None or found.high is None:
        return None
    worse = [
        signed_badness(v, entry, found.reference) for v in (found.value, found.low, found.high)
    ]
    return Interval(worse[0], min(worse), max(worse))


def gained(before: Measured, after: Measured, entry: Entry) -> Interval | None:
    """By how much ``after`` is better than ``before``, their intervals taken as independent; None
    where one has no interval, and for figures of two quantities.
    """
    old, new = _bad_range(before, entry), _bad_range(after, entry)
    if old is None or new is None or incomparable(before, after):
        return None
    better = old[1] - new[1]
    down = ((old[1] - old[0]) ** 2 + (new[2] - new[1]) ** 2) ** 0.5
    up = ((old[2] - old[1]) ** 2 + (new[1] - new[0]) ** 2) ** 0.5
    return Interval(better, better - down, better + up)


def badness(value: float, entry: Entry, reference: float | None) -> float:
    """By how much the value is worse than an ideal model's, so that models with different
    references compare.
    """
    worse = signed_badness(value, entry, reference)
    return abs(worse) if entry.better == "ideal" else worse


def signed_badness(value: float, entry: Entry, reference: float | None) -> float:
    """As ``badness``, but below 0 where a value is too small that should equal its reference."""
    above = value - (reference or 0.0)
    return -above if entry.better == "higher" else above


def _bad_range(found: Measured, entry: Entry) -> tuple[float, float, float] | None:
    """``badness`` at the best of the interval, at the value, and at the worst."""
    if found.value is None or found.low is None or found.high is None:
        return None
    low, value, high = (
        badness(x, entry, found.reference) for x in (found.low, found.value, found.high)
    )
    at_best = min(low, value, high)
    if entry.better == "ideal" and found.low <= (found.reference or 0.0) <= found.high:
        at_best = 0.0
    return at_best, value, max(low, value, high)

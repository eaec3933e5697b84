"""The article's claims as sentences that a measure can confirm or refute.

A claim that something is wrong holds where the measure is worse than an ideal model's by more than
what matters (``Entry.matters``), the whole interval of it. It is refuted where the whole interval
is below that: a difference that small would not be seen (an equivalence test, Schuirmann 1987).
Else the images at hand decide nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import MEASURES, Entry, Language
from reparam.evaluation.scoring.scorecard import Scorecard

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
class Claim:
    """A sentence of the article's and the measures that decide it: the first that there is."""

    number: int
    en: str
    ko: str
    measures: tuple[str, ...]
    is_flaw: bool = True
    """Whether it says what is wrong with the AE; else it says what the AE is good at."""

    def text(self, lang: Language = "en") -> str:
        return self.ko if lang == "ko" else self.en


CLAIMS: tuple[Claim, ...] = (
    Claim(
        1,
        "The AE's latent points are off-centre",
        "AE의 잠재 벡터는 원점에서 벗어나 있다",
        ("centre",),
    ),
    Claim(
        1,
        "… and not symmetric about the origin",
        "… 원점에 대해 대칭이 아니다",
        ("asymmetry",),
    ),
    Claim(
        1,
        "… their range is not bounded: some lie far out",
        "… 범위에 한계가 없어 일부는 멀리 떨어져 있다",
        ("radius_99",),
    ),
    Claim(
        2,
        "Classes take very unequal areas",
        "클래스가 차지하는 넓이가 매우 다르다",
        ("class_gini", "class_tv"),
    ),
    Claim(
        3,
        "Random latent points do not decode to all classes evenly",
        "무작위 잠재 벡터가 모든 클래스로 고르게 복원되지 않는다",
        ("class_tv",),
    ),
    Claim(
        3,
        "… and some decode to nothing that looks real",
        "… 일부는 실제처럼 보이지 않는 이미지로 복원된다",
        ("unlikely_share",),
    ),
    Claim(
        3,
        "… because there are gaps where no image lies",
        "… 어떤 이미지도 놓이지 않는 빈틈이 있기 때문이다",
        ("prior_gaps", "auc"),
    ),
    Claim(
        5,
        "An AE also removes noise",
        "AE는 잡음도 제거한다",
        ("noise_removed",),
        is_flaw=False,
    ),
)
"""Claim 4, that all of it gets worse with more dimensions, takes several models: `reparam sweep`.
"""


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
    if entry.better == "higher":
        old, old_low, old_high = -old, -old_high, -old_low
        new, new_low, new_high = -new, -new_high, -new_low
    down = ((old - old_low) ** 2 + (new_high - new) ** 2) ** 0.5
    up = ((old_high - old) ** 2 + (new - new_low) ** 2) ** 0.5
    return Interval(old - new - down, old - new + up)


@dataclass(frozen=True)
class Verdict:
    """What two scorecards say of a claim: whether it holds of the AE, and whether the VAE mends it.

    ``measure`` is the one that decided; ``ae`` and ``vae`` are its figures.
    """

    claim: Claim
    measure: str
    ae: Measured
    vae: Measured
    holds: Word
    mended: Word | None
    """None for a claim that is no flaw."""


def verdicts(ae: Scorecard, vae: Scorecard) -> tuple[Verdict, ...]:
    """The article's claims, judged by an AE and a VAE, each drawing from its own prior."""
    return tuple(_verdict(claim, ae, vae) for claim in CLAIMS)


def _verdict(claim: Claim, ae: Scorecard, vae: Scorecard) -> Verdict:
    name = next((m for m in claim.measures if ae.find(m).value is not None), claim.measures[0])
    entry = MEASURES[name]
    of_ae, of_vae = ae.find(name), vae.find(name)
    if not claim.is_flaw:
        found = of_ae
        at_least = None if found.low is None or found.high is None else (found.low, found.high)
        word = decide(Interval(*at_least), entry.matters) if at_least else "absent"
        return Verdict(claim, name, of_ae, of_vae, word, None)
    flaw, gain = above_ideal(of_ae, entry), gained(of_ae, of_vae, entry)
    return Verdict(
        claim,
        name,
        of_ae,
        of_vae,
        decide(flaw, entry.matters) if flaw else "absent",
        decide(gain, entry.matters) if gain else "absent",
    )

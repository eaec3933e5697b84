"""Figures as text, the same in the terminal and in the report.

Estimates without bias may be where no true value is, as a squared distance below 0. They are shown
as the nearest value that the measure can have; scorecard.json has them as they are.
"""

import math
from collections.abc import Mapping, Sequence

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import MEASURES, Entry
from reparam.evaluation.scoring.deciding import Decision, Interval, Pairing
from reparam.types import Language


def value_text(value: float, entry: Entry) -> str:
    """The value with the entry's significant digits, without an exponent where it can be; a dash
    for NaN.
    """
    if math.isnan(value):
        return "–"
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = int(f"{value:.{entry.digits - 1}e}".rpartition("e")[2])  # of the rounded value
    if size < -4 or size > 6:
        text = f"{value:.{entry.digits - 1}e}"
    else:
        text = f"{value:.{max(0, entry.digits - 1 - size)}f}"
    return text.replace("-", "−", 1) if value < 0 else text


def measured_text(found: Measured, entry: Entry) -> str:
    """The figure without its interval; a dash where there is no value."""
    return "–" if found.value is None else _shown(found.value, entry)


def _shown(value: float, entry: Entry) -> str:
    """As a value of the measure; what is far smaller than a reader would care about is ≈ 0."""
    value = entry.clip(value)
    return "≈ 0" if 0 < abs(value) < entry.matters / 20 else value_text(value, entry)


def interval_text(found: Measured, entry: Entry, lang: Language = "en") -> str:
    """``low to high``; nothing where there is no interval, or one of no width, or all of it ≈ 0."""
    if found.low is None or found.high is None:
        return ""
    low, high = entry.clip(found.low), entry.clip(found.high)
    tiny = _shown(low, entry) == _shown(high, entry) == "≈ 0"
    return "" if low == high or tiny else _span(low, high, entry, lang)


def figure_text(found: Measured, entry: Entry, lang: Language = "en") -> str:
    """``value (low to high)``; a dash where there is no value."""
    interval = interval_text(found, entry, lang)
    return measured_text(found, entry) + (f" ({interval})" if interval else "")


def ideal_text(several: Sequence[Measured], entry: Entry, lang: Language = "en") -> str:
    """The references of a row: one, or from the least to the largest where they differ, as those
    of other images do. Nothing where there is none.
    """
    references = [entry.clip(found.reference) for found in several if found.reference is not None]
    if not references:
        return ""
    low, high = min(references), max(references)
    same = _shown(low, entry) == _shown(high, entry)
    return _shown(low, entry) if same else _span(low, high, entry, lang)


def _span(low: float, high: float, entry: Entry, lang: Language) -> str:
    first, last = _shown(low, entry), _shown(high, entry)
    to = " to "
    if lang == "ko":  # ~ and a minus sign would run together
        to = " ~ " if last.startswith("−") else "~"
    return f"{first}{to}{last}"


def p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_values_text(decided: Decision | None) -> str:
    """``p / p after Holm's correction``; nothing where nothing was tested."""
    if decided is None or decided.p is None or decided.holm is None:
        return ""
    return f"{p_text(decided.p)} / {p_text(decided.holm)}"


PAIRINGS: Mapping[Pairing, tuple[str, str]] = {
    "paired by seed": ("paired by seed", "같은 시드끼리 짝지음"),
    "paired by image": ("paired by image", "같은 이미지끼리 짝지음"),
    "unpaired": ("unpaired", "짝짓지 않음"),
}


def pairing_text(differences: Mapping[str, Interval | None], lang: Language = "en") -> str:
    """How the differences of measures were taken: "paired by seed"; with the measures' words, where
    not all were taken in one way. Nothing where there is none.
    """
    names: dict[Pairing, list[str]] = {}
    for name, found in differences.items():
        if found is not None:
            names.setdefault(found.pairing, []).append(MEASURES[name].title(lang))
    words = {PAIRINGS[pairing][lang == "ko"]: of for pairing, of in names.items()}
    if len(words) < 2:
        return "".join(words)
    return "; ".join(f"{word}: {', '.join(of)}" for word, of in words.items())

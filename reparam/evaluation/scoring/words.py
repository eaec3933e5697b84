"""Figures as text, the same in the terminal and in the report."""

import math
from collections.abc import Sequence

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import Entry
from reparam.types import Language


def value_text(value: float, entry: Entry) -> str:
    """The value with the entry's significant digits, without an exponent where it can be."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size > 6:
        text = f"{value:.{entry.digits - 1}e}"
    else:
        text = f"{value:.{max(0, entry.digits - 1 - size)}f}"
    return text.replace("-", "−", 1) if value < 0 else text


def interval_text(found: Measured, entry: Entry, lang: Language = "en") -> str:
    """``low to high``; nothing where there is no interval, or one of no width."""
    if found.low is None or found.high is None or found.low == found.high:
        return ""
    to = "~" if lang == "ko" else " to "
    return f"{value_text(found.low, entry)}{to}{value_text(found.high, entry)}"


def figure_text(found: Measured, entry: Entry) -> str:
    """``value (low to high)``; a dash where there is no value."""
    if found.value is None:
        return "–"
    interval = interval_text(found, entry)
    return value_text(found.value, entry) + (f" ({interval})" if interval else "")


def ideal_text(several: Sequence[Measured], entry: Entry) -> str:
    """The references of a row: one, or from the least to the largest where they differ, as those
    of distances in latents' own units do. Nothing where there is none.
    """
    references = [found.reference for found in several if found.reference is not None]
    if not references:
        return ""
    if 0 < max(map(abs, references)) < entry.matters / 20:
        return "≈ 0"
    low, high = (value_text(end, entry) for end in (min(references), max(references)))
    return low if low == high else f"{low} to {high}"


def p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"

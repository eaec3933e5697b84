"""Figures as text, the same in the terminal and in the report."""

import math
from collections.abc import Sequence

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import MEASURES, Entry, Language
from reparam.evaluation.scoring.groups import Group


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


def p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def ideals_text(groups: Sequence[Group], name: str) -> str:
    """What an ideal model would score: several values where groups have priors of their own."""
    references = [group.find(name).reference for group in groups]
    texts = [value_text(value, MEASURES[name]) for value in references if value is not None]
    return " / ".join(dict.fromkeys(texts))

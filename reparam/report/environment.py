"""Templates for pages: everything that comes from data is escaped, and what is unseen is shown."""

from functools import cache, partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reparam._version import __version__
from reparam.evaluation import (
    Scorecard,
    figure_text,
    ideal_text,
    in_words,
    interval_text,
    measured_text,
    p_text,
    pairing_text,
    reason_in,
)
from reparam.printable import printable, printable_lines
from reparam.report.style import fixed, prior_head, split_name
from reparam.types import Language


def judge_text(card: Scorecard) -> str:
    """What classes and features come from, in Korean; scorecards have it in English."""
    if card.judge_accuracy is None:
        return "판정기(정확도를 잴 레이블이 없는 합성곱 신경망)"
    return f"판정기(정확도 {card.judge_accuracy:.2%}인 합성곱 분류기)"


@cache  # templates are compiled once
def environment(lang: Language) -> Environment:
    found = Environment(
        loader=PackageLoader("reparam.report"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "version": __version__,
        "in_words": in_words,
        "measured_text": measured_text,
        "interval_text": partial(interval_text, lang=lang),
        "figure_text": partial(figure_text, lang=lang),
        "ideal_text": partial(ideal_text, lang=lang),
        "fixed": fixed,
        "p_text": p_text,
        "pairing_text": partial(pairing_text, lang=lang),
        "reason_text": partial(reason_in, lang=lang),
        "judge_text": judge_text,
        "prior_head": partial(prior_head, lang=lang),
        "split_name": partial(split_name, lang=lang),
    }
    found.filters["line"] = printable
    return found


def _shown(value: object) -> object:
    """Every value that a template writes: control characters and direction marks are shown."""
    if isinstance(value, Markup):  # escaped already
        return Markup(printable_lines(value))
    return printable_lines(value) if isinstance(value, str) else value

"""Templates for pages: everything that comes from data is escaped."""

from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined

from reparam._version import __version__
from reparam.evaluation import ideal_text, in_words, interval_text, p_text, value_text
from reparam.types import Language


def environment(lang: Language) -> Environment:
    found = Environment(
        loader=PackageLoader("reparam.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "version": __version__,
        "in_words": in_words,
        "value_text": value_text,
        "interval_text": partial(interval_text, lang=lang),
        "ideal_text": ideal_text,
        "p_text": p_text,
    }
    return found

"""One page with groups of scorecards side by side: what compare and sweep write."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.figure import Figure

from reparam.errors import ConfigError
from reparam.evaluation import (
    MEASURES,
    TOPICS,
    Group,
    Interval,
    Trend,
    Word,
    along_axis,
    claim_gains,
    claim_pair,
    ends,
    tally,
    trends,
    verdicts,
)
from reparam.model import WEIGHT_OPTIONS
from reparam.printable import finite_or_null, printable_json
from reparam.report.environment import environment
from reparam.report.figures import scores
from reparam.report.page import check_page
from reparam.report.pictures import Picture, picture_of
from reparam.runs import write_atomically
from reparam.types import Language


@dataclass(frozen=True)
class Line:
    """Groups along one option, and whether measures get worse along it."""

    option: str
    groups: tuple[Group, ...]

    @property
    def ends(self) -> tuple[Group, Group]:
        return ends(self.option, self.groups)

    @functools.cached_property
    def trends(self) -> tuple[Trend, ...]:
        return trends(self.ends)

    @property
    def tally(self) -> Mapping[Word, int]:
        return tally(self.trends)

    @property
    def changes(self) -> Mapping[str, Interval]:
        return {trend.measure: trend.change for trend in self.trends}


def write_comparison(
    groups: Sequence[Group],
    out: Path,
    *,
    command: str,
    lang: Language = "en",
    data: Path | None = None,
) -> Path:
    """Writes the page, and the table behind it as JSON to ``data``.

    Raises ConfigError without groups, or where ``out`` must not be written.
    """
    if not groups:
        raise ConfigError(
            "a comparison must have at least one scored run, got none. Fix: name a run"
        )
    check_page(out)
    lines = [Line(o, tuple(several)) for o, several in along_axis(groups)]
    pair = claim_pair(groups)
    judged = verdicts(*pair) if pair else ()
    html = (
        environment(lang)
        .get_template(f"comparison.{lang}.html.j2")
        .render(
            lang=lang,
            groups=groups,
            lines=lines,
            pair=pair,
            verdicts=judged,
            gains=claim_gains(judged),
            pictures=dict(_pictures(groups, lines, lang)),
            topics=TOPICS,
            measures=MEASURES,
            command=command,
            first=groups[0].cards[0],
        )
    )
    write_atomically(out, html.encode())
    if data is not None:
        text = json.dumps(
            finite_or_null([_plain(group) for group in groups]), indent=2, ensure_ascii=False
        )
        write_atomically(data, printable_json(text + "\n").encode())
    return out


def _pictures(
    groups: Sequence[Group], lines: Sequence[Line], lang: Language
) -> Iterator[tuple[str, Picture]]:
    if not lines:
        return
    if any(line.option.replace("-", "_") in WEIGHT_OPTIONS for line in lines):
        yield from _picture("rate-distortion", scores.rate_distortion(groups, lang), lang)
    for topic in TOPICS:
        charts = scores.measure_charts([(line.option, line.groups) for line in lines], topic, lang)
        yield from _picture(topic, charts, lang)


def _picture(name: str, figure: Figure | None, lang: Language) -> Iterator[tuple[str, Picture]]:
    if figure is not None:
        yield name, picture_of(figure, lang)


def _plain(group: Group) -> Mapping[str, object]:
    return {
        "title": group.title,
        "values": dict(group.values),
        "seeds": list(group.seeds),
        "measures": {
            name: {**asdict(group.find(name)), "each": [m.value for m in group.each(name)]}
            for name in MEASURES
        },
    }

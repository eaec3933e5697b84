"""Scorecards as pictures: the classes of random draws, and measures against an option."""

import math
import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reparam.data import class_colours
from reparam.evaluation import MEASURES, Entry, Group, Scorecard, number_of
from reparam.report.style import FAINT, MUTED, drawn, figure_style, new_figure, prior_head, said
from reparam.types import Language

COLUMNS = 3

WORDS = 55
"""Characters below an axis, from which on they stand upright."""


def class_shares(card: Scorecard, lang: Language = "en") -> Figure | None:
    """How often decoded draws of each prior are of each class; None without labels."""
    several = [scores for scores in card.priors if scores.class_counts]
    if not several:
        return None
    names = list(several[0].class_counts)
    with figure_style():
        figure = new_figure(5.4, 1.0 + 1.15 * len(several))
        rows = figure.subplots(len(several), 1, squeeze=False, sharex=True)[:, 0]
        for axes, scores in zip(rows, several, strict=True):
            total = max(1, sum(scores.class_counts.values()))
            shares = [100 * scores.class_counts[name] / total for name in names]
            axes.bar(range(len(names)), shares, color=class_colours(len(names)), width=0.75)
            axes.axhline(100 / len(names), color=MUTED, lw=0.8, ls=":")
            prior = scores.described(lang) or prior_head(scores.name, lang)
            axes.set_title(drawn(f"{card.title}, {prior}"), loc="left", fontsize=8)
            axes.set_ylabel("%")
            steep = 90 if sum(len(drawn(name)) + 2 for name in names) > WORDS else 0
            axes.set_xticks(range(len(names)), [drawn(name) for name in names], rotation=steep)
            if len(names) > 20:
                axes.set_xticks([])
        return figure


def measure_charts(
    lines: Sequence[tuple[str, Sequence[Group]]], topic: str, lang: Language = "en"
) -> Figure | None:
    """Every measure of one topic against the last option of a sweep, a line for each model.

    ``lines``: the option and its groups in order, for each setting of the other options. Small
    dots are seeds, the band is the 95 % interval of their mean, the dotted line an ideal model.
    """
    shown = [
        (name, entry)
        for name, entry in MEASURES.items()
        if entry.topic == topic and any(g.each(name) for _, groups in lines for g in groups)
    ]
    if not shown:
        return None
    with figure_style():
        columns = min(COLUMNS, len(shown))
        rows = -(-len(shown) // columns)
        figure = new_figure(3.1 * columns, 2.5 * rows)
        figure.get_layout_engine().set(h_pad=0.1)  # inches: a title is apart from the axis above
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (name, entry) in zip(grid, shown, strict=False):
            _draw(axes, lines, name, entry, lang)
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
        if len(lines) > 1:
            grid[0].legend()
        return figure


TITLE: Mapping[Language, int] = {"en": 42, "ko": 26}
"""Letters of a line above a chart."""

LINE_COLOURS = ("#3f90da", "#e76300", "#832db6", "#bd1f01", "#a96b59", "#717581")


def _draw(
    axes: Axes,
    lines: Sequence[tuple[str, Sequence[Group]]],
    name: str,
    entry: Entry,
    lang: Language,
) -> None:
    ideals: list[float] = []
    for (option, groups), colour in zip(lines, LINE_COLOURS * 9, strict=False):
        places = positions([group.values[option] for group in groups])
        found = [group.find(name) for group in groups]
        known = [i for i, measured in enumerate(found) if measured.value is not None]
        joined = [i for i in known if number_of(groups[i].values[option]) is not None]
        joined.sort(key=places.__getitem__)
        x = [places[i] for i in joined]
        mean = [float(found[i].value or 0.0) for i in joined]
        axes.plot(x, mean, color=colour, lw=1.4, label=_label(groups[0], option))
        if all(found[i].low is not None for i in joined):
            low = [float(found[i].low or 0.0) for i in joined]
            high = [float(found[i].high or 0.0) for i in joined]
            axes.fill_between(x, low, high, color=colour, alpha=0.13, lw=0)
        for i in known:
            dots = [float(m.value or 0.0) for m in groups[i].each(name)]
            axes.scatter([places[i]] * len(dots), dots, s=9, color=colour, zorder=3)
        ideals += [ideal for i in known if (ideal := found[i].reference) is not None]
        axes.set_xticks(places, [drawn(group.values[option]) for group in groups])
        axes.set_xlabel(option)
    if ideals:
        axes.axhline(sum(ideals) / len(ideals), color=MUTED, lw=0.8, ls=":")
    unit = f" ({entry.unit_in(lang)})" if entry.unit else ""
    title = textwrap.fill(f"{entry.title(lang)}{unit}", TITLE[lang], break_long_words=False)
    axes.set_title(title, fontsize=7.5)  # matplotlib's own wrapping is at the figure's edge
    axes.grid(axis="y", color=FAINT, lw=0.5)


def _label(group: Group, option: str) -> str:
    rest = [value for name, value in group.values.items() if name != option]
    words = ", ".join(v.upper() if v in ("ae", "vae") else v for v in rest)
    return drawn(words or group.title)


def positions(values: Sequence[str]) -> list[float]:
    """Positions of values on an axis: numbers that span a factor of 8 or more on a log scale, other
    numbers linearly. Words are left of them, one step apart.
    """
    numbers = {v: n for v in values if (n := number_of(v)) is not None}
    found = list(numbers.values())
    if found and min(found) > 0 and max(found) / min(found) >= 8:
        numbers = {value: math.log(number) for value, number in numbers.items()}
    ordered = sorted(numbers.values()) or [0.0]
    step = (ordered[-1] - ordered[0]) / max(1, len(ordered) - 1) or 1.0
    words = [value for value in values if value not in numbers]
    places = {word: ordered[0] - step * (len(words) - i) for i, word in enumerate(words)}
    return [numbers.get(value, places.get(value, 0.0)) for value in values]


def rate_distortion(groups: Sequence[Group], lang: Language = "en") -> Figure | None:
    """Rate against distortion, a point for each group: what a sweep over the weight draws.

    A group of the automatic weight is marked. None where models have no rate.
    """
    with_rate = [g for g in groups if g.each("rate") and g.each("mse")]
    if len(with_rate) < 2:
        return None
    with figure_style():
        figure = new_figure(4.6, 3.4)
        axes = figure.subplots()
        points = [
            (float(g.find("rate").value or 0), float(g.find("mse").value or 0), g)
            for g in with_rate
        ]
        points.sort(key=lambda point: point[:2])
        axes.plot([p[0] for p in points], [p[1] for p in points], color=FAINT, lw=1.2, zorder=1)
        for rate, mse, group in points:
            auto = group.values.get("weight") == "auto"
            seeds = zip(group.each("rate"), group.each("mse"), strict=True)
            colour = LINE_COLOURS[1] if auto else LINE_COLOURS[0]
            for r, m in seeds:
                axes.scatter([r.value], [m.value], s=8, color=colour, alpha=0.5)
            axes.scatter(
                [rate],
                [mse],
                s=52 if auto else 26,
                color=colour,
                zorder=3,
                marker="D" if auto else "o",
            )
            axes.annotate(
                drawn(", ".join(group.values.values()) or group.title),
                (rate, mse),
                textcoords="offset points",
                xytext=(6, -12 if auto else 5),
                fontsize=8,
            )
        en, ko = "rate: KL(q(z|x) ‖ p), nats an image", "율(rate): KL(q(z|x) ‖ p), 이미지당 nat"
        axes.set_xlabel(said(lang, en, ko))
        en, ko = (
            "distortion: mean squared error per pixel",
            "왜곡(distortion): 픽셀당 평균 제곱 오차",
        )
        axes.set_ylabel(said(lang, en, ko))
        axes.grid(True)
        return figure

"""The values of a search's trials, one after another."""

import io
from collections.abc import Sequence
from itertools import accumulate

from matplotlib.ticker import MaxNLocator

from reparam.report.style import ACCENT, SECOND, drawn, figure_style, new_figure


def search_picture(
    values: Sequence[float | None], figure_name: str, *, maximise: bool = False
) -> bytes:
    """An SVG file: a dot for each trial, at its number (from 0), and the best up to there.

    None: a trial that was pruned or failed, which has no value.
    """
    known = [(number, value) for number, value in enumerate(values) if value is not None]
    numbers, heights = [number for number, _ in known], [value for _, value in known]
    with figure_style():
        figure = new_figure(4.6, 2.7)
        axes = figure.add_subplot()
        axes.plot(numbers, heights, "o", color=ACCENT, markersize=4, label="trial")
        best = list(accumulate(heights, max if maximise else min))
        axes.step(numbers, best, where="post", color=SECOND, label="best so far")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("trial")
        axes.set_ylabel(drawn(figure_name))
        axes.legend()
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()

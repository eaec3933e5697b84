"""The losses of training (figure 7)."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reparam.report.style import ACCENT, MUTED, SECOND, figure_style, new_figure, said
from reparam.runs import RunView
from reparam.types import Language

WIDTH, HEIGHT = 4.6, 2.7
"""Of a panel, in inches. Every panel has the same margins, so that those of two runs align."""
LEFT, RIGHT, BOTTOM, TOP = 0.62, 0.1, 0.5, 0.34


def training_curves(view: RunView, lang: Language = "en") -> Figure:
    """Figure 7: the terms of the loss after every epoch, one below the other, extra terms
    unweighted.
    """
    terms = _terms(view, lang)
    with figure_style():
        figure = new_figure(WIDTH, HEIGHT * len(terms))
        figure.set_layout_engine("none")
        width, height = (WIDTH - LEFT - RIGHT) / WIDTH, (HEIGHT - BOTTOM - TOP) / HEIGHT
        for i, (name, label) in enumerate(terms):
            below = (len(terms) - 1 - i + BOTTOM / HEIGHT) / len(terms)
            axes = figure.add_axes((LEFT / WIDTH, below, width, height / len(terms)))
            _draw(axes, view, name, lang)
            axes.set_title(f"{view.title}: {label}")
            axes.set_xlabel(said(lang, "epoch", "에포크"))
        return figure


def _terms(view: RunView, lang: Language) -> list[tuple[str, str]]:
    """The terms of a run's loss by name, with what they are: the error in the article's unit where
    the likelihood weighs it.
    """
    found = [("distortion_nats", said(lang, "distortion, nats per image", "왜곡(이미지당 nat)"))]
    if view.model.likelihood.weight is not None:
        found = [("mse", said(lang, "mean squared error per pixel", "픽셀당 평균 제곱 오차"))]
    if view.run.config.objective.has_rate:
        found.append(("rate_nats", said(lang, "KL, nats per image", "KL 발산(이미지당 nat)")))
    return found + [(term.name, term.type) for term in view.run.config.terms]


def _draw(axes: Axes, view: RunView, name: str, lang: Language) -> None:
    epochs = [epoch.epoch for epoch in view.metrics]
    splits = (
        (said(lang, "training", "학습"), ACCENT, [epoch.train.get(name) for epoch in view.metrics]),
        (
            said(lang, "validation", "검증"),
            SECOND,
            [epoch.valid.get(name) for epoch in view.metrics],
        ),
    )
    for split, colour, values in splits:
        if None not in values:
            marker = "" if len(epochs) > 3 else "o"
            axes.plot(epochs, values, color=colour, lw=1.5, label=split, marker=marker)
    if view.result.best_epoch != epochs[-1]:
        axes.axvline(view.result.best_epoch, color=MUTED, lw=0.8, ls=":")
    # The first epochs of a long run are far above the rest and would flatten it.
    first = 2 if len(epochs) > 5 else 0
    shown = [value for *_, values in splits for value in values[first:] if value is not None]
    margin = 0.12 * (max(shown) - min(shown)) or 0.1 * abs(max(shown)) or 1.0
    lowest = min(shown) - margin
    axes.set_ylim(max(0.0, lowest) if min(shown) >= 0 else lowest, max(shown) + margin)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y")
    axes.legend()

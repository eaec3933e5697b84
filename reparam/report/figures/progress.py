"""The losses of training (figure 7)."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reparam.report.style import ACCENT, MUTED, SECOND, figure_style, new_figure
from reparam.runs import RunView


def training_curves(views: Sequence[RunView]) -> Figure:
    """Figure 7: the terms of the loss after every epoch, extra terms unweighted."""
    panels = [(view, name, label) for view in views for name, label in _terms(view)]
    with figure_style():
        figure = new_figure(2.9 * len(panels) + 0.2, 2.7)
        for axes, (view, name, label) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            _draw(axes, view, name)
            axes.set_title(f"{view.title}: {label}")
            axes.set_xlabel("epoch")
        return figure


def _terms(view: RunView) -> list[tuple[str, str]]:
    """The terms of a run's loss by name, with what they are: the error in the article's unit where
    the likelihood weighs it.
    """
    found = [("distortion_nats", "distortion, nats per image")]
    if view.model.likelihood.weight is not None:
        found = [("mse", "mean squared error per pixel")]
    if view.is_variational:
        found.append(("rate_nats", "KL, nats per image"))
    return found + [(term.name, term.type) for term in view.run.config.terms]


def _draw(axes: Axes, view: RunView, name: str) -> None:
    epochs = [epoch.epoch for epoch in view.metrics]
    splits = (
        ("training", ACCENT, [epoch.train.get(name) for epoch in view.metrics]),
        ("validation", SECOND, [epoch.valid.get(name) for epoch in view.metrics]),
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

"""How training went (figure 7)."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reparam.report.style import ACCENT, MUTED, SECOND, house_style, new_figure
from reparam.report.view import RunView


def training_curves(views: Sequence[RunView]) -> Figure:
    """Figure 7: the terms of the loss after every epoch, in the article's units."""
    panels = [
        (view, key, label)
        for view in views
        for key, label in (
            (
                ("mse", "mean squared error per pixel")
                if view.has_weight
                else ("distortion_nats", "distortion, nats per image")
            ),
            *([("rate_nats", "KL, nats per image")] if view.is_variational else []),
        )
    ]
    with house_style():
        figure = new_figure(2.9 * len(panels) + 0.2, 2.7)
        for axes, (view, key, label) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            _draw(axes, view, key)
            axes.set_title(f"{view.title}: {label}")
            axes.set_xlabel("epoch")
        return figure


def _draw(axes: Axes, view: RunView, key: str) -> None:
    epochs = [line["epoch"] for line in view.metrics]
    for part, colour, name in (("train", ACCENT, "training"), ("valid", SECOND, "validation")):
        values = [line.get(f"{part}_{key}") for line in view.metrics]
        if None not in values:
            axes.plot(
                epochs,
                values,
                color=colour,
                lw=1.5,
                label=name,
                marker="" if len(epochs) > 3 else "o",
            )
    best = view.result.get("best_epoch")
    if best and best != epochs[-1]:
        axes.axvline(best, color=MUTED, lw=0.8, ls=":")
    # The first epochs of a long run are far above the rest and would flatten it.
    later = view.metrics[2:] if len(epochs) > 5 else view.metrics
    both = [line.get(f"{part}_{key}") for line in later for part in ("train", "valid")]
    shown = [value for value in both if value is not None]
    margin = 0.12 * (max(shown) - min(shown)) or 0.1 * max(shown) or 1.0
    axes.set_ylim(max(0.0, min(shown) - margin), max(shown) + margin)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y")
    axes.legend()

"""A learned or fitted prior over the latents whose distribution it should match."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reparam.evaluation import prior_log_prob, sample_latents
from reparam.model import Prior
from reparam.report.figures.held_out import posterior_samples
from reparam.report.style import SECOND, figure_style, new_figure, said
from reparam.runs import RunView
from reparam.types import Language

DRAWS = 10_000
SHOWN = 2_000
STEPS = 200
MASSES = (0.5, 0.9, 0.99)


def has_shape(prior: Prior) -> bool:
    """Whether there is something to draw: neither N(0, I) nor uniform."""
    return not (prior.is_standard_normal or prior.form == "uniform")


def prior_over_latents(view: RunView, lang: Language = "en") -> Figure | None:
    """Lines of equal density on two dimensions; on the plane of more, draws beside the latents.

    None for N(0, I) and for a uniform prior, such as an AE's box.
    """
    if not has_shape(view.model.prior):
        return None
    latents = view.plane.onto(posterior_samples(view))
    draws = sample_latents(view.model, DRAWS, seed=view.run.config.seed)
    with figure_style():
        figure = new_figure(5.4, 5.0)
        axes = figure.add_subplot()
        name = said(lang, "latents", "잠재 벡터")
        axes.scatter(*latents.T, s=5, c="#c3c9d6", linewidths=0, label=name)
        if view.latent_dim == 2:
            _draw_lines(axes, view, draws)
        else:
            points = view.plane.onto(draws[:SHOWN])
            name = said(lang, "the prior", "사전 분포")
            axes.scatter(*points.T, s=3, c=SECOND, alpha=0.6, linewidths=0, label=name)
            axes.legend(loc="upper left", bbox_to_anchor=(0, -0.12), ncols=2, markerscale=3)
        axes.set_xlabel(view.plane.labels[lang][0])
        axes.set_ylabel(view.plane.labels[lang][1])
        axes.set_aspect("equal", adjustable="datalim")
        what = said(lang, "the prior over the latents", "잠재 벡터와 사전 분포")
        axes.set_title(f"{view.title}: {what}")
        return figure


def _draw_lines(axes: Axes, view: RunView, draws: np.ndarray) -> None:
    """The smallest regions that hold given shares of the prior's mass.

    The density at a region's border is the one that this share of the draws exceeds.
    """
    low, high = draws.min(0), draws.max(0)
    x, y = (np.linspace(a, b, STEPS, dtype=np.float32) for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    density = prior_log_prob(view.model, grid).reshape(STEPS, STEPS)
    levels = np.quantile(prior_log_prob(view.model, draws), [1 - mass for mass in MASSES])
    order = np.argsort(levels)
    if len(set(levels)) < len(levels):  # a density with flat parts
        return
    lines = axes.contour(
        x, y, density, levels[order], colors=SECOND, linewidths=1.2, linestyles="solid"
    )
    names = {levels[i]: f"{MASSES[i]:.0%}" for i in order}
    axes.clabel(lines, fmt=names, fontsize=7)

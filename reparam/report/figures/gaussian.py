"""The normal distribution and this run's own quantities (figures 13 to 17, 19)."""

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from reparam.evaluation import decode_bytes, sample_latents
from reparam.model import LocationScale
from reparam.report.figures.held_out import examples_by_class, posterior_samples
from reparam.report.figures.prior import has_shape
from reparam.report.style import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    SECOND,
    ellipse_95,
    figure_style,
    fixed,
    new_figure,
    said,
    show_pixels,
)
from reparam.runs import RunView, latent_name
from reparam.types import Language

MAX_MARGINALS = 4
PRIOR_DRAWS = 20_000


def marginals(view: RunView, lang: Language = "en") -> Figure:
    """Figures 13 and 14: the aggregate posterior's marginals beside normal densities.

    Beside them a learned or fitted prior, as a histogram of its draws.
    """
    z = posterior_samples(view)
    draws = sample_latents(view.model, PRIOR_DRAWS) if has_shape(view.model.prior) else None
    shown = min(view.latent_dim, MAX_MARGINALS)
    order = np.argsort(-z.var(0))[:shown] if view.latent_dim > 2 else np.arange(shown)
    x = np.linspace(-5, 5, 401)
    with figure_style():
        figure = new_figure(3.1 * shown, 2.7)
        for axes, j in zip(figure.subplots(1, shown, squeeze=False)[0], order, strict=True):
            near = z[np.abs(z[:, j]) <= 5, j]
            axes.hist(near, **_density(len(near), len(z)), color="#cfe1f3")
            axes.plot(x, norm.pdf(x), color=SECOND, lw=1.8, label="N(0, 1)")
            if draws is not None:
                name = said(lang, "the prior", "사전 분포")
                look = {"histtype": "step", "color": INK, "label": name}
                inside = draws[np.abs(draws[:, j]) <= 5, j]
                axes.hist(inside, **_density(len(inside), len(draws)), **look)
            other = norm.pdf(x, -2, np.sqrt(0.5))
            axes.plot(x, other, color=MUTED, lw=1, ls="--", label="N(−2, 0.5)")
            axes.set(xlabel=latent_name(int(j)), yticks=[])
            outside = float(np.mean(np.abs(z[:, j]) > 5))
            mean, variance = fixed(z[:, j].mean(), 2), f"{z[:, j].var():.2f}"
            title = said(lang, f"mean {mean}, variance {variance}", f"평균 {mean}, 분산 {variance}")
            if outside >= 0.005:
                en, ko = f"{outside:.0%} beyond ±5", f"±5 바깥에 {outside:.0%}"
                title += f"\n{said(lang, en, ko)}"
            axes.set_title(title, fontsize=9)
            axes.spines["left"].set_visible(False)
            axes.legend(loc="upper right", fontsize=7)
        return figure


def _density(shown: int, of: int) -> dict[str, Any]:
    """A histogram over ±5 whose area is the share of all that lies there, as a density's is."""
    bins = 60
    return {"bins": bins, "range": (-5, 5), "weights": np.full(shown, bins / 10 / of)}


def covariance(view: RunView, lang: Language = "en") -> Figure | None:
    """Figures 15 and 16: the aggregate posterior's covariance against the identity's.

    None for a single image, which has no covariance.
    """
    z = posterior_samples(view)
    if len(z) < 2:
        return None
    points = view.plane.onto(z)
    mean, cov = points.mean(0), np.cov(points.T)
    origin = view.plane.onto(np.zeros((1, z.shape[1]), z.dtype))[0]  # the plane has its own
    with figure_style():
        figure = new_figure(7.4, 3.6)
        plane, matrix = figure.subplots(1, 2, width_ratios=[1.25, 1])
        plane.scatter(*points.T, s=2, c="#c3c9d6", linewidths=0)
        own = said(lang, "this run's mean and covariance", "이 모델의 평균과 공분산")
        for centre, shape, colour, name in (
            (mean, cov, ACCENT, own),
            (origin, np.eye(2), SECOND, "N(0, I)"),
        ):
            look = {"fill": False, "ec": colour, "lw": 1.8, "label": name}
            plane.add_patch(ellipse_95(centre, shape, **look))
            plane.scatter(*centre, marker="+", s=60, c=colour, zorder=3)
        plane.set_aspect("equal", adjustable="datalim")
        plane.set(xlabel=view.plane.labels[lang][0], ylabel=view.plane.labels[lang][1])
        plane.legend(loc="upper left", bbox_to_anchor=(0, -0.16), ncols=2)
        plane.set_title(said(lang, "95 % ellipses", "95% 타원"))
        _draw_matrix(matrix, np.atleast_2d(np.cov(z.T)), figure)
        en = "covariance matrix Σ (N(0, I) has 1 and 0)"
        ko = "공분산 행렬 Σ(N(0, I)에서는 1과 0)"
        matrix.set_title(said(lang, en, ko), fontsize=9)
        return figure


def _draw_matrix(axes: Axes, cov: np.ndarray, figure: Figure) -> None:
    shown = cov[:32, :32]
    limit = max(float(np.abs(shown).max()), 1.0)
    image = axes.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit)
    n = len(shown)
    if n <= 6:
        for i in range(n):
            for j in range(n):
                colour = "white" if abs(shown[i, j]) > 0.55 * limit else INK
                axes.text(j, i, fixed(shown[i, j], 2), ha="center", va="center", color=colour)
        axes.set_xticks(range(n), map(latent_name, range(n)))
        axes.set_yticks(range(n), map(latent_name, range(n)))
    else:
        figure.colorbar(image, ax=axes, shrink=0.7)
    axes.spines[:].set_visible(False)


def reparametrisation(view: RunView, lang: Language = "en", draws: int = 7) -> Figure | None:
    """Figure 17: μ, σ and several ε of one image, and the decodings.

    None for a posterior that does not scale and shift standard normal noise.
    """
    if not isinstance(view.q, LocationScale) or view.q.variance is None:
        return None
    i = examples_by_class(view, 4)[-1]
    mu, sigma = view.mu[i], view.q.variance[i].sqrt().numpy()
    epsilon = np.random.default_rng(7).standard_normal((draws, view.latent_dim)).astype(np.float32)
    z = view.q.rows(torch.full((draws,), i)).at(torch.from_numpy(epsilon))
    images = decode_bytes(view.model, z.numpy(), view.labels_at([i] * draws))
    with figure_style():
        figure = new_figure(1.0 * (draws + 1) + 0.2, 1.75)
        columns = figure.subplots(1, draws + 1)
        show_pixels(columns[0], view.images[i], ink=view.is_ink)
        columns[0].set_title(f"x\nμ = {_vector(mu)}\nσ = {_vector(sigma)}", fontsize=7)
        for axes, image, noise in zip(columns[1:], images, epsilon, strict=True):
            show_pixels(axes, image, ink=view.is_ink)
            axes.set_title(f"ε =\n{_vector(noise)}", fontsize=7, fontweight="normal", color=MUTED)
        return figure


def _vector(values: np.ndarray) -> str:
    shown = ", ".join(fixed(value, 2) for value in values[:2])
    return f"({shown}{', …' if len(values) > 2 else ''})"


def kl_divergence(view: RunView, lang: Language = "en") -> Figure | None:
    """Figure 19: the KL to N(0, I) of one dimension over μ and σ, with this run's images on it.

    None where the posterior is not normal, and where the prior of the training was not N(0, I).
    """
    trained_with = view.run.config.model.prior.build(view.model.latent)
    if not (isinstance(view.q, LocationScale) and trained_with.is_standard_normal):
        return None
    kl, variance = trained_with.kl_by_dimension(view.q), view.q.variance
    if kl is None or variance is None:
        return None
    each, sigma = kl.numpy(), variance.sqrt().numpy()
    reach = max(3.0, float(np.quantile(np.abs(view.mu), 0.995)) * 1.1)
    top = max(1.3, float(np.quantile(sigma, 0.995)) * 1.05)
    m, s = np.meshgrid(np.linspace(-reach, reach, 200), np.linspace(0.01, top, 200))
    surface = 0.5 * (m**2 + s**2 - 1 - np.log(s**2))
    with figure_style():
        figure = new_figure(7.4, 3.2)
        plane, bars = figure.subplots(1, 2, width_ratios=[1.3, 1])
        levels = [0.1, 0.5, 1, 2, 3, 5, 8]
        lines = plane.contour(m, s, surface, levels=levels, colors=MUTED, linewidths=0.8)
        plane.clabel(lines, fmt="%g", fontsize=7)
        busiest = int(each.mean(0).argmax())
        plane.scatter(
            view.mu[:, busiest], sigma[:, busiest], s=2.5, c=ACCENT, alpha=0.6, linewidths=0
        )
        plane.scatter([0], [1], marker="*", s=90, c=SECOND, zorder=4)
        plane.annotate(
            "N(0, 1): KL = 0", (0, 1), xytext=(7, 5), textcoords="offset points", fontsize=8
        )
        name = latent_name(busiest)
        plane.set(
            xlabel=said(lang, f"μ of {name}", f"{name}의 μ"),
            ylabel="σ",
            xlim=(-reach, reach),
            ylim=(0, top),
        )
        en, ko = "KL in nats over μ and σ; dots: images", "μ와 σ에 따른 KL 발산(nat). 점: 이미지"
        plane.set_title(said(lang, en, ko))
        total = each.sum(1, dtype=np.float64)
        bars.hist(total, bins=50, color="#cfe1f3")
        bars.axvline(total.mean(), color=SECOND, lw=1.6)
        bars.set(xlabel=said(lang, "KL of an image, nats", "이미지의 KL 발산(nat)"), yticks=[])
        bars.spines["left"].set_visible(False)
        mean = f"{total.mean():.2f}"
        en, ko = f"all dimensions: mean {mean} nats", f"모든 차원의 합: 평균 {mean} nat"
        bars.set_title(said(lang, en, ko))
        bars.axhline(0, color=FAINT, lw=0.8)
        return figure

"""Pictures that the decoder makes (figures 8, 11, 20, 21), also from noisy images."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from reparam.evaluation import (
    add_noise,
    as_bytes,
    decode_bytes,
    even_labels,
    noise_to_latents,
    reconstruct,
)
from reparam.model import NoiseMap
from reparam.objective import InputConfig
from reparam.report.figures.held_out import examples_by_class
from reparam.report.style import (
    MUTED,
    bare,
    draw_sheet,
    drawn,
    figure_style,
    fixed,
    new_figure,
    said,
    sheet_height,
    split_name,
)
from reparam.runs import Points, RunView
from reparam.types import Language, LatentArray

GRID = 20

# Pictures beside each other are drawn as sheets: axes for each took a sixth of a report's time.


def reconstructions(view: RunView, lang: Language = "en", n: int = 10) -> Figure:
    """Figures 8 and 20: held-out images, their latent coordinates, and their reconstructions."""
    chosen = examples_by_class(view, n)
    again = as_bytes(reconstruct(view.model, view.images[chosen], view.labels_at(chosen)))
    with figure_style():
        figure = new_figure(0.86 * len(chosen) + 0.3, 2.5)
        above, below = figure.subplots(2, 1)
        height, width = view.images.shape[1:3]
        gap = max(width // 10, 1)
        draw_sheet(bare(above), view.images[chosen], len(chosen), gap=gap, ink=view.is_ink)
        draw_sheet(bare(below), again, len(chosen), gap=gap, ink=view.is_ink)
        for column, i in enumerate(chosen):
            coordinates = [fixed(value, 2) for value in view.mu[i][:2]]
            more = ["…"] if view.latent_dim > 2 else []
            above.text(
                gap + column * (width + gap) + (width - 1) / 2,
                height + 1.5 * gap,
                "\n".join(coordinates + more),
                fontsize=7.5,
                color=MUTED,
                ha="center",
                va="top",
                linespacing=1.25,
            )
        split = split_name(view.split, lang)
        what = said(
            lang,
            f"{split} images, their latent coordinates, their reconstructions",
            f"{split} 이미지, 그 잠재 좌표, 재구성된 이미지",
        )
        figure.suptitle(f"{view.title}: {what}", fontsize=10, fontweight="bold")
        return figure


def _decoded_grid(
    view: RunView,
    xs: np.ndarray,
    ys: np.ndarray,
    title: str,
    *,
    back: Callable[[Points], LatentArray],
    labels: tuple[str, str],
) -> Figure:
    """One sheet of decodings, the second axis pointing up as in the scatter plots.

    ``back`` gives the latents of the grid's points.
    """
    points = np.array([(x, y) for y in ys[::-1] for x in xs], np.float32)
    images = decode_bytes(view.model, back(points), view.one_class(len(points)))
    with figure_style():
        figure = new_figure(5.4, max(sheet_height(images, len(xs), 5.4) + 0.2, 1.4))
        axes = figure.add_subplot()
        draw_sheet(axes, images, len(xs), ink=view.is_ink)
        axes.set_xticks(*_three_ticks(xs, len(xs) * images.shape[2]))
        axes.set_yticks(*_three_ticks(ys[::-1], len(ys) * images.shape[1]))
        axes.spines[:].set_visible(False)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.set_title(title)
        return figure


def _three_ticks(values: np.ndarray, pixels: int) -> tuple[np.ndarray, list[str]]:
    """First, middle and last value, at the centres of their images."""
    steps = np.array([0, (len(values) - 1) // 2, len(values) - 1])
    return (steps + 0.5) / len(values) * pixels, [fixed(values[i], 1) for i in steps]


def even_grid(view: RunView, lang: Language = "en", n: int = GRID) -> Figure:
    """Figure 11: an even grid over the latents' range, decoded."""
    points = view.plane.onto(view.mu)
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    xs, ys = np.linspace(x0, x1, n), np.linspace(y0, y1, n if view.latent_dim > 1 else 1)
    title = said(
        lang,
        "an even grid over the latents' range, decoded",
        "범위를 고르게 나눈 격자점을 디코딩한 결과",
    )
    labels = view.plane.labels[lang]
    title = _titled(view, title, lang)
    return _decoded_grid(view, xs, ys, title, back=view.plane.back, labels=labels)


def _titled(view: RunView, what: str, lang: Language) -> str:
    """With the model, and with the class that all images are of, where the model is conditional."""
    shown = f"{view.title}: {what}"
    if not view.model.classes:
        return shown
    name = drawn(view.class_names[0])
    return shown + said(lang, f" as class {name}", f"(클래스 {name})")


def quantile_grid(view: RunView, lang: Language = "en", n: int = GRID) -> Figure | None:
    """Figure 21: a grid at equal quantiles of the prior, decoded.

    For N(0, I) it is a grid of the plane; in more than two dimensions it runs over the two
    principal axes, through the latents' mean. Other priors map a grid of standard normal noise to
    latents (``NoiseMap``); None for one that has no such map.
    """
    prior = view.model.prior
    if not isinstance(prior, NoiseMap):
        return None
    quantiles = norm.ppf((np.arange(n) + 0.5) / n)
    back, labels, name = view.plane.back, view.plane.labels[lang], "N(0, I)"
    if not prior.is_standard_normal:
        labels = (
            said(lang, "first noise of the prior", "사전 분포의 첫째 잡음"),
            said(lang, "second noise of the prior", "사전 분포의 둘째 잡음"),
        )
        name = said(lang, "the prior", "사전 분포")

        def back(points: Points) -> LatentArray:
            return noise_to_latents(view.model, points @ view.plane.axes)

    en, ko = (
        f"a grid at equal quantiles of {name}, decoded",
        f"{name}의 분위수 격자를 디코딩한 결과",
    )
    title = _titled(view, said(lang, en, ko), lang)
    ys = quantiles if view.latent_dim > 1 else np.zeros(1)
    return _decoded_grid(view, quantiles, ys, title, back=back, labels=labels)


def noise_removed(
    view: RunView, lang: Language = "en", n: int = 10, amount: float = 0.3, seed: int = 0
) -> Figure:
    """Held-out images, the same with Gaussian noise, and the reconstructions of the noisy ones."""
    chosen = examples_by_class(view, n)
    noise = InputConfig(corrupt="gaussian", corrupt_amount=amount)
    noisy = add_noise(view.images[chosen], noise, seed)
    again = as_bytes(reconstruct(view.model, noisy, view.labels_at(chosen)))
    with figure_style():
        figure = new_figure(0.86 * len(chosen) + 0.3, 2.9)
        images = np.concatenate([view.images[chosen], noisy, again])
        gap = max(images.shape[2] // 10, 1)
        draw_sheet(bare(figure.add_subplot()), images, len(chosen), gap=gap, ink=view.is_ink)
        split = split_name(view.split, lang)
        what = said(
            lang,
            f"{split} images, with noise (σ = {amount:g}), and decoded again",
            f"{split} 이미지, 잡음(σ = {amount:g})을 더한 이미지, 이를 재구성한 이미지",
        )
        figure.suptitle(f"{view.title}: {what}", fontsize=10, fontweight="bold")
        return figure


def random_samples(
    view: RunView, latents: np.ndarray, lang: Language = "en", columns: int = 16
) -> Figure:
    """Decodings of random latents, side by side."""
    labels = even_labels(view.model, len(latents))
    images = decode_bytes(view.model, latents.astype(np.float32), labels)
    with figure_style():
        figure = new_figure(5.4, sheet_height(images, columns, 5.4) + 0.35)
        axes = bare(figure.add_subplot())
        draw_sheet(axes, images, columns, gap=1, ink=view.is_ink)
        n = len(images)
        en, ko = f"decodings of {n} random latents", f"무작위로 뽑은 점 {n}개를 디코딩한 결과"
        axes.set_title(f"{view.title}: {said(lang, en, ko)}")
        return figure

"""The latent plane as points (figures 2, 9, 10, 12, 22)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Circle, ConnectionPatch, Ellipse

from reparam.data import class_colours
from reparam.evaluation import decode_bytes
from reparam.model import LocationScale
from reparam.report.figures.held_out import examples_by_class
from reparam.report.style import (
    ACCENT,
    FAINT,
    HALO,
    INK,
    MUTED,
    SECOND,
    ellipse_95,
    figure_style,
    fixed,
    is_colour,
    new_figure,
    said,
    show_pixels,
    split_name,
)
from reparam.runs import Points, RunView, Scatter
from reparam.types import Language

MAX_LEGEND = 24
"""Classes beyond which a legend would be larger than the picture."""

LEAST_APART = 0.05
"""How far apart names on a map are at least, as a share of the points' range."""


def _marker_area(n: int) -> float:
    """Smaller for more dots."""
    return float(np.clip(9000 / max(n, 1), 1.2, 14))


def _label_axes(axes: Axes, labels: tuple[str, str]) -> None:
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_aspect("equal", adjustable="datalim")
    axes.axhline(0, color=FAINT, lw=0.8, zorder=0)
    axes.axvline(0, color=FAINT, lw=0.8, zorder=0)


def draw_points(
    axes: Axes, view: RunView, dots: Scatter, lang: Language, *, faint: bool = False
) -> Points:
    """The held-out images as dots, coloured by class; returns their positions."""
    points = dots.points
    area = _marker_area(len(points))
    if faint or view.labels is None:
        colour = "#c3c9d6" if faint else ACCENT
        axes.scatter(*points.T, s=area, c=colour, alpha=0.8, linewidths=0)
    else:
        colours = [*class_colours(len(view.class_names)), FAINT]  # for -1, the unknown class
        order = np.random.default_rng(0).permutation(len(points))  # no class lies on top
        shade = np.array(colours)[view.labels[order]]
        axes.scatter(*points[order].T, s=area, c=shade, alpha=0.85, linewidths=0)
    _label_axes(axes, dots.labels[lang])
    return points


def _name_classes(axes: Axes, view: RunView, points: Points) -> None:
    """A legend of the colours and, where they are short, names at the classes' medians, in ink: a
    name in the colour of the dots beneath it is hard to read. Of names that would lie on each other
    only the first is written.
    """
    if view.labels is None or not 0 < len(view.class_names) <= MAX_LEGEND:
        return
    _class_legend(axes, view.class_names, class_colours(len(view.class_names)))
    if max(map(len, view.class_names)) > 3:
        return
    apart = LEAST_APART * float(np.ptp(points, axis=0).max())
    written: list[np.ndarray] = []
    for c, name in enumerate(view.class_names):
        mine = points[view.labels == c]
        if not len(mine):
            continue
        place = np.median(mine, axis=0)
        if any(np.linalg.norm(place - other) < apart for other in written):
            continue
        written.append(place)
        axes.text(
            *place,
            name,
            fontsize=13,
            fontweight="bold",
            parse_math=False,
            color=INK,
            ha="center",
            va="center",
            path_effects=HALO,
        )


def _class_legend(axes: Axes, names: Sequence[str], colours: Sequence[str]) -> None:
    """Names beside dots; given as they are, since a leading _ or $ means something to labels."""
    dots = [Line2D([], [], ls="", marker="o", ms=6, c=colour) for colour in colours]
    legend = axes.legend(dots, names, loc="center left", bbox_to_anchor=(1, 0.5))
    for text in legend.get_texts():
        text.set_parse_math(False)


def latent_scatter(view: RunView, lang: Language = "en") -> Figure:
    """Figures 9 and 22: held-out images as points of the latent plane, coloured by class."""
    with figure_style():
        figure = new_figure(5.6, 5.2)
        axes = figure.add_subplot()
        points = draw_points(axes, view, view.dots(), lang)
        standard = view.is_variational and view.model.prior.is_standard_normal
        if standard and view.latent_dim == 2 and view.scatter is None:
            for radius in (1, 2, 3):  # of the prior
                axes.add_patch(Circle((0, 0), radius, fill=False, ec=MUTED, lw=0.7, ls=(0, (4, 3))))
                axes.text(
                    0,
                    -radius,
                    f"{radius} σ",
                    color=MUTED,
                    fontsize=7,
                    ha="center",
                    va="center",
                    path_effects=HALO,
                    clip_on=True,
                )
        _name_classes(axes, view, points)
        n, split = f"{len(points):,}", split_name(view.split, lang)
        en, ko = f"{n} {split} images in the latent plane", f"잠재 평면의 {split} 이미지 {n}장"
        axes.set_title(f"{view.title}: {said(lang, en, ko)}")
        return figure


def points_and_decoding(view: RunView, lang: Language = "en") -> Figure:
    """Figure 2: images at their points of the plane, and one point decoded."""
    with figure_style():
        figure = new_figure(7.6, 4.2)
        plane, decoded = figure.subplots(1, 2, width_ratios=[2.3, 1])
        chosen = examples_by_class(view, 60)
        points = view.plane.onto(view.mu)
        plane.scatter(*points[chosen].T, s=0)
        _label_axes(plane, view.plane.labels[lang])
        for i in chosen:
            _put_thumbnail(plane, view, i, points[i])
        target = points[chosen[0]]
        plane.scatter(
            *target, s=420, facecolors="none", edgecolors=SECOND, linewidths=1.6, zorder=5
        )
        z = view.plane.back(target[None])
        (image,) = decode_bytes(view.model, z, view.labels_at(chosen[:1]))
        coordinates = ", ".join(fixed(v, 2) for v in target)
        show_pixels(decoded, image, ink=view.is_ink)
        en, ko = f"decoded from ({coordinates})", f"({coordinates})에서 디코딩한 결과"
        decoded.set_title(said(lang, en, ko))
        figure.add_artist(
            ConnectionPatch(
                xyA=tuple(target),
                coordsA=plane.transData,
                xyB=(-0.04, 0.5),
                coordsB=decoded.transAxes,
                arrowstyle="-|>",
                mutation_scale=12,
                color=SECOND,
                lw=1.4,
            )
        )
        plane.set_title(said(lang, "images at their latent points", "잠재 평면에 놓인 이미지"))
        return figure


def _put_thumbnail(axes: Axes, view: RunView, i: int, place: np.ndarray) -> None:
    pixels = view.images[i]
    zoom = 17 / max(pixels.shape[:2])
    shown: np.ndarray = pixels if is_colour(pixels.shape[2]) else pixels[:, :, [0, 0, 0]]
    if view.is_ink:
        # Dark strokes on nothing, so that neighbours do not hide each other.
        shown = np.zeros((*pixels.shape[:2], 4), np.uint8)
        shown[:, :, :3] = 29, 36, 51
        shown[:, :, 3] = pixels[:, :, 0]
    box = OffsetImage(shown, zoom=zoom, resample=True)
    axes.add_artist(AnnotationBbox(box, tuple(place), frameon=False, pad=0))


def three_points(view: RunView, lang: Language = "en") -> Figure:
    """Figure 10: three points over the latents' range, and what they decode to."""
    with figure_style():
        figure = new_figure(7.6, 4.2)
        grid = figure.add_gridspec(3, 2, width_ratios=[3.4, 1])
        plane = figure.add_subplot(grid[:, 0])
        points = draw_points(plane, view, view.on_plane(), lang, faint=True)
        low, high = points.min(0), points.max(0)
        chosen = low + (high - low) * np.array([[0.12, 0.85], [0.88, 0.72], [0.45, 0.12]])
        z = view.plane.back(chosen.astype(np.float32))
        images = decode_bytes(view.model, z, view.one_class(len(z)))
        for row, (point, image) in enumerate(zip(chosen, images, strict=True)):
            letter = "ABC"[row]
            plane.scatter(*point, s=60, c=SECOND, edgecolors="white", linewidths=1, zorder=4)
            plane.annotate(
                letter,
                point,
                xytext=(6, 4),
                textcoords="offset points",
                fontweight="bold",
                color=INK,
                path_effects=HALO,
                zorder=5,
            )
            axes = figure.add_subplot(grid[row, 1])
            show_pixels(
                axes,
                image,
                title=f"{letter} ({fixed(point[0], 1)}, {fixed(point[1], 1)})",
                ink=view.is_ink,
            )
        what = said(
            lang, "three points of the plane and their decodings", "세 점과 이를 디코딩한 결과"
        )
        plane.set_title(f"{view.title}: {what}")
        return figure


def point_and_distribution(view: RunView, lang: Language = "en") -> Figure:
    """Figure 12: each image as a point (AE) or as a distribution around one (VAE)."""
    with figure_style():
        figure = new_figure(5.0, 4.6)
        axes = figure.add_subplot()
        points = draw_points(axes, view, view.on_plane(), lang, faint=True)
        chosen = examples_by_class(view, 30)
        colours = [*class_colours(len(view.class_names)), FAINT]
        variance = view.q.variance
        for i in chosen:
            colour = ACCENT if view.labels is None else colours[view.labels[i]]
            axes.scatter(*points[i], s=9, c=colour, zorder=4, linewidths=0)
            if variance is not None:
                axes.add_patch(_ellipse(view, variance[i].numpy(), points[i], colour))
        axes.set_title(f"{view.title}: {_kind_of(view, lang)}")
        return figure


def _kind_of(view: RunView, lang: Language) -> str:
    if not view.is_variational:
        return said(lang, "an image is a point", "이미지 하나가 점 하나")
    if isinstance(view.q, LocationScale):
        en, ko = "a normal distribution (95 % ellipse)", "정규 분포 하나(95% 타원)"
    else:
        en, ko = "a distribution (95 % ellipse of a normal one)", "분포 하나(정규 분포의 95% 타원)"
    return said(lang, f"an image is {en}", f"이미지 하나가 {ko}")


def _ellipse(view: RunView, variance: np.ndarray, centre: np.ndarray, colour: str) -> Ellipse:
    """The 95 % region on the plane of a normal distribution with this variance (d,)."""
    axes = view.plane.axes
    covariance = (axes * variance) @ axes.T
    look = {"facecolor": colour, "edgecolor": colour, "alpha": 0.35, "lw": 0.8, "zorder": 3}
    return ellipse_95(centre, covariance, **look)

"""The networks themselves (figures 1, 3, 4, 5, 6, 18)."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle
from torch import nn
from torch.nn import functional as F

from reparam.evaluation import as_bytes, decode, encode, reconstruct
from reparam.model import SameConvTranspose2d, Tail, layer_table
from reparam.report.figures.held_out import examples_by_class
from reparam.report.style import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    SECOND,
    bare,
    figure_style,
    fixed,
    new_figure,
    said,
    show_pixels,
)
from reparam.runs import RunView
from reparam.types import Language

ARTICLE_SLOPE = 0.001


def encoder_decoder(view: RunView, lang: Language = "en") -> Figure:
    """Figure 1: image → encoder → representation vector → decoder → image, with a real image."""
    i = examples_by_class(view, 3)[-1]
    again = as_bytes(reconstruct(view.model, view.images[[i]], view.labels_at([i])))[0]
    numbers = [fixed(value, 2) for value in view.mu[i][:4]]
    if view.latent_dim > 4:
        numbers.append("…")
    with figure_style():
        figure = new_figure(7.6, 2.3)
        figure.set_layout_engine("none")
        canvas = bare(figure.add_axes((0, 0, 1, 1)))
        canvas.set(xlim=(0, 100), ylim=(0, 30))
        for left, pixels, label in (
            (3, view.images[i], said(lang, "image", "이미지")),
            (79, again, said(lang, "reconstruction", "재구성된 이미지")),
        ):
            axes = figure.add_axes((left / 100, 0.22, 0.18, 0.62))
            show_pixels(axes, pixels, ink=view.is_ink)
            canvas.text(left + 9, 2.5, label, ha="center", color=MUTED)
        _trapezium(canvas, 26, 43, 11, 4, said(lang, "encoder", "인코더"))
        _trapezium(canvas, 57, 74, 4, 11, said(lang, "decoder", "디코더"))
        canvas.add_patch(Rectangle((46, 9.5), 8, 13, fc="white", ec=SECOND, lw=1.4))
        canvas.text(50, 16, "\n".join(numbers), ha="center", va="center", fontsize=9)
        vector = said(lang, "representation vector", "표현 벡터")
        canvas.text(50, 2.5, vector, ha="center", color=MUTED)
        for start, stop in ((21.5, 25.5), (43.3, 45.7), (54.3, 56.7), (74.5, 78.5)):
            canvas.add_patch(
                FancyArrowPatch(
                    (start, 16), (stop, 16), arrowstyle="-|>", mutation_scale=10, color=INK, lw=1
                )
            )
        return figure


def _trapezium(axes: Axes, left: float, right: float, a: float, b: float, name: str) -> None:
    corners = [(left, 16 - a), (left, 16 + a), (right, 16 + b), (right, 16 - b)]
    axes.add_patch(Polygon(corners, fc="#e6f0fa", ec=ACCENT, lw=1.2))
    axes.text((left + right) / 2, 16, name, ha="center", va="center", fontweight="bold")


LAYER_WORDS = {
    "transposed convolution": "전치 합성곱",
    "convolution": "합성곱",
    "stride": "스트라이드",
    "dense": "밀집 층",
    "batch normalisation": "배치 정규화",
    "group normalisation": "그룹 정규화",
    "dropout": "드롭아웃",
    "image of each class": "클래스마다 학습한 이미지",
    "principal components": "주성분",
}
"""Of the layers' labels (layer_table), longer ones first."""


def _layer_name(label: str, lang: Language) -> str:
    for en, ko in LAYER_WORDS.items():
        label = label.replace(en, said(lang, en, ko))
    return label


def layers(view: RunView, half: str, lang: Language = "en") -> Figure:
    """Figures 3, 5 and 18: the layers of one half with their output shapes and parameters."""
    rows = [row for row in layer_table(view.model) if row.half == half]
    total = sum(row.parameters for row in rows)
    start = view.model.image_shape if half == "encoder" else (view.latent_dim,)
    table: list[tuple[str, tuple[int, ...], int]] = [
        (said(lang, "image", "이미지"), start, 0)
        if half == "encoder"
        else (said(lang, "latent", "잠재 벡터"), start, 0)
    ]
    table += [(_layer_name(row.layer, lang), row.shape, row.parameters) for row in rows]
    sizes = [shape[0] if len(shape) == 3 else 1 for _, shape, _ in table]
    with figure_style():
        figure = new_figure(6.4, 0.34 * len(table) + 0.65)
        axes = bare(figure.add_subplot())
        axes.set(xlim=(0, 100), ylim=(len(table) + 0.2, -0.9))
        for x, name, align in (
            (22, said(lang, "layer", "층"), "left"),
            (78, said(lang, "output", "출력"), "right"),
            (97, said(lang, "parameters", "매개변수"), "right"),
        ):
            axes.text(x, -0.55, name, color=MUTED, fontsize=8, ha=align)
        for y, (name, shape, parameters) in enumerate(table):
            width = 1.2 + 17 * sizes[y] / max(sizes)
            colour = SECOND if len(shape) == 1 else ACCENT
            axes.add_patch(
                Rectangle((10 - width / 2, y + 0.12), width, 0.66, fc=colour, alpha=0.75)
            )
            axes.text(22, y + 0.45, name, va="center")
            axes.text(78, y + 0.45, " × ".join(map(str, shape)), va="center", ha="right")
            if parameters:
                axes.text(97, y + 0.45, f"{parameters:,}", va="center", ha="right")
            axes.axhline(y + 0.95, color=FAINT, lw=0.5, xmin=0.2)
        en = f"{view.title}, {half}: {total:,} parameters"
        name = "인코더" if half == "encoder" else "디코더"
        ko = f"{view.title}의 {name}: 매개변수 {total:,}개"
        axes.set_title(said(lang, en, ko), loc="left")
        return figure


def transposed_convolution(view: RunView, lang: Language = "en") -> Figure | None:
    """Figure 4: a transposed convolution with stride, on this decoder's own maps.

    Shows the strongest pair of input and output channel of the first layer that enlarges; None
    where no layer does.
    """
    found = _first_enlarging(view)
    if found is None:
        return None
    layer, x = found
    stride, kernel = layer.stride, layer.kernel
    x, all_weights = x.cpu(), layer.weight.detach().cpu()
    strength = x.square().mean((0, 2, 3))[:, None] * all_weights.square().sum((2, 3))
    into, out = divmod(int(strength.argmax()), strength.shape[1])
    small, weights = x[0, into], all_weights[into, out]
    between = torch.zeros(small.shape[0] * stride, small.shape[1] * stride)
    between[::stride, ::stride] = small
    full = F.conv_transpose2d(small[None, None], weights[None, None], stride=stride)[0, 0]
    cut = max(kernel - stride, 0) // 2
    result = full[cut : cut + layer.out_size[0], cut : cut + layer.out_size[1]]
    shown = (
        (small, said(lang, "input map", "입력 특성 맵")),
        (between, said(lang, f"zeros between, stride {stride}", f"0을 끼움, 스트라이드 {stride}")),
        (weights.flip(0, 1), said(lang, "kernel, rotated", "180도 돌린 커널")),
        (result, said(lang, "output map", "출력 특성 맵")),
    )
    with figure_style():
        figure = new_figure(7.6, 2.5)
        for axes, (values, title) in zip(
            figure.subplots(1, 4, width_ratios=[1, 1, 0.6, 1]), shown, strict=True
        ):
            limit = float(values.abs().max()) or 1.0
            axes.imshow(values.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
            axes.set_xticks(np.arange(-0.5, values.shape[1]), [])
            axes.set_yticks(np.arange(-0.5, values.shape[0]), [])
            axes.grid(color="white", lw=0.5)
            axes.spines[:].set_visible(False)
            axes.set_title(f"{title}\n{_times(values)}", fontsize=8.5, fontweight="normal")
        return figure


def _times(values: torch.Tensor) -> str:
    return f"{values.shape[0]} × {values.shape[1]}"


def _first_enlarging(view: RunView) -> tuple[SameConvTranspose2d, torch.Tensor] | None:
    seen: list[tuple[SameConvTranspose2d, torch.Tensor]] = []

    def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...], _output: torch.Tensor) -> None:
        assert isinstance(module, SameConvTranspose2d)
        if module.stride > 1:
            seen.append((module, inputs[0]))

    modules = [m for m in view.model.decoder.modules() if isinstance(m, SameConvTranspose2d)]
    hooks = [module.register_forward_hook(hook) for module in modules]
    decode(view.model, view.mu[:1], view.labels_at(slice(1)))
    for handle in hooks:
        handle.remove()
    return seen[0] if seen else None


def leaky_relu(view: RunView, lang: Language = "en") -> Figure | None:
    """Figure 6: LeakyReLU with this run's slope, over its inputs in this encoder.

    None for an encoder whose convolutions are not followed by one.
    """
    tail = next((m for m in view.model.encoder.modules() if isinstance(m, Tail)), None)
    if tail is None:
        return None
    slope, values = tail.slope, _before_activation(view, tail)
    reach = float(np.quantile(np.abs(values), 0.995)) or 1.0
    x = np.linspace(-reach, reach, 201)
    with figure_style():
        figure = new_figure(4.6, 3.3)
        axes = figure.add_subplot()
        axes.axhline(0, color=FAINT, lw=0.8)
        axes.axvline(0, color=FAINT, lw=0.8)
        counts, edges = np.histogram(values, bins=80, range=(-reach, reach))
        heights = counts / counts.max() * reach * 0.9
        axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color="#e3e7ef", zorder=0)
        own = said(lang, f"this run: slope {slope:g}", f"이 모델: 기울기 {slope:g}")
        axes.plot(x, np.where(x > 0, x, slope * x), color=ACCENT, lw=2, label=own)
        axes.plot(
            x,
            np.where(x > 0, x, ARTICLE_SLOPE * x),
            color=SECOND,
            lw=1.3,
            ls="--",
            label=said(
                lang,
                f"the article's text: slope {ARTICLE_SLOPE:g}",
                f"원문의 본문: 기울기 {ARTICLE_SLOPE:g}",
            ),
        )
        axes.set(xlabel=said(lang, "input", "입력"), ylabel=said(lang, "output", "출력"))
        axes.legend(loc="upper left")
        axes.set_title(
            said(
                lang,
                "LeakyReLU; in grey: its inputs in this encoder",
                "LeakyReLU(회색: 이 인코더에서 받는 입력의 분포)",
            )
        )
        return figure


def _before_activation(view: RunView, tail: Tail) -> np.ndarray:
    """A convolution's outputs for a few held-out images (before batch normalisation)."""
    seen: list[torch.Tensor] = []

    def hook(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        seen.append(inputs[0])

    handle = tail.register_forward_pre_hook(hook)
    encode(view.model, view.images[:64], view.labels_at(slice(64)))
    handle.remove()
    return seen[0].cpu().numpy().ravel()

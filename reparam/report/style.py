"""The style of all figures: one palette, one type size, no global state."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import SupportsFloat

import matplotlib as mpl
import numpy as np
from jaxtyping import UInt8
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.patheffects import withStroke

from reparam.data import contact_sheet
from reparam.printable import printable
from reparam.types import Language, PixelArray

INK = "#1d2433"
MUTED = "#6b7385"
FAINT = "#d5d9e2"
ACCENT = "#3f90da"
SECOND = "#e76300"

DPI = 144

HALO_WIDTH = 2.5
"""Points, around letters that lie on dots."""

HALO = [withStroke(linewidth=HALO_WIDTH, foreground="white")]


def _installed(families: list[str]) -> list[str]:
    known = {font.name for font in font_manager.fontManager.ttflist}
    return [family for family in families if family in known]


# That NanumGothic's bold has weight 600 would be said of every figure; nobody can change it.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

HANGUL = _installed(["Noto Sans CJK KR", "NanumGothic", "Apple SD Gothic Neo", "Malgun Gothic"])
"""Fonts for it on Linux, macOS and Windows, where there are any."""

_RC = {
    "font.family": ["DejaVu Sans", *HANGUL],
    "font.size": 9,
    "axes.labelsize": 10,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.grid": False,
    "grid.color": "#eceef3",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.color": INK,
    "figure.facecolor": "white",
    "mathtext.fontset": "cm",
}


@contextmanager
def figure_style() -> Iterator[None]:
    """New figures inside the block have this style; matplotlib's settings are restored after it."""
    with mpl.rc_context(_RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def said(lang: Language, en: str, ko: str) -> str:
    """The words of the page's language."""
    return ko if lang == "ko" else en


SPLITS = {"train": "학습", "valid": "검증", "test": "테스트"}


def split_name(split: str, lang: Language) -> str:
    return said(lang, split, SPLITS[split])


HEADS_KO = {
    "box": "상자",
    "Gaussian": "정규 분포",
    "mixture": "혼합 분포",
    "flow": "정규화 흐름",
    "sphere": "단위 구면",
    "chain": "두 확률 층",
}
"""Names of priors above columns, in Korean; others are the same in both languages."""


def prior_head(name: str, lang: Language) -> str:
    return HEADS_KO.get(name, name) if lang == "ko" else name


def drawn(name: str) -> str:
    """A name from outside as text of a figure: what is unseen is shown, and $ is no formula."""
    return printable(name).replace("$", r"\$")


def fixed(value: SupportsFloat, digits: int) -> str:
    """The value with so many decimals, a true minus sign, and no negative zero."""
    return f"{float(value):z.{digits}f}".replace("-", "−")


def bare(axes: Axes) -> Axes:
    """Without ticks and frame."""
    axes.set_axis_off()
    axes.set(xticks=[], yticks=[])  # else they are made where none is drawn: half of the time
    return axes


RADIUS_95 = 2.448
"""√χ²(2, 0.95): standard deviations that hold 95 % of a normal distribution on the plane."""


def ellipse_95(centre: np.ndarray, covariance: np.ndarray, **look: object) -> Ellipse:
    """The 95 % region of a normal distribution on the plane; ``look`` goes to the patch."""
    values, vectors = np.linalg.eigh(covariance)
    width, height = 2 * RADIUS_95 * np.sqrt(np.maximum(values, 0))
    angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
    return Ellipse(tuple(centre), width, height, angle=angle, **look)


def is_colour(channels: int) -> bool:
    """Whether pixels are shown as RGB or RGBA; of others the first channel is shown, as grey."""
    return channels in (3, 4)


def draw_pixels(
    axes: Axes, pixels: UInt8[np.ndarray, "H W C"], *, ink: bool, interpolation: str = "auto"
) -> None:
    """An image as it is, or as ``ink`` on paper: dark on white (`RunView.is_ink`)."""
    if is_colour(pixels.shape[2]):
        axes.imshow(pixels, interpolation=interpolation)
    else:
        grey = "gray_r" if ink else "gray"
        axes.imshow(pixels[:, :, 0], cmap=grey, vmin=0, vmax=255, interpolation=interpolation)


def draw_sheet(axes: Axes, images: PixelArray, columns: int, *, ink: bool, gap: int = 0) -> None:
    """Many images in rows, on white."""
    sheet = contact_sheet(images, columns, gap=gap, paper=0 if ink else 255)
    draw_pixels(axes, sheet, ink=ink)
    axes.set_anchor("N")  # so that the titles of sheets beside each other are on one line


def sheet_height(images: PixelArray, columns: int, width: float) -> float:
    """How high a sheet is that is ``width`` wide."""
    rows = -(-len(images) // columns)
    return width * rows * images.shape[1] / (columns * images.shape[2])


def show_pixels(
    axes: Axes, pixels: UInt8[np.ndarray, "H W C"], *, ink: bool, title: str = ""
) -> None:
    """An image by itself, without axes."""
    draw_pixels(axes, pixels, ink=ink, interpolation="nearest")
    bare(axes)
    if title:
        axes.set_title(title, fontsize=8, fontweight="normal", color=MUTED)


def language_of_files(lang: Language) -> Language:
    """Of a figure as a picture file: English where no font here has the letters of ``lang``."""
    return lang if HANGUL else "en"


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()

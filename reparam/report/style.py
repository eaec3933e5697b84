"""How every figure looks: one palette, one type size, no global state."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from jaxtyping import UInt8
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

CLASS_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Ten colours that people with colour-vision deficiencies can tell apart (Petroff 2021)."""

INK = "#1d2433"
MUTED = "#6b7385"
FAINT = "#d5d9e2"
ACCENT = "#3f90da"
SECOND = "#e76300"

DPI = 144


def _installed(families: list[str]) -> list[str]:
    known = {font.name for font in font_manager.fontManager.ttflist}
    return [family for family in families if family in known]


_RC = {
    "font.family": _installed(
        # Latin letters first; then what writes Hangul on Linux, macOS and Windows.
        ["DejaVu Sans", "Noto Sans CJK KR", "NanumGothic", "Apple SD Gothic Neo", "Malgun Gothic"]
    ),
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
def house_style() -> Iterator[None]:
    """While inside, new figures look like ours; matplotlib's own settings come back afterwards."""
    with mpl.rc_context(_RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def class_colours(n: int) -> list[str]:
    """One colour a class: the palette, or beyond ten classes evenly spaced hues."""
    if n <= len(CLASS_COLOURS):
        return list(CLASS_COLOURS[:n])
    return [mpl.colors.to_hex(c) for c in mpl.colormaps["turbo"](np.linspace(0.05, 0.95, n))]


def bare(axes: Axes) -> Axes:
    """Without ticks and frame."""
    axes.set_axis_off()
    return axes


def show_pixels(axes: Axes, pixels: UInt8[np.ndarray, "H W C"], *, title: str = "") -> None:
    """An image: one channel dark on white, like ink on paper; colour as it is."""
    channels = pixels.shape[2]
    if channels in (3, 4):
        axes.imshow(pixels, interpolation="nearest")
    else:
        axes.imshow(pixels[:, :, 0], cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    bare(axes)
    if title:
        axes.set_title(title, fontsize=8, fontweight="normal", color=MUTED)


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()

"""Figures whose words are text: a picture of everything else, and the words on it, as one SVG.

The reader's browser draws the words with a font that has their letters, whatever the language of
the page and of the classes' names. matplotlib would need such a font where the page is made, and
draws empty boxes without.
"""

import math
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import escape
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from reparam.report.style import HALO_WIDTH
from reparam.types import Language

FONTS = (
    "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Noto Sans KR, Noto Sans CJK KR, "
    "Apple SD Gothic Neo, Malgun Gothic, sans-serif"
)
"""The page's (style.css): a picture in a page does not inherit them."""

ANCHORS = {"left": ("start", 0.0), "center": ("middle", 0.5), "right": ("end", 1.0)}
"""How a text is aligned: the name in SVG, and where on its line the anchor is."""


@dataclass(frozen=True)
class Word:
    """One line of text; sizes in pixels of the picture, the angle in degrees."""

    text: str
    x: float
    y: float
    size: float
    colour: str
    anchor: str
    angle: float
    is_bold: bool
    halo: float
    """Width of a white line around the letters."""

    def svg(self) -> str:
        look = f'font-size="{self.size:.1f}" fill="{self.colour}" text-anchor="{self.anchor}"'
        if self.is_bold:
            look += ' font-weight="bold"'
        if self.halo:
            look += f' stroke="#fff" stroke-width="{self.halo:.1f}" paint-order="stroke"'
        if self.angle:
            look += f' transform="rotate({-self.angle:g} {self.x:.1f} {self.y:.1f})"'
        return f'<text x="{self.x:.1f}" y="{self.y:.1f}" {look}>{escape(self.text)}</text>'


class _Renderer(RendererAgg):
    """Draws everything but text, of which it notes what belongs where."""

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)
        self.words: list[Word] = []
        self.texts: Mapping[str, Text] = {}
        self.haloed: Collection[str] = ()
        self.gid = ""

    def open_group(self, s: str, gid: str | None = None) -> None:
        if s == "text":
            self.gid = gid or ""

    def get_text_width_height_descent(self, s, prop, ismath):  # type: ignore[no-untyped-def]
        return super().get_text_width_height_descent(_measurable(s), prop, ismath)

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):  # type: ignore[no-untyped-def]
        if ismath:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        text = mtext or self.texts.get(self.gid)
        anchor, share = ANCHORS[text.get_horizontalalignment() if text else "center"]
        along = share * self.get_text_width_height_descent(s, prop, ismath)[0]
        x += along * math.cos(math.radians(angle))
        y -= along * math.sin(math.radians(angle))
        clip = gc.get_clip_rectangle()
        if not s.strip() or (clip is not None and not clip.contains(x, self.height - y)):
            return
        points = self.dpi / 72
        colour = to_hex(gc.get_rgb()[:3])
        size, is_bold = prop.get_size_in_points() * points, prop.get_weight() == "bold"
        halo = points * HALO_WIDTH if self.gid in self.haloed else 0.0
        self.words.append(Word(s, x, y, size, colour, anchor, angle, is_bold, halo))


def _measurable(text: str) -> str:
    """As wide in matplotlib's font as the text in one that has its letters: those of East Asia are
    square.
    """
    return "".join("W" if unicodedata.east_asian_width(c) in "WF" else c for c in text)


class _Canvas(FigureCanvasAgg):
    def get_renderer(self) -> RendererAgg:
        """One for each size, as matplotlib's own canvas has it."""
        size = (*self.get_width_height(physical=True), self.figure.dpi)
        if getattr(self, "size", None) != size:
            self.size, self.renderer = size, _Renderer(*size)
        return self.renderer


def without_words(figure: Figure, dpi: int) -> tuple[Image.Image, list[Word]]:
    """The picture without its words, and the words. The figure is of no use after it."""
    canvas = _Canvas(figure)
    figure.set_dpi(dpi)
    texts = {f"text-{i}": text for i, text in enumerate(figure.findobj(Text))}
    haloed: set[str] = set()
    for gid, text in texts.items():
        text.set_gid(gid)
        if text.get_path_effects():
            haloed.add(gid)
            text.set_path_effects([])  # else the letters are drawn as paths
    renderer = canvas.get_renderer()
    renderer.texts, renderer.haloed = texts, haloed
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"), renderer.words


def svg(picture: str, size: tuple[int, int], words: list[Word], lang: Language) -> str:
    """The picture, by its address, with the words on it."""
    width, height = size
    lines = "".join(word.svg() for word in words)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="{FONTS}" xml:lang="{lang}">'
        f'<image width="{width}" height="{height}" href="{picture}"/>{lines}</svg>'
    )

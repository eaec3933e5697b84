"""Words of figures are text, which the reader's browser draws: where matplotlib would draw them."""

import io
import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from reparam.report import FIGURES
from reparam.report.style import HALO, figure_style, language_of_files, new_figure, to_png
from reparam.report.words import without_words
from reparam.runs import RunView

DPI = 100
KOREAN = "잠재 공간"


def with_text(text: str, align: str = "center", angle: float = 0.0, **look: object) -> Figure:
    with figure_style():
        figure = new_figure(4, 4)
        figure.text(
            0.5,
            0.5,
            text,
            ha=align,
            va="baseline",
            rotation=angle,
            rotation_mode="anchor",
            fontsize=20,
            **look,
        )
        return figure


def ink(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that are not white."""
    dark = np.asarray(picture.convert("L")) < 128
    return np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))


@pytest.mark.parametrize("text", [KOREAN, "学習", "H$H", "<b>", "two\nlines"])
def test_the_picture_has_no_letters_and_the_words_have_them_all(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of letters that it has no glyph for
        picture, words = without_words(with_text(text, path_effects=HALO), DPI)
    assert not len(ink(picture)[0])
    assert [word.text for word in words] == text.split("\n")
    assert all(word.halo > 0 for word in words)
    assert "<b>" not in words[0].svg()


@pytest.mark.parametrize("angle", [0, 90])
@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_words_are_where_matplotlib_would_draw_them(align: str, angle: int) -> None:
    """The letter H stands on its baseline: the ink's edges say where that is."""
    drawn = Image.open(io.BytesIO(to_png(with_text("HHHH", align, angle), DPI)))
    _, (word,) = without_words(with_text("HHHH", align, angle), DPI)
    rows, columns = ink(drawn)
    along, across = (columns, rows) if angle == 0 else (rows[::-1], columns)
    start, end = float(along[0]), float(along[-1])
    anchor, baseline = (word.x, word.y) if angle == 0 else (word.y, word.x)
    expected = {"left": start, "center": (start + end) / 2, "right": end}[align]
    assert anchor == pytest.approx(expected, abs=4.5)  # with the side bearing of an H
    assert baseline == pytest.approx(across[-1] + 1, abs=1.5)
    assert word.anchor == {"left": "start", "center": "middle", "right": "end"}[align]
    assert word.size == pytest.approx(20 * DPI / 72)
    assert word.angle == angle


def test_letters_of_east_asia_get_their_room() -> None:
    """matplotlib lays a legend out as for letters that are as wide as they are high."""

    def room(name: str) -> float:
        with figure_style():
            figure = new_figure(6, 3)
            axes = figure.add_subplot()
            axes.plot([0, 1], [0, 1], label=name)
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        without_words(figure, DPI)
        return float(axes.get_position().width)

    assert room("잠재공간") == pytest.approx(room("WWWW"))
    assert room("잠재공간") < room("aaaa")


def test_what_is_outside_of_the_axes_is_left_out() -> None:
    with figure_style():
        figure = new_figure(4, 4)
        axes = figure.add_subplot()
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
        axes.text(0.5, 0.5, "inside", clip_on=True)
        axes.text(0.5, 7, "outside", clip_on=True)
    assert [word.text for word in without_words(figure, DPI)[1]] == ["inside"]


def test_picture_files_are_in_a_language_that_can_be_drawn_here(views: list[RunView]) -> None:
    """matplotlib warns of letters that no font has, and draws boxes."""
    figure = FIGURES["01-encoder-decoder"](views[0], language_of_files("ko"))
    assert figure is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_png(figure)

"""Formulas: drawn without any font of the reader's, and read out as MathML."""

import html
import re

import pytest

from reparam.report.formulas import _DRAWN, _LATEX, formulas

READ_OUT = {
    "normal": {"msqrt", "π", "σ", "μ"},
    "covariance": {"mtable", "ρ", "σ", "μ"},
    "reparametrisation": {"ε", "⊙"},
    "vae_loss": {"λ"},
}


@pytest.mark.parametrize("name", formulas())
def test_what_is_seen_needs_no_font(name: str) -> None:
    """Paths, and no text: all of them inside the picture, which they fill."""
    spoken, _, drawing = formulas()[name].partition("<svg")
    assert "<math" in spoken
    assert "<text" not in drawing
    assert "font" not in drawing
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing)
    outline = re.search(r'd="([^"]+)"', drawing)
    assert box is not None
    assert outline is not None
    assert set(re.findall("[A-Z]", outline[1])) <= set("MLQCZ")
    numbers = [float(n) for n in re.findall(r"-?\d+\.\d", outline[1])]
    for size, places in zip(map(float, box.groups()), (numbers[::2], numbers[1::2]), strict=True):
        assert min(places) == pytest.approx(0, abs=size / 50)
        assert max(places) == pytest.approx(size, abs=size / 50)


def test_what_is_read_out_has_its_letters() -> None:
    for name, wanted in READ_OUT.items():
        spoken = html.unescape(formulas()[name].partition("<svg")[0])
        assert {word for word in wanted if word in spoken} == wanted


def test_matrices_are_drawn_as_they_are_read() -> None:
    """matplotlib has no matrices: their drawing has a source of its own. Both have the same
    letters, with the same indices.
    """
    for name, drawn in _DRAWN.items():
        of = [
            sorted(re.findall(r"\\(?:mu|rho|sigma|Sigma)\b(?:_\d)?", text))
            for text in (drawn, _LATEX[name])
        ]
        assert of[0] == of[1]

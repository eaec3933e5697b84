"""The colours of classes can be told apart, on the page's light and dark ground."""

import re
from pathlib import Path

import numpy as np
import pytest
from ciede2000 import difference, lab, linear, of_hex

from reparam.data import CLASS_COLOURS, class_colours

LIGHT = linear(np.stack([of_hex(colour) for colour in CLASS_COLOURS]))

# Machado, Oliveira & Fernandes 2009, severity 1, on linear light.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def smallest(light: np.ndarray) -> float:
    colours = lab(light)
    pairs = np.triu_indices(len(colours), 1)
    return float(difference(colours[pairs[0]], colours[pairs[1]]).min())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ],
)
def test_the_formula_gives_the_papers_values(one, other, expected: float) -> None:
    """Table 1 of Sharma, Wu & Dalal 2005."""
    assert difference(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)


def test_any_two_differ_and_none_is_grey() -> None:
    assert len(CLASS_COLOURS) >= 12
    assert smallest(LIGHT) >= 15
    assert smallest(LIGHT[:10]) >= 23
    assert np.hypot(*lab(LIGHT)[:, 1:].T).min() >= 30


@pytest.mark.parametrize("kind", BLINDNESS)
def test_they_differ_to_people_without_red_or_green_cones(kind: str) -> None:
    seen = (LIGHT @ np.array(BLINDNESS[kind]).T).clip(0, 1)
    assert smallest(seen) >= 8
    assert smallest(seen[:10]) >= 12


def test_they_stand_out_from_the_pages_light_and_dark_ground() -> None:
    """Contrast by WCAG 2, with the colours of the page's style sheet."""
    css = Path(__file__).parents[2] / "web" / "src" / "style" / "base.css"
    grounds = re.findall(r"--map: (#[0-9a-f]{6});", css.read_text())
    assert len(grounds) == 2
    weights = np.array([0.2126, 0.7152, 0.0722])
    of_dots = LIGHT @ weights + 0.05
    for ground in grounds:
        of_ground = linear(of_hex(ground)) @ weights + 0.05
        contrast = np.maximum(of_dots, of_ground) / np.minimum(of_dots, of_ground)
        assert contrast.min() >= 1.9


def test_more_classes_have_more_colours() -> None:
    assert class_colours(3) == list(CLASS_COLOURS[:3])
    assert len(set(class_colours(37))) == 37

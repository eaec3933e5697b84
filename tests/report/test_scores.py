"""Charts of scorecards: where values stand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.evaluation import MEASURES, Measured
from reparam.report.environment import environment
from reparam.report.figures.scores import positions
from reparam.report.style import fixed


def test_a_wide_range_is_logarithmic_and_a_narrow_one_is_not() -> None:
    assert positions(["2", "8", "32"]) == pytest.approx([math.log(2), math.log(8), math.log(32)])
    assert positions(["0.1", "0.2"]) == pytest.approx([0.1, 0.2])


def test_a_word_stands_left_of_the_numbers() -> None:
    auto, low, high = positions(["auto", "100", "10000"])
    assert auto < low < high
    assert low - auto == pytest.approx(high - low)
    assert positions(["ae", "vae"])[0] < positions(["ae", "vae"])[1]


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_decimals_have_no_negative_zero(value: float, digits: int) -> None:
    text = fixed(value, digits)
    assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.51 * 10**-digits)
    assert text.startswith("−") == (round(value, digits) < 0)


def test_figures_have_their_digits_and_the_pages_language() -> None:
    entry = MEASURES["class_entropy"]
    for lang, span in (("en", "0.990 to 1.00"), ("ko", "0.990~1.00")):
        shown = environment(lang).globals
        found = [Measured(0.5, 0.99, 0.99996, 0.99), Measured(0.5, reference=0.99996)]
        assert shown["ideal_text"](found, entry) == span
        assert shown["figure_text"](found[0], entry) == f"0.500 ({span})"


@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=6, unique=True))
def test_order_is_kept(numbers: list[float]) -> None:
    places = positions([repr(number) for number in numbers])
    by_number = sorted(range(len(numbers)), key=numbers.__getitem__)
    assert [places[i] for i in by_number] == sorted(places)

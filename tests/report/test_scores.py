"""Charts of scorecards: where values stand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.report.figures.scores import positions


def test_a_wide_range_is_logarithmic_and_a_narrow_one_is_not() -> None:
    assert positions(["2", "8", "32"]) == pytest.approx([math.log(2), math.log(8), math.log(32)])
    assert positions(["0.1", "0.2"]) == pytest.approx([0.1, 0.2])


def test_a_word_stands_left_of_the_numbers() -> None:
    auto, low, high = positions(["auto", "100", "10000"])
    assert auto < low < high
    assert low - auto == pytest.approx(high - low)
    assert positions(["ae", "vae"])[0] < positions(["ae", "vae"])[1]


@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=6, unique=True))
def test_order_is_kept(numbers: list[float]) -> None:
    places = positions([repr(number) for number in numbers])
    by_number = sorted(range(len(numbers)), key=numbers.__getitem__)
    assert [places[i] for i in by_number] == sorted(places)

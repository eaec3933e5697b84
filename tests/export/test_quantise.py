import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reparam.errors import NotFiniteError
from reparam.export.quantise import quantised

FLOATS = st.floats(-(2.0**60), 2.0**60, width=32)


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2), elements=FLOATS))
def test_values_come_back_within_half_a_step(values: np.ndarray) -> None:
    coded = quantised(values, "z")
    low, high = np.array(coded.low), np.array(coded.high)
    steps = np.frombuffer(coded.data, "<u2").reshape(values.shape)
    back = low + (high - low) * steps / 65535
    # Ends are written with nine digits, which name a float32 exactly once it is rounded to one.
    np.testing.assert_array_equal(low.astype(np.float32), values.min(0))
    np.testing.assert_array_equal(high.astype(np.float32), values.max(0))
    half = (high - low) / 65535 / 2
    assert (np.abs(back - values) <= half * 1.001 + np.abs(values.astype(float)) * 1e-8).all()


def test_known_steps() -> None:
    coded = quantised(np.float32([[0, 5], [1, 5], [0.5, 5]]), "z")
    assert coded.steps.tolist() == [[0, 0], [65535, 0], [32768, 0]]
    assert (coded.low, coded.high) == ((0.0, 5.0), (1.0, 5.0))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(NotFiniteError, match=r"latents must be finite numbers, got (nan|inf)"):
        quantised(np.float32([[0, bad]]), "latents")

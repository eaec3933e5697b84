import numpy as np
import pytest

from reparam.evaluation import add_noise
from reparam.objective import InputConfig


@pytest.mark.parametrize("kind", ["gaussian", "masking", "salt-and-pepper"])
def test_noise_is_seeded_and_stays_in_range(kind: str) -> None:
    images = np.full((600, 8, 8, 1), 128, np.uint8)
    noise = InputConfig(corrupt=kind, corrupt_amount=0.25)
    first, again = add_noise(images, noise, 1), add_noise(images, noise, 1)
    np.testing.assert_array_equal(first, again)
    assert (first != add_noise(images, noise, 2)).any()
    if kind == "gaussian":
        assert np.std(first / 255.0) == pytest.approx(0.25, rel=0.05)  # little of it is clipped
    else:
        assert np.mean(first != images) == pytest.approx(0.25, abs=0.01)


def test_none_changes_nothing() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(add_noise(images, InputConfig(corrupt="none")), images)

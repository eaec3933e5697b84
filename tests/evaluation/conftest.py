"""A small set of real images, and its judge."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sklearn.datasets import load_digits

from reparam.data import DataConfig, ImageSet, image_set_from_arrays
from reparam.evaluation.judge import Judge, judge_for


@pytest.fixture(scope="session")
def judge_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache for the judges of these tests."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def small_digits() -> ImageSet:
    """1,797 handwritten digits of 8 × 8 pixels, which come with scikit-learn; 60 % for testing."""
    digits = load_digits()
    config = DataConfig(test_fraction=0.6, valid_fraction=0.0)
    return image_set_from_arrays(
        digits.images / 16, digits.target, name="small digits", config=config
    )


@pytest.fixture(scope="session")
def small_judge(small_digits: ImageSet, judge_cache: Path) -> Judge:
    return judge_for(small_digits)

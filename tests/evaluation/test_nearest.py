"""The nearest images in latent space are those that all distances show, whatever the batches."""

import numpy as np
import pytest

from reparam.evaluation import encode, nearest_images
from reparam.evaluation import nearest as module
from reparam.model import (
    Autoencoder,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    batches,
    build_autoencoder,
)


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    few = (8,)
    parts = ModelConfig(
        encoder=MlpEncoderOptions(widths=few), decoder=MlpDecoderOptions(widths=few)
    )
    return build_autoencoder(parts, (4, 4, 1))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    found = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
    found[30] = found[3]  # twice the same
    return found


@pytest.mark.parametrize("rows", [1, 7, 500])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("among", [None, np.array([5, 3, 30, 31, 2, 0])])
def test_they_are_those_of_all_distances(
    model: Autoencoder, images: np.ndarray, rows: int, own: bool, among, monkeypatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", rows)
    monkeypatch.setattr(module, "QUERIES", 2)
    queries = np.array([3, 5, 38])
    z, places = encode(model, images), np.arange(40) if among is None else among
    without = queries if own else None
    found = nearest_images(model, z[queries], images, k=4, among=among, without=without)
    distance = np.linalg.norm(z[queries, None] - z[None, places], axis=2)
    if own:
        distance[queries[:, None] == places] = np.inf
    np.testing.assert_allclose(found.distance, np.sort(distance, 1)[:, :4], rtol=1e-4, atol=1e-6)
    for row, at in enumerate(found.index):
        by_hand = np.linalg.norm(z[queries[row]] - z[at], axis=1)
        np.testing.assert_allclose(by_hand, found.distance[row], rtol=1e-4, atol=1e-6)
        assert set(at) <= set(places)
        assert not own or queries[row] not in at
    assert found.distance[0, 0] == pytest.approx(0, abs=1e-5)  # its copy, or itself


def test_all_are_given_where_there_are_fewer(model: Autoencoder, images: np.ndarray) -> None:
    z = encode(model, images[:3])
    assert nearest_images(model, z, images[:3], k=9).index.shape == (3, 3)
    own = nearest_images(model, z, images[:3], k=9, without=np.arange(3))
    assert own.index.shape == (3, 2)
    assert np.isfinite(own.distance).all()


def test_one_that_is_not_among_them_takes_no_place(model: Autoencoder, images: np.ndarray) -> None:
    z, among = encode(model, images), np.arange(5)
    others, own = np.array([7, 8]), np.array([7, 2])
    found = nearest_images(model, z[others], images, k=9, among=among, without=others)
    assert found.index.shape == (2, 5)
    mixed = nearest_images(model, z[own], images, k=9, among=among, without=own)
    assert mixed.index.shape == (2, 4)

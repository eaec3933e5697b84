"""Feature maps of images, and networks that give them, by name."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import nn

from reparam.interface import Interface
from reparam.registry import Part, Registry
from reparam.types import Images

FeatureMap = Float[torch.Tensor, "B _ _ _"]
"""(B, K, h, w): K features at each of h × w positions, of which every map has its own."""


class FeatureMaps(nn.Module, Interface):
    """A network whose weights are known: images → what it sees in them. It is never trained."""

    @abstractmethod
    def maps(self, images: Images) -> Iterable[FeatureMap]:
        """Maps at several depths, from the first layers on; pixels in [0, 1], of any size.

        A generator computes no deeper than is asked for. The gradient goes through to the images.
        """

    def pooled(self, images: Images) -> Float[torch.Tensor, "B F"]:
        """The deepest map's mean over its positions: the features of the whole image."""
        *_, last = self.maps(images)
        return last.float().mean((2, 3))


@dataclass(frozen=True)
class FeatureOptions(Part):
    """What builds a network of features. It has no options: a network is known by its name."""

    digest: ClassVar[str] = ""
    """Of its weights, such as their file's SHA-256: figures of others are not taken for its."""

    @abstractmethod
    def build(self) -> FeatureMaps: ...


FEATURES: Registry[FeatureOptions] = Registry("features", FeatureOptions)


def feature_maps(name: str, device: torch.device | str = "cpu") -> FeatureMaps:
    """The network of this name, in evaluation mode, frozen, on ``device``; built once a process.

    Raises ConfigError for an unknown name, and what its builder raises: for imagenet ConfigError
    without the extra. No random numbers of the caller's are used up.
    """
    return _built(FEATURES.find(name)(), torch.device(device))


@cache
def _built(options: FeatureOptions, device: torch.device) -> FeatureMaps:
    with torch.random.fork_rng(devices=[]):
        network = options.build().eval().requires_grad_(False)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network

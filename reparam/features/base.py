"""Feature maps of images, and networks that give them, by name."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import nn

from reparam.errors import ConfigError, reason_of
from reparam.interface import Interface
from reparam.registry import Part, Registry
from reparam.types import Images

FeatureMap = Float[torch.Tensor, "B _ _ _"]
"""(B, K, h, w): K features at each of h × w positions, of which every map has its own."""


class FeatureMaps(nn.Module, Interface):
    """A network whose weights are known: images → what it sees in them. It is never trained."""

    @abstractmethod
    def maps(self, images: Images) -> Iterable[FeatureMap]:
        """Maps at several depths, from the first layers on; pixels in [0, 1], of any size, with one
        channel (grey) or three.

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
"""Networks whose weights are known, by name."""


def feature_maps(name: str, device: torch.device | str = "cpu") -> FeatureMaps:
    """The network of this name, in evaluation mode, frozen, on ``device``; built once a process.

    Raises ConfigError for an unknown name, and what its builder raises: for imagenet ConfigError
    without the extra. No random numbers of the caller's are used up.
    """
    return _built(FEATURES.find(name)(), torch.device(device))


def check_maps(
    name: str, image_shape: tuple[int, int, int], device: torch.device | str = "cpu"
) -> None:
    """Raises what `feature_maps` raises, and ConfigError for a network, perhaps a user's, that does
    not take images of this height, width and number of channels or gives no maps of them.
    """
    network = feature_maps(name, device)
    height, width, channels = image_shape
    what = f"maps of features {name}"
    try:
        with torch.no_grad():
            found = list(network.maps(torch.full((2, channels, height, width), 0.5, device=device)))
    except Exception as error:  # whatever the user's code raises
        raise ConfigError(
            f"{what} must take images of {channels} × {height} × {width}, got "
            f"{type(error).__name__}: {reason_of(error)}. Fix: correct them; a network of three "
            "channels takes grey images too by images.expand(-1, 3, -1, -1)"
        ) from error
    shapes = [tuple(each.shape) for each in found]
    if not shapes or any(len(shape) != 4 or shape[0] != 2 for shape in shapes):
        raise ConfigError(
            f"{what} must be tensors (2, K, h, w) for 2 images, got "
            f"{', '.join(map(str, shapes)) or 'none'}. Fix: give one or more of this shape"
        )


@cache
def _built(options: FeatureOptions, device: torch.device) -> FeatureMaps:
    with torch.random.fork_rng(devices=[]):
        network = options.build()
        if not isinstance(network, FeatureMaps):
            raise ConfigError(
                f"build of features {options.type} must give FeatureMaps, got "
                f"{type(network).__name__}. Fix: return an instance of a subclass of "
                "reparam.FeatureMaps"
            )
        network.eval().requires_grad_(False)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network

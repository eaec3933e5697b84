"""Features of a network that the user names: one of ours by its name, or a file of the user's, ONNX
or Python, never a pickle.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from reparam.errors import ConfigError, DataError, no_file, reason_of
from reparam.features import FEATURES, check_maps, feature_maps, map_distance
from reparam.model import ImageShape
from reparam.onnx_session import open_session
from reparam.registry import import_file

BATCH = 100

Features = Float[np.ndarray, "N F"]
Pictures = Float[np.ndarray, "N C H W"]
"""Pixels in [0, 1]."""


@runtime_checkable
class FeatureNetwork(Protocol):
    """Images (N, C, H, W) in [0, 1] → features (N, F), a batch at a time.

    ``name``: under which its figures are shown.
    """

    name: str

    def features(self, images: Pictures) -> Features: ...

    def distances(self, images: Pictures, others: Pictures) -> Float[np.ndarray, " N"]:
        """`map_distance` of each image and its other, in all maps of the network."""


def feature_network(
    features: str | Path,
    device: torch.device | str = "cpu",
    image_shape: ImageShape | None = None,
) -> FeatureNetwork:
    """The network of this registered name, or of an ONNX file, or of a Python file (.py).

    Raises what these raise. A registered network computes on ``device``, and must take images of
    ``image_shape``, where that is given.
    """
    if str(features) in FEATURES.names:
        if image_shape is not None:
            check_maps(str(features), image_shape, device)
        return RegisteredFeatures(str(features), device)
    path = Path(features)
    return FeatureModule(path) if path.suffix == ".py" else FeatureFile(path)


def identity_of(features: str | Path) -> str:
    """The network's name and a digest of its weights or file, so that figures of another network
    under the same name are not taken for its.
    """
    if str(features) in FEATURES.names:
        return f"{features} {FEATURES.find(str(features)).digest[:16]}".rstrip()
    path = Path(features)
    held = path.read_bytes() if path.is_file() else b""
    return f"{path.name} {hashlib.sha256(held).hexdigest()[:16]}"


def row_distances(some: Features, others: Features) -> Float[np.ndarray, " N"]:
    """`map_distance` of features without places: of one map with one position."""
    maps = [torch.from_numpy(rows.astype(np.float32))[:, :, None, None] for rows in (some, others)]
    return map_distance(maps[:1], maps[1:]).double().numpy()


class RegisteredFeatures:
    """A network of the registry, such as imagenet."""

    def __init__(self, name: str, device: torch.device | str) -> None:
        self.name, self.device = name, device
        self.network = feature_maps(name, device)

    def features(self, images: Pictures) -> Features:
        parts = [self.network.pooled(x).cpu().numpy() for x in self._batches(images)]
        return np.concatenate(parts)

    def distances(self, images: Pictures, others: Pictures) -> Float[np.ndarray, " N"]:
        parts = [
            map_distance(self.network.maps(x), self.network.maps(y)).cpu().double().numpy()
            for x, y in zip(self._batches(images), self._batches(others), strict=True)
        ]
        return np.concatenate(parts)

    def _batches(self, images: Pictures) -> Iterator[torch.Tensor]:
        for start in range(0, len(images), BATCH):
            part = np.ascontiguousarray(images[start : start + BATCH], np.float32)
            yield torch.from_numpy(part).to(self.device)


class FeatureModule:
    """A Python file with a function ``features``: a tensor (B, C, H, W) in [0, 1] → (B, F).

    The file is code, and is run. Raises ConfigError where it cannot be imported or has no such
    function.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        function = getattr(import_file(path, "--features"), "features", None)
        if not callable(function):
            raise ConfigError(
                f"{path} must define a function features(images), got none. Fix: define it: a "
                "tensor (B, C, H, W) in [0, 1] to features (B, F)"
            )
        self.function = function

    def features(self, images: Pictures) -> Features:
        """Of pixels in [0, 1]. Raises DataError where the function fails or gives no (B, F)."""
        parts = []
        for start in range(0, len(images), BATCH):
            x = torch.from_numpy(np.ascontiguousarray(images[start : start + BATCH], np.float32))
            try:
                with torch.no_grad():
                    found = np.asarray(self.function(x))
            except Exception as error:  # whatever the user's code raises
                raise DataError(
                    f"{self.path}: features() must take images of {tuple(x.shape[1:])}, got: "
                    f"{type(error).__name__}: {reason_of(error)}. Fix: correct the function"
                ) from error
            if found.ndim != 2 or len(found) != len(x):
                raise DataError(
                    f"{self.path}: features() must give an array ({len(x)}, F) for {len(x)} "
                    f"images, got {found.shape}. Fix: flatten what it gives"
                )
            parts.append(found.astype(np.float32))
        return np.concatenate(parts)

    def distances(self, images: Pictures, others: Pictures) -> Float[np.ndarray, " N"]:
        return row_distances(self.features(images), self.features(others))


class FeatureFile:
    """An ONNX network: images (B, C, H, W) in [0, 1] → features (B, F).

    A network that wants three channels gets grey images three times over. What else it wants (a
    size, a scale) belongs into the file. Raises DataError for a file that is no such network.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        if not path.is_file():
            raise DataError(
                f"{path}: {no_file(path)}. Fix: give an ONNX network, images to features, or one "
                f"of {', '.join(FEATURES.names)}"
            )
        try:
            self.session = open_session(str(path))
        except Exception as error:  # onnxruntime's own errors have no common class
            reason = reason_of(error)
            raise DataError(
                f"{path}: no ONNX network ({reason}). Fix: export the features' network to ONNX"
            ) from error
        self.input = self.session.get_inputs()[0]

    def features(self, images: Pictures) -> Features:
        """Of pixels in [0, 1].

        Raises DataError where the network does not take the images or gives no features.
        """
        x = np.ascontiguousarray(images, np.float32)
        if x.shape[1] == 1 and self.input.shape[1] == 3:
            x = x.repeat(3, axis=1)
        parts = []
        for start in range(0, len(x), BATCH):
            try:
                (found, *_) = self.session.run(None, {self.input.name: x[start : start + BATCH]})
            except Exception as error:
                reason = reason_of(error)
                raise DataError(
                    f"{self.path} must take images of {x.shape[1:]}, got: {reason}. Fix: resize "
                    "them in the network"
                ) from error
            parts.append(np.asarray(found).reshape(len(found), -1))
        return np.concatenate(parts)

    def distances(self, images: Pictures, others: Pictures) -> Float[np.ndarray, " N"]:
        return row_distances(self.features(images), self.features(others))

"""Features of a network that the user has, such as Inception: ONNX, never a pickle."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from reparam.errors import DataError, no_file, reason_of
from reparam.onnx_session import open_session

BATCH = 100

Features = Float[np.ndarray, "N F"]


class FeatureFile:
    """An ONNX network: images (B, C, H, W) in [0, 1] → features (B, F).

    A network that wants three channels gets grey images three times over. What else it wants (a
    size, a scale) belongs into the file. Raises DataError for a file that is no such network.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise DataError(
                f"{path}: {no_file(path)}. Fix: give an ONNX network, images to features"
            )
        try:
            self.session = open_session(str(path))
        except Exception as error:  # onnxruntime's own errors have no common class
            reason = reason_of(error)
            raise DataError(
                f"{path}: no ONNX network ({reason}). Fix: export the features' network to ONNX"
            ) from error
        self.input = self.session.get_inputs()[0]

    def features(self, images: Float[np.ndarray, "N C H W"]) -> Features:
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

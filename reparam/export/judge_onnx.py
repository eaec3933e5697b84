"""The judge of a run's images as ONNX, so that the page can name the class of what it decodes."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from reparam._version import __version__
from reparam.evaluation import Judge, as_floats, kept_judge
from reparam.export.halves import Half, compared_batches
from reparam.export.onnx import OnnxModel, export_half
from reparam.runs import RunView
from reparam.types import Images, PixelArray


class _Averaged(nn.Module):
    """`nn.AdaptiveAvgPool2d`, which ONNX has for sizes that divide alone, as two products."""

    rows: Tensor
    columns: Tensor

    def __init__(self, size: tuple[int, int], cells: tuple[int, int]) -> None:
        super().__init__()
        for name, side, count in zip(("rows", "columns"), size, cells, strict=True):
            self.register_buffer(name, _averages(side, count))

    def forward(self, x: Tensor) -> Tensor:
        return self.rows @ x @ self.columns.T


def _averages(side: int, cells: int) -> Tensor:
    """(cells, side): row i is the mean of the pixels that PyTorch takes for cell i."""
    found = torch.zeros(cells, side)
    for i in range(cells):
        start, end = i * side // cells, -(-(i + 1) * side // cells)
        found[i, start:end] = 1 / (end - start)
    return found


class _Classes(nn.Module):
    """Images (B, C, H, W) in [0, 1] → logits (B, classes), as a tuple."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        network = judge.network
        features = network.features
        self.layers = nn.Sequential(
            features.convolutions,
            _Averaged(features.sizes[-1], features.cells),
            nn.Flatten(),
            features.dense,
            nn.SiLU(),
            features.standardise,
            network.head,
        )

    def forward(self, images: Images) -> tuple[Tensor]:
        return (self.layers(images),)


def judge_of(view: RunView) -> Judge | None:
    """The judge of classes of the run's images, where the cache has it.

    None for a view whose images are of other classes than the run's: it cannot name these.
    """
    facts = view.run.facts
    if not view.class_names or tuple(view.class_names) != tuple(facts.class_names):
        return None
    return kept_judge(facts.fingerprint, view.model.image_shape, tuple(view.class_names))


def export_judge(judge: Judge, images: PixelArray) -> OnnxModel:
    """A judge with classes, compared with itself in PyTorch on ``images`` (N, H, W, C), N ≥ 1.

    ``images`` (B, C, H, W) in [0, 1] → ``logits`` (B, classes). The same judge gives the same
    bytes. Raises ParityError where onnxruntime's logits differ by more than ``halves.TOLERANCE``.
    """
    module = _Classes(judge).eval()
    images = images[: max(compared_batches(math.prod(images.shape[1:])))]
    x = np.ascontiguousarray(as_floats(images).transpose(0, 3, 1, 2))
    with torch.no_grad():
        logits = judge.network(torch.from_numpy(x)).numpy()
    half = Half("judge", module, "images", x, {"logits": logits})
    height, width, channels = judge.image_shape
    facts = {
        "reparam.part": half.part,
        "reparam.shape": f"{channels} x {height} x {width}",
        "reparam.image_range": "[0, 1]",
        "reparam.version": __version__,
        "torch.version": torch.__version__,
    }
    return export_half(half, "the judge", facts, "onnxruntime's")

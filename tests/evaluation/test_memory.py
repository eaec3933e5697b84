"""A scorecard's memory does not grow with the images: in a process of its own, at its peak."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCORECARD = """
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from reparam.data import DataConfig, load_images
from reparam.evaluation import Judge, ScoreConfig, scorecard
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.model import (
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    ModelConfig,
    build_autoencoder,
)

file, count = sys.argv[1], int(sys.argv[2])
images = load_images(DataConfig(source=file, test_fraction=0.5, valid_fraction=0.0))
names = tuple("0123456789")
images = replace(images, labels=np.arange(len(images)) % 10, class_names=names)
torch.manual_seed(0)
network = JudgeNetwork(images.image_shape, 10).eval().requires_grad_(False)
judge = Judge(network, images.image_shape, names, 0.1, None, "no images", 0.0, from_cache=False)
config = ModelConfig(
    encoder=ConvolutionalEncoderOptions(filters=(8, 8), kernels=(3, 3), strides=(2, 2)),
    decoder=ConvolutionalDecoderOptions(filters=(8,), kernels=(3, 3), strides=(2, 2)),
)
model = build_autoencoder(config, images.image_shape)
options = ScoreConfig(images=count, draws=count, likelihood_images=2, likelihood_samples=50)
scorecard(model, images, options, judge=judge)
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024)
"""


def write_images(file: Path, count: int, side: int) -> None:
    """``count`` images for training and as many held out, of noise."""
    pixels = np.lib.format.open_memmap(file, "w+", np.uint8, (2 * count, side, side, 3))
    rng = np.random.default_rng(0)
    for start in range(0, len(pixels), 200):
        part = pixels[start : start + 200]
        part[:] = rng.integers(0, 256, part.shape, np.uint8)


def peak(file: Path, count: int) -> int:
    """Bytes that were resident at most."""
    words = [sys.executable, "-c", SCORECARD, str(file), str(count)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_memory_is_bounded_whatever_the_number_of_images(tmp_path: Path) -> None:
    """2,000 and 4,000 held-out images and draws of 128 × 128 × 3.

    A set of 2,000 more takes 393 MB as floats, and of real images, reconstructions and draws there
    would be several at once; what else grows is a few rows of kernels and distances. (10,000
    held-out images and draws are to need less than 3 GB.)
    """
    write_images(tmp_path / "images.npy", 4000, 128)
    few, many = (peak(tmp_path / "images.npy", count) for count in (2000, 4000))
    assert many - few < 2000 * 128 * 128 * 3 * 4
    assert many < 2e9

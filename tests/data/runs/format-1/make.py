"""Writes the run folders and golden values of this folder, with the code of commit 6f16f0b."""

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from reparam import load
from reparam.data import DataConfig, ImageSet, load_images
from reparam.evaluation import ScoreConfig, sample_latents
from reparam.evaluation.scoring.of_run import score_run
from reparam.training import (
    Event,
    Interrupted,
    Run,
    StepDone,
    apply_config_file,
    fit_run_prior,
    preset_config,
    train,
)

HERE = Path(__file__).parent
SOURCE = "images.npz"

SMALL = {
    "encoder_filters": [4, 8],
    "encoder_kernels": [3, 3],
    "encoder_strides": [1, 2],
    "decoder_filters": [8],
    "decoder_kernels": [3, 3],
    "decoder_strides": [2, 1],
    "encoder_widths": [24, 16],
    "decoder_widths": [16, 24],
    "batch_size": 16,
    "epochs": 6,
    "precision": "float32",
    "kernels": "pytorch",
    "device": "cpu",
    "source": SOURCE,
}

RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ae": ("ae", "plain", {"epochs": 2, "learning_rate": 4e-3}),
    "ae-functional": ("ae-functional", "plain", {"learning_rate": 4e-3}),
    "vae": ("vae", "quick", {"epochs": 10}),
    "dae": ("dae", "quick", {"latent_dim": 4}),
    "burda": ("burda", "plain", {"latent_dim": 3, "learning_rate": 4e-3}),
    "vae-stopped": ("vae", "quick", {"epochs": 3, "seed": 1}),
}
"""Folder → preset, recipe, options."""

STOPPED = ("vae-stopped",)
FURTHER = {"ae": 4}
"""Finished runs that golden values plan for so many epochs in all."""


def write_images() -> None:
    digits = load_digits()
    chosen = np.sort(np.concatenate([np.flatnonzero(digits.target == c)[:12] for c in range(10)]))
    pixels = np.rint(digits.images[chosen] * (255 / 16)).astype(np.uint8)
    names = np.array([str(c) for c in range(10)])
    np.savez_compressed(
        SOURCE, images=pixels, labels=digits.target[chosen].astype(np.int64), class_names=names
    )


def stop_in_the_second_epoch(event: Event) -> None:
    if isinstance(event, StepDone) and (event.epoch, event.batch) == (2, 2):
        os.kill(os.getpid(), signal.SIGINT)


def make_run(name: str, images: ImageSet) -> None:
    preset, recipe, options = RUNS[name]
    config = apply_config_file(preset_config(preset, recipe), {**SMALL, **options}, "make.py")
    shutil.rmtree(name, ignore_errors=True)
    command = f"python make.py  # {name}"
    run = Run.create(Path(name), config, images, command=command, overwrite=False)
    try:
        train(run, images, [stop_in_the_second_epoch] if name in STOPPED else [])
    except Interrupted:
        assert name in STOPPED
    record = run.record()
    record["data"]["source"] = SOURCE  # the absolute path is of one machine
    run.write_json("config.json", record)
    if name not in (*STOPPED, *FURTHER):
        shutil.rmtree(run.path / "checkpoints")


def golden(name: str, images: ImageSet) -> dict[str, np.ndarray]:
    estimator = load(name)
    model, pixels = estimator.model_, images.split_images("test")
    latents = np.random.default_rng(0).normal(size=(5, model.latent_dim)).astype(np.float32)
    drawn = sample_latents(model, 3, 7)
    return {
        "encode": estimator.transform(pixels[:5]),
        "latents": latents,
        "decode": estimator.inverse_transform(latents),
        "reconstruct": estimator.reconstruct(pixels[:5]),
        "sample_latents": drawn,
        "sample": estimator.sample(3, seed=7),
        "score": np.array(estimator.score(pixels)),
    }


def resumed(name: str, images: ImageSet) -> dict[str, np.ndarray]:
    """The weights at the end of training, of a copy."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run.open(Path(shutil.copytree(name, Path(folder) / name)))
        if name in FURTHER:
            run.extend(FURTHER[name])
        train(run, images)
        weights = load_file(run.weights)
        return {f"resumed/{key}": value.numpy() for key, value in weights.items()}


def main() -> None:
    os.chdir(HERE)
    torch.set_num_threads(1)
    write_images()
    images = load_images(DataConfig(source=SOURCE))
    for name in RUNS:
        make_run(name, images)
    shutil.rmtree("vae-mixture", ignore_errors=True)
    shutil.copytree("vae", "vae-mixture")
    fit_run_prior(Run.open(Path("vae-mixture")), images, "mixture")
    few = ScoreConfig(images=24, draws=60, likelihood_images=2, likelihood_samples=20)
    score_run(Run.open(Path("vae")), images, few)
    values: dict[str, np.ndarray] = {}
    for name in (*RUNS, "vae-mixture"):
        found = golden(name, images)
        if name in (*STOPPED, *FURTHER):
            found |= resumed(name, images)
        values |= {f"{name}/{key}": value for key, value in found.items()}
    np.savez_compressed("golden.npz", **values)


if __name__ == "__main__":
    main()

"""Small runs of made-up pictures, trained for moments, and their sites: no other test's run."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reparam.data import DataConfig, load_images
from reparam.explorer import site_files
from reparam.export import make_bundle
from reparam.runs import Run, preset_config, resolve
from reparam.training import train

from .bundles import Files

NETWORKS = {
    "encoder_filters": [8, 16],
    "encoder_kernels": [3, 3],
    "encoder_strides": [2, 2],
    "decoder_filters": [8],
    "decoder_kernels": [3, 3],
    "decoder_strides": [2, 2],
}


def bars(count: int, classes: int, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of a bright blot each, and their classes: where it lies and how wide it is."""
    height, width, channels = shape
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    angle = 2 * np.pi * labels / classes + rng.normal(0, 0.12, count)
    far = rng.uniform(0.35, 0.7, count)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    blot = ((x - (far * np.cos(angle))[:, None, None]) / 0.3) ** 2
    blot = blot + ((y - (far * np.sin(angle))[:, None, None]) / 0.3) ** 2
    tint = rng.uniform(0.4, 1, (count, 1, 1, channels))
    pixels = np.exp(-blot)[..., None] * (tint if channels > 1 else 1)
    return (255 * pixels).round().astype(np.uint8), labels


def small_run(
    folder: Path,
    *,
    preset: str = "vae",
    shape: tuple[int, int, int] = (16, 16, 1),
    count: int = 240,
    classes: int = 5,
    labelled: bool = True,
    files: bool = False,
    **options: Any,
) -> Run:
    """A run in ``folder``, trained for an epoch unless ``options`` say otherwise; half of the
    images are held out. ``files``: its images are a folder of PNG files, c0/0000.png and so on.
    """
    pixels, labels = bars(count, classes, shape)
    source = folder.with_name(f"{folder.name}-images.npz")
    if files:
        source = source.with_suffix("")
        for i, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            (source / f"c{label}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.squeeze()).save(source / f"c{label}" / f"{i:04d}.png")
    given = {"labels": labels, "class_names": np.array([f"c{k}" for k in range(classes)])}
    if not files:
        np.savez(source, images=pixels, **(given if labelled else {}))
    config = preset_config(preset)
    small = NETWORKS if config.model.encoder.type == "convolutional" else {}
    short = {"epochs": 1, "batch_size": 16, "precision": "float32"}
    config = resolve(config, [("the test", {**small, **short, **options})])
    config = replace(config, data=DataConfig(source=str(source), test_fraction=0.5))
    images = load_images(config.data)
    run = Run.create(folder, config, images, command="test", overwrite=False)
    train(run, images)
    return Run.open(folder)


def site_of(runs: Sequence[Run], columns: Path | None = None) -> Files:
    """As a web server would have it, made in this process; ``columns``: a table for it."""
    kinds = ("*.json", "*.jsonl", "*.safetensors")
    read = [file for run in runs for kind in kinds for file in sorted(run.path.glob(kind))]
    if columns is not None:
        read.append(columns)
    return _site_of(
        tuple(run.path for run in runs), columns, tuple(file.stat().st_mtime_ns for file in read)
    )


@functools.cache
def _site_of(paths: tuple[Path, ...], columns: Path | None, changed: tuple[int, ...]) -> Files:
    """Made again where a file has changed."""
    return site_files(make_bundle([Run.open(path) for path in paths], columns=columns).files)

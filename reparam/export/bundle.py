"""The explorer's bundle: everything that the page shows of one or more runs, as files.

The same runs give the same bytes: nothing in it says when, where or by whom it was made.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reparam._version import __version__
from reparam.data import ImageSet, Progress
from reparam.errors import ConfigError, DataError, RunError
from reparam.export.described import (
    decoded,
    described_prior,
    golden_latents,
    kl_per_dimension,
    principal_axes,
    prior_draws,
)
from reparam.export.onnx import OnnxModel, export_onnx
from reparam.export.quantise import floats, quantised
from reparam.export.sprites import grid_for, sheets
from reparam.report import RunView, look_at, told_apart
from reparam.report.style import class_colours
from reparam.training import Run
from reparam.types import LatentArray, PixelArray

SCHEMA = 1
"""Of manifest.json. A page refuses a newer one than its own."""

MANIFEST = "data/manifest.json"

IMAGES = 10_000
"""Held-out images in a bundle, unless more or fewer are asked for."""

NO_LABEL = 65535
"""What stands for no class among labels of 16 bits."""

GOLDEN_TOLERANCE = 0.00392
"""How far the page's pixels may be from PyTorch's: 1/255, less than what a screen shows."""

GENERATOR = f"reparam {__version__}"


@dataclass(frozen=True)
class Bundle:
    """``files``: name below the site, such as data/manifest.json, to content.

    ``onnx``: encoder and decoder of each run, by the run's id.
    """

    files: Mapping[str, bytes]
    onnx: Mapping[str, tuple[OnnxModel, OnnxModel]]


def make_bundle(
    runs: Sequence[Run], *, images: int = IMAGES, progress: Progress | None = None
) -> Bundle:
    """The bundle of finished runs, with at most ``images`` held-out images of each.

    Raises ConfigError without runs or images, RunError for an unfinished run or one whose images
    cannot be found again, ParityError where a model cannot be exported faithfully.
    """
    views = held_out_views(runs, images=images, progress=progress)
    files: dict[str, bytes] = {}
    halves: dict[str, tuple[OnnxModel, OnnxModel]] = {}
    entries = []
    for name, view in zip(run_ids([view.run for view in views]), views, strict=True):
        halves[name] = export_onnx(view.run, view.model, view.images)
        entries.append(_entry(name, view, halves[name], files))
    sources = dict.fromkeys(Path(view.config.data.source).name for view in views)
    manifest = {
        "schema": SCHEMA,
        "generator": GENERATOR,
        "source": ", ".join(sources),
        "runs": entries,
    }
    text = json.dumps(manifest, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Bundle({MANIFEST: text.encode(), **files}, halves)


def held_out_views(
    runs: Sequence[Run], *, images: int, progress: Progress | None = None
) -> list[RunView]:
    """The runs with their held-out images, encoded. Runs of equal data share what is read."""
    if not runs:
        raise ConfigError("an export needs at least one run folder, found none: name one")
    if images < 1:
        raise ConfigError(f"images must be 1 or more, found {images}: raise it")
    sets: dict[str, ImageSet] = {}
    views = []
    for run in runs:
        fingerprint = run.facts().fingerprint
        if fingerprint not in sets:
            sets[fingerprint] = run.images(progress)
        views.append(look_at(run, sets[fingerprint], points=images))
    return told_apart(views)


def run_ids(runs: Sequence[Run]) -> list[str]:
    """The folders' names as they may stand in an address, numbered where two would be the same."""
    taken = {"shared"}
    ids = []
    for run in runs:
        plain = re.sub(r"[^a-z0-9]+", "-", run.path.resolve().name.lower()).strip("-") or "run"
        name, n = plain, 1
        while name in taken:
            n += 1
            name = f"{plain}-{n}"
        taken.add(name)
        ids.append(name)
    return ids


def _entry(
    name: str, view: RunView, halves: tuple[OnnxModel, OnnxModel], files: dict[str, bytes]
) -> dict[str, Any]:
    """The manifest's entry of a run, whose files are added to ``files``."""

    def add(file: str, data: bytes) -> dict[str, Any]:
        files[f"data/{file}"] = data
        digest = hashlib.sha256(data).hexdigest()
        return {"file": f"data/{file}", "bytes": len(data), "sha256": digest}

    def add_latents(file: str, z: LatentArray) -> dict[str, Any]:
        coded = quantised(z, f"{view.run.path}: latents")
        return {**add(file, coded.data), "low": list(coded.low), "high": list(coded.high)}

    height, width, channels = view.model.image_shape
    encoder, decoder = halves
    draws = prior_draws(view)
    labels = None
    if view.labels is not None:
        labels = add(f"{name}/labels.bin", _labels(view))
    return {
        "id": name,
        "title": view.title,
        "preset": view.config.preset,
        "variational": view.is_variational,
        "latent_dim": view.latent_dim,
        "image": {"height": height, "width": width, "channels": channels},
        "classes": _classes(view),
        "encoder": {
            **add(f"{name}/encoder.onnx", encoder.data),
            "input": encoder.input,
            "outputs": list(encoder.outputs),
        },
        "decoder": {
            **add(f"{name}/decoder.onnx", decoder.data),
            "input": decoder.input,
            "output": decoder.outputs[0],
        },
        "points": {
            "count": len(view.mu),
            "split": view.split,
            "mu": add_latents(f"{name}/mu.bin", view.mu),
            "log_var": None
            if view.log_var is None
            else add_latents(f"{name}/log_var.bin", view.log_var),
            "labels": labels,
            **_thumbnails(view.images, add),
        },
        "prior": {
            **described_prior(view, draws),
            "draws": {**add_latents(f"{name}/prior.bin", draws), "count": len(draws)},
        },
        "kl_per_dimension": kl_per_dimension(view),
        "principal": principal_axes(view.mu),
        "golden": _golden(view, draws, lambda data: add(f"{name}/golden.bin", data)),
        "figures": _figures(view),
        "scorecard": _scorecard(view.run),
    }


def _classes(view: RunView) -> list[dict[str, str]]:
    if view.labels is None:
        return []
    colours = class_colours(len(view.class_names))
    return [{"name": n, "colour": c} for n, c in zip(view.class_names, colours, strict=True)]


def _labels(view: RunView) -> bytes:
    if len(view.class_names) > NO_LABEL:
        raise DataError(
            f"{view.run.path}: the explorer shows at most {NO_LABEL:,} classes, found "
            f"{len(view.class_names):,}; train on fewer"
        )
    return np.asarray(view.labels).astype("<u2").tobytes()


def _thumbnails(images: PixelArray, add: Any) -> dict[str, Any]:
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    same = digest.hexdigest()
    grid = grid_for(images.shape[1:])
    return {
        "thumbnails": {
            "width": grid.width,
            "height": grid.height,
            "columns": grid.columns,
            "rows": grid.rows,
            "sheets": [
                add(f"shared/thumbs-{same[:12]}-{k}.png", png)
                for k, png in enumerate(sheets(images, grid))
            ],
        },
        "images_sha256": same,
    }


def _golden(view: RunView, draws: LatentArray, add: Any) -> dict[str, Any]:
    """What PyTorch makes of five latents and of one image, for the page to compare with.

    An image of other than 1 or 3 channels cannot be read back from its thumbnail.
    """
    latents = golden_latents(view, draws)
    readable = view.model.image_shape[2] in (1, 3)
    return {
        "latents": floats(latents),
        "images": add(decoded(view, latents).astype("<f4").tobytes()),
        "image_index": 0 if readable else None,
        "mu": floats(view.mu[0]) if readable else None,
        "tolerance": GOLDEN_TOLERANCE,
    }


def _figures(view: RunView) -> dict[str, Any]:
    result = view.result
    return {
        "epochs": result["epochs"],
        "images": result["train"].get("images"),
        "seconds": result["seconds"],
        "loss": {key: view.losses[key] for key in ("mse", "rate_nats", "loss_article")},
    }


def _scorecard(run: Run) -> Any:
    """The run's scorecard, if it stands there; numbers that are none become null."""
    file = run.path / "scorecard.json"
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"), parse_constant=lambda _: None)
    except ValueError as error:
        raise RunError(f"{file}: cut short or damaged ({error}); make it again") from error

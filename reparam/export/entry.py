"""What the explorer's manifest says of one run, and the run's files."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from reparam.data import Progress, class_colours
from reparam.errors import ConfigError, DataError
from reparam.evaluation import moments_of
from reparam.export.columns import Column, column_bytes, columns_of, levels_of
from reparam.export.described import (
    decoded,
    described_prior,
    golden_latents,
    kl_per_dimension,
    principal_axes,
    prior_draws,
)
from reparam.export.images import as_text
from reparam.export.judge_onnx import export_judge, judge_of
from reparam.export.manifest import (
    ClassEntry,
    ColumnEntry,
    FiguresEntry,
    FileEntry,
    GoldenEntry,
    JudgeEntry,
    NearestEntry,
    RunEntry,
    ScaledEntry,
    ThumbnailEntry,
)
from reparam.export.nearest_training import nearest_training
from reparam.export.onnx import OnnxModel, smaller
from reparam.export.quantise import floats, quantised
from reparam.export.sprites import grid_for, sheets
from reparam.printable import finite_or_null
from reparam.runs import SPLIT_IMAGES, RunView
from reparam.types import LatentArray, PixelArray

if TYPE_CHECKING:
    from reparam.evaluation import Scorecard

NO_LABEL = 65535
"""What stands for no class among labels of 16 bits."""

MOST_DIMENSIONS = 1024
"""Of a page, which has all principal axes and the prior's covariance: numbers of their square."""

FEW = 7
"""Images on which the networks in fewer bytes are compared with those that they are made of."""

GOLDEN_TOLERANCE = 0.00392
"""How far the page's pixels may be from PyTorch's: 1/255, less than what a screen shows."""

Add = Callable[[str, bytes], FileEntry]
"""Takes a file, by its name below data/, into the bundle; what the manifest says of it."""


def run_entry(
    name: str,
    view: RunView,
    halves: tuple[OnnxModel, OnnxModel],
    files: dict[str, bytes],
    given: Mapping[str, Column],
    *,
    training_images: bool = True,
    device: str = "cpu",
    progress: Progress | None = None,
) -> RunEntry:
    """The manifest's entry of a run, whose files are added to ``files``.

    ``given``: columns beside the model's own; one of the same name takes its place.
    ``training_images``: also those that are nearest to draws from the prior. ``device``,
    ``progress``: as `columns_of` takes them.
    """
    from reparam.evaluation import as_floats, current_scorecard  # not for those who export no page

    if view.model.latent_dim > MOST_DIMENSIONS:
        raise ConfigError(
            f"{view.run.path}: the page must have at most {MOST_DIMENSIONS} latent dimensions, got "
            f"{view.model.latent_dim}. Fix: export the networks alone (reparam export --onnx)"
        )

    def add(file: str, data: bytes) -> FileEntry:
        files[f"data/{file}"] = data
        digest = hashlib.sha256(data).hexdigest()
        return {"file": f"data/{file}", "bytes": len(data), "sha256": digest}

    def add_network(file: str, network: OnnxModel, rows: np.ndarray) -> FileEntry:
        given: dict[str, np.ndarray] = {network.input: np.ascontiguousarray(rows, np.float32)}
        if network.labels is not None:
            given[network.labels] = np.arange(len(rows)) % view.model.classes
        return add(file, smaller(network, given))

    def add_latents(file: str, z: LatentArray) -> ScaledEntry:
        coded = quantised(z, f"{view.run.path}: latents")
        return {**add(file, coded.data), "low": list(coded.low), "high": list(coded.high)}

    height, width, channels = view.model.image_shape
    encoder, decoder = halves
    draws = prior_draws(view)
    pictures = as_floats(view.images[:FEW]).transpose(0, 3, 1, 2)
    same = _images_digest(view.images)
    card = current_scorecard(view.run, view.model)
    labels = None
    if view.labels is not None:
        labels = add(f"{name}/labels.bin", _labels(view))
    own = columns_of(view, judged=card is not None, device=device, progress=progress)
    columns = {**own, **given}
    weight = view.model.likelihood.weight
    codes = {
        moment: add_latents(f"{name}/{moment}.bin", values)
        for moment, values in {"mu": view.mu, **moments_of(view.q)[1]}.items()
    }
    return {
        "id": name,
        "title": view.title,
        "preset": view.run.config.preset,
        "variational": view.is_variational,
        "latent": {
            "shape": [view.latent_dim],
            "map": list(view.model.latent.shape) if view.model.latent.is_spatial else None,
        },
        "image": {"height": height, "width": width, "channels": channels},
        "classes": _classes(view),
        "encoder": {
            **add_network(f"{name}/encoder.onnx", encoder, pictures),
            "input": encoder.input,
            "outputs": list(encoder.outputs),
            "labels": encoder.labels,
        },
        "decoder": {
            **add_network(f"{name}/decoder.onnx", decoder, golden_latents(view, draws)),
            "input": decoder.input,
            "output": decoder.outputs[0],
            "labels": decoder.labels,
        },
        "judge": _judge(view, partial(add_network, rows=pictures)),
        "points": {
            "count": len(view.mu),
            "split": view.split,
            "mu": codes["mu"],
            "log_var": codes.get("log_var"),
            "labels": labels,
            "columns": _columns(name, columns, add),
            "files": _files(name, view, add),
            "thumbnails": _thumbnails(view.images, same, add),
            "images_sha256": same,
        },
        "posterior": {"form": view.q.form, "name": view.run.config.model.posterior.type},
        "likelihood": {
            "form": view.model.likelihood.form,
            "weight": None if weight is None else weight.r_loss_factor,
        },
        "prior": {
            **described_prior(view, draws),
            "draws": {**add_latents(f"{name}/prior.bin", draws), "count": len(draws)},
            "nearest": _nearest(name, view, draws, add) if training_images else None,
        },
        "kl_per_dimension": kl_per_dimension(view),
        "principal": principal_axes(view.mu),
        "golden": _golden(name, view, draws, add),
        "figures": _figures(view),
        "scorecard": _scorecard(card),
    }


def _classes(view: RunView) -> list[ClassEntry]:
    if view.labels is None:
        return []
    colours = class_colours(len(view.class_names))
    return [{"name": n, "colour": c} for n, c in zip(view.class_names, colours, strict=True)]


def _labels(view: RunView) -> bytes:
    if len(view.class_names) > NO_LABEL:
        raise DataError(
            f"{view.run.path}: the explorer must have at most {NO_LABEL:,} classes, got "
            f"{len(view.class_names):,}. Fix: train on fewer"
        )
    return np.asarray(view.labels).astype("<u2").tobytes()


def _columns(name: str, columns: Mapping[str, Column], add: Add) -> list[ColumnEntry]:
    return [
        {
            **add(f"{name}/column-{k}.bin", column_bytes(column)),
            "name": as_text(title),
            "levels": levels_of(column),
        }
        for k, (title, column) in enumerate(columns.items())
    ]


def _files(name: str, view: RunView, add: Add) -> FileEntry | None:
    if view.files is None:
        return None
    return add(f"{name}/files.json", json.dumps([as_text(file) for file in view.files]).encode())


def _images_digest(images: PixelArray) -> str:
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def _judge(view: RunView, add: Callable[[str, OnnxModel], FileEntry]) -> JudgeEntry | None:
    judge = judge_of(view)
    if judge is None:
        return None
    exported = export_judge(judge, view.images)
    digest = hashlib.sha256(exported.data).hexdigest()  # runs of the same images share it
    return {
        **add(f"shared/judge-{digest[:12]}.onnx", exported),
        "input": exported.input,
        "output": exported.outputs[0],
        "accuracy": judge.accuracy,
        "images": judge.held_out,
    }


def _nearest(name: str, view: RunView, draws: LatentArray, add: Add) -> NearestEntry | None:
    found = nearest_training(view, draws)
    if found is None:
        return None
    return {
        **add(f"{name}/nearest.json", found.data),
        "draws": found.draws,
        "searched": found.searched,
        "count": len(found.images),
        "thumbnails": _thumbnails(found.images, _images_digest(found.images), add),
    }


def _thumbnails(images: PixelArray, digest: str, add: Add) -> ThumbnailEntry:
    grid = grid_for(images.shape[1:])
    return {
        "width": grid.width,
        "height": grid.height,
        "columns": grid.columns,
        "rows": grid.rows,
        "sheets": [
            add(f"shared/thumbs-{digest[:12]}-{k}.png", png)
            for k, png in enumerate(sheets(images, grid))
        ],
    }


def _golden(name: str, view: RunView, draws: LatentArray, add: Add) -> GoldenEntry:
    """What PyTorch makes of five latents and of one image, for the page to compare with.

    An image of other than 1 or 3 channels cannot be read back from its thumbnail.
    """
    latents = golden_latents(view, draws)
    readable = view.model.image_shape[2] in (1, 3)
    label = view.model.classes - 1 if view.model.classes else None
    return {
        "latents": floats(latents),
        "images": add(f"{name}/golden.bin", decoded(view, latents, label).astype("<f4").tobytes()),
        "label": label,
        "encoded": {"image_index": 0, "mu": floats(view.mu[0])} if readable else None,
        "tolerance": GOLDEN_TOLERANCE,
    }


def _figures(view: RunView) -> FiguresEntry:
    result = view.result
    return {
        "epochs": result.epochs,
        "images": int(result.splits["train"][SPLIT_IMAGES]),
        "seconds": result.seconds,
        "loss": {name: value for name, value in view.losses.items() if name != SPLIT_IMAGES},
    }


def _scorecard(card: "Scorecard | None") -> dict[str, object] | None:
    """The valid part of the run's scorecard; NaN and infinite numbers become null."""
    if card is None:
        return None
    found = finite_or_null(card.to_mapping())
    assert isinstance(found, dict)
    return found

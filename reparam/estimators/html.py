"""What a notebook shows of a fitted estimator: its parts, losses, scorecard, and some pictures."""

import base64
import contextlib
import html
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from reparam.data import ImageSet, contact_sheet, to_picture
from reparam.errors import ReparamError
from reparam.evaluation import decode_bytes, even_labels, reconstruct_images, sample_latents
from reparam.export import LabelledImages
from reparam.model import Autoencoder
from reparam.printable import several
from reparam.runs import Run

if TYPE_CHECKING:
    from reparam.estimators.base import Estimator

SHOWN = 8
"""Pictures side by side."""

SIDE = 48
"""Pixels that a small picture is enlarged to, at least."""

HEADLINE = ("psnr", "elbo", "fid", "knn_accuracy")
"""Measures of a scorecard that are shown."""

WIDTH, HEIGHT = 320, 90
"""Of the losses' curve, in CSS pixels."""


def shown_of(images: ImageSet) -> LabelledImages:
    """The first held-out images of a training, for a later look at them."""
    index = images.splits[images.held_out()][:SHOWN]
    labels = None if images.labels is None else images.labels[index].copy()
    return LabelledImages(np.array(images.images[index]), labels, images.class_names)


def fitted_html(fitted: "Estimator") -> str:
    """HTML in the colours of the page around it; text of the run is escaped."""
    model = fitted.model_
    height, width, channels = model.image_shape
    dimensions = several(model.latent_dim, "latent dimension")
    size = f"{height} × {width} × {channels} → {dimensions}"
    parts = [
        f"<p>{_count(model):,} parameters, images {size}</p>",
        _layers(model),
        _losses(fitted.history_),
        _scores(fitted.run_, model),
        _pictures(model, fitted._shown),
    ]
    return f'<div style="color: inherit; margin-top: 0.5em">{"".join(parts)}</div>'


def _layers(model: Autoencoder) -> str:
    """A row for each part, and its layers with their numbers of parameters."""
    rows = []
    for name, part in model.named_children():
        layers = [
            f"<li>{html.escape(f'{path} {type(layer).__name__}')}: {_count(layer):,}</li>"
            for path, layer in part.named_modules()
            if not any(layer.children()) and _count(layer)
        ]
        said = f"{html.escape(name)}: {html.escape(type(part).__name__)}, {_count(part):,}"
        rows.append(
            f"<details><summary>{said}</summary><ul>{''.join(layers)}</ul></details>"
            if layers
            else f"<div>{said}</div>"
        )
    return "".join(rows)


def _count(module: object) -> int:
    return sum(p.numel() for p in module.parameters())  # type: ignore[attr-defined]


def _losses(history: Sequence[dict[str, object]]) -> str:
    """Both losses of each epoch in nats as a curve; "" without finite ones."""
    curves = {split: list(_finite(history, f"{split}_loss_nats")) for split in ("train", "valid")}
    every = np.array([point for points in curves.values() for point in points])
    if not len(every):
        return ""
    low, span = every.min(0), np.maximum(np.ptp(every, axis=0), 1e-9)
    lines = ""
    for points, dashes in zip(curves.values(), ("4 3", "none"), strict=True):
        placed = (np.array(points).reshape(-1, 2) - low) / span
        at = (4, HEIGHT - 4) + placed * (WIDTH - 8, 8 - HEIGHT)
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        lines += (
            f'<polyline points="{text}" fill="none" stroke="currentColor" stroke-width="1.5" '
            f'stroke-dasharray="{dashes}"/>'
        )
    last = {split: f"{points[-1][1]:,.2f}" for split, points in curves.items() if points}
    said = ", ".join(f"{split} {value}" for split, value in last.items())
    label = f"loss after {several(len(history), 'epoch')}: {said} nats"
    if len(history) < 2:  # a point is no curve
        return f"<p>{label}</p>"
    label += " (train dashed)"
    return (
        f'<figure style="margin: 0.5em 0"><svg width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{label}">{lines}</svg><figcaption>{label}</figcaption></figure>'
    )


def _finite(history: Sequence[dict[str, object]], name: str) -> Iterator[tuple[int, float]]:
    for epoch, line in enumerate(history):
        value = line.get(name)
        if isinstance(value, float) and np.isfinite(value):
            yield epoch, value


def _scores(run: Run, model: Autoencoder) -> str:
    """The scorecard's headline, where the run's folder still has one of these weights."""
    if not run.path.is_dir():
        return ""
    from reparam.evaluation import MEASURES, check_scorecard, figure_text  # take their time

    with contextlib.suppress(ReparamError):
        card = check_scorecard(run, model=model).card
        if card is not None:
            found = [
                f"{html.escape(MEASURES[name].en)} "
                f"{html.escape(figure_text(card.find(name), MEASURES[name]))}"
                for name in HEADLINE
                if card.has(name)
            ]
            return f"<p>scorecard: {'; '.join(found)}</p>" if found else ""
    return ""


def _pictures(model: Autoencoder, shown: LabelledImages | None) -> str:
    """Images above their reconstructions; decoded draws where no images are at hand."""
    if shown is None:
        z = sample_latents(model, SHOWN, 0)
        rows, said = decode_bytes(model, z, even_labels(model, SHOWN)), "decoded draws of the prior"
    else:
        labels = shown.labels if model.classes else None
        found = reconstruct_images(model, shown.images, labels).images
        rows = np.concatenate([shown.images, found])
        said = "held-out images, and below them their reconstructions"
    picture = to_picture(contact_sheet(rows, len(rows) if shown is None else len(shown.images)))
    factor = max(1, SIDE // max(model.image_shape[:2]))
    size = picture.width * factor, picture.height * factor
    file = io.BytesIO()
    picture.resize(size, Image.Resampling.NEAREST).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure style="margin: 0.5em 0"><img alt="{said}" style="max-width: 100%" '
        f'src="data:image/png;base64,{data}"/><figcaption>{said}</figcaption></figure>'
    )

"""A finished run as a folder to hand on: its public files, a model card and its pictures."""

import io
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from reparam.data import contact_sheet, to_picture
from reparam.evaluation import decode_bytes, even_labels, reconstruct_images, sample_latents
from reparam.export.images import LabelledImages, comparison_sheet
from reparam.export.model_card import BEGINNING, CardOptions, model_card
from reparam.export.place import OwnFolder, write_folder
from reparam.export.public_run import RUN_FILES, write_public_run
from reparam.model import Autoencoder
from reparam.runs import Run

CARD, SAMPLES, RECONSTRUCTIONS = "README.md", "samples.png", "reconstructions.png"

PRETRAINED_FILES = (*RUN_FILES, CARD, SAMPLES, RECONSTRUCTIONS)
"""Every name that such a folder may have."""

PRETRAINED_FOLDER = OwnFolder(
    re.compile("|".join(map(re.escape, PRETRAINED_FILES))), CARD, BEGINNING
)

SHOWN = 64
"""Samples in the card's picture."""

COMPARED = 20
"""Images with their reconstructions."""

LEAST_SIDE = 64
"""Pixels that a small image is enlarged to."""


def pretrained_files(
    run: Run,
    *,
    options: CardOptions,
    shown: LabelledImages | None = None,
    name: str | None = None,
    device: str = "cpu",
) -> dict[str, bytes]:
    """The folder's files, by name.

    ``shown``: images that the card may show with their reconstructions: whoever sees the card sees
    them. ``name``: of the model on the Hub. Raises RunError for a run that is unfinished or
    damaged, ExportError where a place of this machine would be left in the files.
    """
    run.finished("what is handed on is a finished run")
    model = run.load_model(device=device)
    pictures = _pictures(model, shown)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        card = write_public_run(run, model, folder)
        public = Run.open(folder)
        text = model_card(public, model, card, options, list(pictures), name)
        files = {file: folder / file for file in RUN_FILES}
        found = {file: path.read_bytes() for file, path in files.items() if path.exists()}
    return {CARD: text.encode(), **pictures, **found}


def save_pretrained(folder: Path, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
    """Writes `pretrained_files`: all of them, or none.

    Raises ConfigError where others exist or none can be written.
    """
    write_folder(folder, files, overwrite=overwrite, own=PRETRAINED_FOLDER, option="folder")


def _pictures(model: Autoencoder, shown: LabelledImages | None) -> dict[str, bytes]:
    z = sample_latents(model, SHOWN, 0)
    samples = decode_bytes(model, z, even_labels(model, SHOWN))
    sheets = {SAMPLES: contact_sheet(samples)}
    if shown is not None:
        images = shown.images[:COMPARED]
        labels = None if shown.labels is None else shown.labels[:COMPARED]
        found = reconstruct_images(model, images, labels).images
        sheets[RECONSTRUCTIONS] = comparison_sheet(images, found)
    factor = max(1, LEAST_SIDE // max(model.image_shape[:2]))
    return {file: _png(sheet, factor) for file, sheet in sheets.items()}


def _png(sheet: np.ndarray, factor: int) -> bytes:
    picture = to_picture(sheet)
    size = picture.width * factor, picture.height * factor
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.NEAREST).save(buffer, "png")
    return buffer.getvalue()

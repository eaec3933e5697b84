"""A finished run as a folder for others: its public files, a model card and its pictures."""

import re
from pathlib import Path

from PIL import Image

from reparam.data import contact_sheet, sheet_picture
from reparam.evaluation import decode_bytes, even_labels, reconstruct_images, sample_latents
from reparam.export.images import LabelledImages, comparison_sheet
from reparam.export.model_card import FRONT_MATTER_START, CardOptions, model_card
from reparam.export.place import OwnFolder, new_folder
from reparam.export.public_run import RUN_FILES, check_places, write_public_run
from reparam.model import Autoencoder
from reparam.runs import Run

CARD, SAMPLES, RECONSTRUCTIONS = "README.md", "samples.png", "reconstructions.png"

PRETRAINED_FILES = (*RUN_FILES, CARD, SAMPLES, RECONSTRUCTIONS)
"""Every name that such a folder may have."""

PRETRAINED_FOLDER = OwnFolder(
    re.compile("|".join(map(re.escape, PRETRAINED_FILES))), CARD, FRONT_MATTER_START
)

FINISHED_ONLY = "what is shared must be a finished run"
"""The rule that an unfinished run is refused with."""

SHOWN = 64
"""Samples in the card's picture."""

COMPARED = 20
"""Images with their reconstructions."""


def save_pretrained(
    path: Path,
    run: Run,
    card: CardOptions,
    *,
    shown: LabelledImages | None = None,
    name: str | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    option: str = "folder",
) -> None:
    """Writes the folder ``path``, which ``option`` gave: a whole one, or none.

    ``shown``: images that the card may show with their reconstructions: whoever sees the card sees
    them. ``name``: of the model on the Hub. Raises RunError for a run that is unfinished or
    damaged, ExportError where a file would name a folder of this machine, ConfigError where others
    exist in ``path`` or none can be written.
    """
    run.finished(FINISHED_ONLY)
    own = PRETRAINED_FOLDER
    with new_folder(path, overwrite=overwrite, own=own, option=option) as folder:
        model = run.load_model(device=device)
        scorecard = write_public_run(run, model, folder)
        check_places(folder, run)
        pictures = _pictures(model, shown)
        for file, picture in pictures.items():
            picture.save(folder / file)
        text = model_card(Run.open(folder), model, scorecard, card, list(pictures), name)
        (folder / CARD).write_text(text, encoding="utf-8", newline="\n")


def _pictures(model: Autoencoder, shown: LabelledImages | None) -> dict[str, Image.Image]:
    z = sample_latents(model, SHOWN, 0)
    samples = decode_bytes(model, z, even_labels(model, SHOWN))
    sheets = {SAMPLES: contact_sheet(samples)}
    if shown is not None:
        images = shown.images[:COMPARED]
        labels = None if shown.labels is None else shown.labels[:COMPARED]
        found = reconstruct_images(model, images, labels).images
        sheets[RECONSTRUCTIONS] = comparison_sheet(images, found)
    side = max(model.image_shape[:2])
    return {file: sheet_picture(sheet, side) for file, sheet in sheets.items()}

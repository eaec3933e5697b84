"""Which images a command puts through a run's model: the run's own, or others."""

import os
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np

from reparam.cli.reading import reading_progress
from reparam.data import DataConfig, ImageSet, load_images, read_images
from reparam.errors import RunError
from reparam.evaluation import check_images
from reparam.export import LabelledImages
from reparam.model import Autoencoder
from reparam.runs import Run
from reparam.types import IndexArray, PixelArray

RUNS_OWN = DataConfig(source="")
"""The default of the commands that take images: those that the run was trained on."""

SplitChoice = Literal["auto", "all", "train", "valid", "test"]


@dataclass(frozen=True)
class Selection:
    """Images of a set, and which of the set's they are: ``index`` (N)."""

    name: str
    split: str
    index: IndexArray
    labelled: LabelledImages

    @property
    def images(self) -> PixelArray:
        return self.labelled.images

    def label_names(self) -> tuple[str, ...] | None:
        """The class's name of each image."""
        labels = self.labelled.labels
        return None if labels is None else tuple(self.labelled.class_names[i] for i in labels)


def select_images(run: Run, model: Autoencoder, given: DataConfig, split: SplitChoice) -> Selection:
    """The run's own held-out images, or all of a ``given.source``; ``split`` may say otherwise.

    Options in ``given`` without a source change how the run's own images are read. A folder's
    images are brought to the size and channels of the run's unless ``given`` says otherwise.

    Says on stderr which images they are. Raises what `load_images` raises, RunError for images that
    the run cannot find again, ShapeError for images that are not of the model's size.
    """
    if given.source:
        config = _like_the_runs(given, run)
        read = read_images if split in ("auto", "all") else load_images
        with reading_progress() as progress:
            images = read(config, progress)
        chosen = "all" if split == "auto" else split
    else:
        images = _own_images(run, given)
        chosen = images.held_out() if split == "auto" else split
    selection = _part(images, chosen)
    check_images(model, selection.images)
    source = given.source or images.name
    print(f"{len(selection.images)} images of {source} ({chosen})", file=sys.stderr)
    return selection


def _part(images: ImageSet, split: str) -> Selection:
    index = np.arange(len(images))
    if split != "all":
        index = np.asarray(images.splits[split])  # type: ignore[index]
    if not len(index):
        raise RunError(f"{images.name}: its {split} split is empty. Fix: choose another --split")
    labels = None if images.labels is None else images.labels[index]
    # All of a set that is mapped from disk may be more than there is memory for.
    pixels = images.images if split == "all" else images.images[index]
    labelled = LabelledImages(pixels, labels, images.class_names)
    return Selection(images.name, split, index, labelled)


def _like_the_runs(given: DataConfig, run: Run) -> DataConfig:
    """``given``, with the run's size and channels where it is a folder and says nothing of them."""
    if not os.path.isdir(os.path.expanduser(given.source)):
        return given
    height, width, channels = run.facts.image_shape
    given = replace(given, image_size=given.image_size or (height, width))
    if given.channels is None and channels in (1, 3):
        return replace(given, channels=1 if channels == 1 else 3)
    return given


def _own_images(run: Run, given: DataConfig) -> ImageSet:
    own = run.config.data
    run.check_has_source()
    changed = {
        field.name: getattr(given, field.name)
        for field in fields(DataConfig)
        if getattr(given, field.name) != getattr(RUNS_OWN, field.name)
    }
    with reading_progress() as progress:
        return load_images(replace(own, **changed), progress)


def default_out(run: Run, name: str) -> Path:
    """Beside the run: RUN/export/NAME."""
    return run.path / "export" / name

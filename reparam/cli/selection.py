"""Which images a command puts through a run's model: the run's own, or others."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np

from reparam.cli.classes import OWN_LABELS, ClassChoice
from reparam.cli.reading import reading_progress
from reparam.data import (
    ARRAY_SUFFIXES,
    USED_BY,
    DataConfig,
    ImageSet,
    kind_of,
    load_images,
    read_images,
    sizes_in_files,
)
from reparam.errors import RunError
from reparam.evaluation import check_images
from reparam.export import LabelledImages
from reparam.fields import as_path
from reparam.model import Autoencoder, labels_of
from reparam.printable import note
from reparam.runs import EXPORTS, Run
from reparam.types import IndexArray, Json, LabelArray, PixelArray

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
    """For a conditional run with a class of each: its own, or what the classifier finds."""
    config: DataConfig
    """How they were read."""
    given: LabelArray | None = None
    """The labels alone, as the run's classes, −1 where the classifier is to find it; None without.
    A loss is of these: an unknown label has no error."""

    @property
    def images(self) -> PixelArray:
        return self.labelled.images

    def sizes_in_files(self) -> list[tuple[int, int]] | None:
        """Height and width of each in its file, of the part that is shown; None of other sources.

        Raises as `reparam.data.sizes_in_files`.
        """
        files = self.labelled.files
        return None if files is None else sizes_in_files(self.config, files)


def select_images(
    run: Run,
    model: Autoencoder,
    given: DataConfig,
    split: SplitChoice,
    choice: ClassChoice = OWN_LABELS,
    *,
    quiet: bool = False,
) -> Selection:
    """The run's own held-out images, or all of a ``given.source``; ``split`` may say otherwise.

    Options in ``given`` without a source change how the run's own images are read. Others are read
    as the run's were (size, channels, fit, range, ...) unless ``given`` says otherwise. For a
    conditional run their labels are those of the run's classes, by name, or of the ``choice``.

    Says on stderr which images they are. Raises what `load_images` raises, RunError for images that
    the run cannot find again or that have changed since, ShapeError for images that are not of the
    model's size.
    """
    choice.labels(run, (), 0, given.source)  # a class that is refused, before images are read
    if split not in ("auto", "all") and names_the_runs(given, run):
        given = replace(given, source="")  # a split of them is the run's: it was held out then
    if given.source:
        config = like_the_runs(given, run)
        read = read_images if split in ("auto", "all") else load_images
        with reading_progress(quiet=quiet) as progress:
            images = read(config, progress)
        chosen = "all" if split == "auto" else split
        selection = _part(images, chosen, config)
        check_images(model, selection.images)
        note(f"{len(selection.images)} images of {given.source} ({chosen})")
    else:
        _, selection = own_selection(run, given, split, quiet=quiet)
        check_images(model, selection.images)
    return _classed(selection, run, model, choice)


def _classed(selection: Selection, run: Run, model: Autoencoder, choice: ClassChoice) -> Selection:
    """With labels that a conditional run can read: their own, or what its classifier finds."""
    own = selection.labelled
    given = choice.labels(run, own.label_names(), len(own.images), selection.name)
    labels = labels_of(model, own.images, given)
    if labels is None:
        return selection
    labelled = replace(own, labels=labels, class_names=run.facts.class_names)
    return replace(selection, labelled=labelled, given=given)


def own_selection(
    run: Run, given: DataConfig, split: SplitChoice, *, quiet: bool = False
) -> tuple[ImageSet, Selection]:
    """The run's own images, read as ``given`` says where it says something, and those of a split.

    Says on stderr which they are. Raises what `load_images` raises, and RunError for images that
    the run cannot find again or that have changed since.
    """
    images = own_images(run, given, quiet=quiet)
    chosen = images.held_out() if split == "auto" else split
    selection = _part(images, chosen, _own_config(run, given))
    note(f"{len(selection.images)} images of {images.name} ({chosen})")
    return images, selection


def names_the_runs(given: DataConfig, run: Run) -> bool:
    """Whether it names the pictures that the run was trained on."""
    here, there = (as_path(data.source).resolve() for data in (given, run.config.data))
    return bool(given.source) and here == there


def places_of(given: DataConfig) -> DataConfig:
    """The options that say where the run's own images are, and no others."""
    return replace(RUNS_OWN, **{name: getattr(given, name) for name in OF_PLACES})


def _part(images: ImageSet, split: str, config: DataConfig) -> Selection:
    index = np.arange(len(images))
    if split != "all":
        index = np.asarray(images.splits[split])  # type: ignore[index]
    if not len(index):
        raise RunError(f"{images.name}: its {split} split is empty. Fix: choose another --split")
    labels = None if images.labels is None else images.labels[index]
    # All of a set that is mapped from disk may be more than there is memory for.
    pixels = images.images if split == "all" else images.images[index]
    files = None if images.files is None else tuple(images.files[i] for i in index)
    labelled = LabelledImages(pixels, labels, images.class_names, files)
    return Selection(images.name, split, index, labelled, config)


OF_PLACES = ("data_dir", "mirrors")
"""Options that say where the same images are."""


def like_the_runs(given: DataConfig, run: Run) -> DataConfig:
    """``given``, with the run's options where it says nothing of them and has a use for them."""
    height, width, channels = run.facts.image_shape
    was = run.config.data
    own: Json = {}
    kind, was_array = kind_of(given.source), Path(was.source).suffix.lower() in ARRAY_SUFFIXES
    if kind == "folder":
        own = {"image_size": (height, width), "fit": was.fit, "skip_broken": was.skip_broken}
        own |= {"pages": was.pages, "split_folders": was.split_folders}
        own["channels"] = channels if channels in (1, 3) else None
        own["pixel_range"] = None if was_array else was.pixel_range
    elif kind == "array" and was_array:
        own = {name: getattr(was, name) for name, users in USED_BY.items() if kind in users}
    plain = DataConfig()
    missing = {n: v for n, v in own.items() if getattr(given, n) == getattr(plain, n)}
    return replace(given, **missing)


def _own_config(run: Run, given: DataConfig) -> DataConfig:
    """How the run's own images are read, where ``given`` changes some of it."""
    return replace(run.config.data, **_changed(given))


def _changed(given: DataConfig) -> Json:
    return {
        field.name: getattr(given, field.name)
        for field in fields(DataConfig)
        if getattr(given, field.name) != getattr(RUNS_OWN, field.name)
    }


def own_images(run: Run, given: DataConfig, *, quiet: bool) -> ImageSet:
    """The run's own images, read as ``given`` says where it says something. Raises as
    `own_selection`.
    """
    own = run.config.data
    run.check_has_source()
    with reading_progress(quiet=quiet) as progress:
        images = load_images(_own_config(run, given), progress)
    if _changed(given).keys() <= set(OF_PLACES) and images.fingerprint() != run.facts.fingerprint:
        raise RunError(
            f"{run.path}: {images.name} has other images or splits than when the run began: some "
            "that are held out now may have been trained on. Fix: restore the data, or name it as "
            f"DATA ({own.source}) to take all of its images"
        )
    return images


def default_out(run: Run, name: str) -> Path:
    """Beside the run: RUN/export/NAME."""
    return run.path / EXPORTS / name

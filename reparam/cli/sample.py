"""reparam sample: new images from the prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reparam.cli.classes import class_labels
from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.selection import default_out
from reparam.errors import ConfigError
from reparam.evaluation import decode_bytes, even_labels, sample_latents
from reparam.export import (
    LabelledImages,
    LatentTable,
    check_target,
    write_images,
    write_latents,
)
from reparam.fields import MOST_SEED, check_options, option
from reparam.model import Autoencoder
from reparam.printable import note, say
from reparam.runs import Run
from reparam.types import LabelArray

COUNT = 100
"""How many images are drawn by default."""


@dataclass(frozen=True)
class SampleOptions:
    """Draw latents from the prior and decode them to images.

    The prior is the one that `reparam fit-prior` fitted, or else the one that the run was trained
    with. An AE has none: it draws from the box of its training latents. A folder also gets the
    latents, as latents.csv.

    Examples:
      reparam sample runs/digits-vae -n 16 --out samples/
      reparam sample runs/digits-cvae --class 3 --seed 1
    """

    run: Path = RUN
    """The run folder."""

    count: int | None = option(None, alias="-n", least=1)
    """How many images; 100 by default."""

    class_name: str | None = option(None, flag="class")
    """Of a conditional run: the class of all images, by its name or number. By default every class
    in turn, so that there are equally many of each."""

    per_class: int | None = option(None, least=1)
    """Of a conditional run: so many images of each class, one class after the other, instead of
    --count."""

    seed: int = option(0, least=0, most=MOST_SEED)
    """Seed of the draw; the same seed gives the same images."""

    out: Path | None = None
    """A folder, or an .npz or .npy file; by default RUN/export/samples."""

    overwrite: bool = False
    """Replace the results that exist in --out."""

    compute: Compute = Compute()

    def __post_init__(self) -> None:
        check_options(self)
        if self.per_class is not None and self.class_name is not None:
            raise ConfigError("per_class must come alone, got a class too. Fix: omit one")
        if self.per_class is not None and self.count is not None:
            raise ConfigError("per_class must come alone, got a count too. Fix: omit one")


def _labels(run: Run, model: Autoencoder, options: SampleOptions) -> LabelArray | None:
    """Of a conditional run: the classes to sample. Raises ConfigError for a class of another."""
    if options.class_name is not None or not model.classes:
        if options.per_class is not None:
            raise ConfigError(
                f"--per-class must be of a conditional run, got one that reads no labels "
                f"({run.path}). Fix: take --count, or train with --model cvae"
            )
        return class_labels(run, options.class_name, None, options.count or COUNT, "--class")
    if options.per_class is not None:
        return np.repeat(np.arange(model.classes), options.per_class)
    return even_labels(model, options.count or COUNT)


def run(args: Sequence[str]) -> int:
    options = parse(SampleOptions(), args, prog="reparam sample")
    folder = Run.open(options.run)
    out = options.out or default_out(folder, "samples")
    check_target(out, overwrite=options.overwrite)
    model = folder.load_model(device=options.compute.chosen())
    labels = _labels(folder, model, options)
    count = (options.count or COUNT) if labels is None else len(labels)
    z = sample_latents(model, count, options.seed)
    note(f"{len(z)} draws from {model.prior.describe()}, seed {options.seed}")
    images = LabelledImages(decode_bytes(model, z, labels), labels, folder.facts.class_names)
    table = LatentTable(np.arange(len(z)), z, labels=images.label_names())
    write_images(
        out,
        images,
        overwrite=options.overwrite,
        extra=lambda place: write_latents(place / "latents.csv", table),
    )
    say(out)
    return 0

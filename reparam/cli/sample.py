"""reparam sample: new images from the prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.selection import default_out
from reparam.errors import ConfigError
from reparam.evaluation import decode_bytes, sample_latents
from reparam.export import (
    LabelledImages,
    LatentTable,
    check_target,
    write_images,
    write_latents,
)
from reparam.fields import option
from reparam.printable import note, say
from reparam.runs import Run


@dataclass(frozen=True)
class SampleOptions:
    """Draw latents from the prior and decode them to images.

    The prior is the one that `reparam fit-prior` fitted, or else the one that the run was trained
    with. An AE has none: it draws from the box of its training latents. A folder also gets the
    latents, as latents.csv.
    """

    run: Path = RUN
    """The run folder."""

    count: int = option(100, alias="-n")
    """How many images."""

    seed: int = 0
    """Seed of the draw; the same seed gives the same images."""

    out: Path | None = None
    """A folder, or an .npz or .npy file; by default RUN/export/samples."""

    overwrite: bool = False
    """Replace the results that exist in --out."""

    compute: Compute = Compute()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"count must be 1 or more, got {self.count}. Fix: raise it")
        if self.seed < 0:
            raise ConfigError(
                f"seed must be 0 or more, got {self.seed}. Fix: choose one, such as 0"
            )


def run(args: Sequence[str]) -> int:
    options = parse(SampleOptions(), args, prog="reparam sample")
    folder = Run.open(options.run)
    out = options.out or default_out(folder, "samples")
    check_target(out, overwrite=options.overwrite)
    model = folder.load_model(device=options.compute.chosen())
    z = sample_latents(model, options.count, options.seed)
    note(f"{len(z)} draws from {model.prior.describe()}, seed {options.seed}")
    table = LatentTable(np.arange(len(z)), z)
    write_images(
        out,
        LabelledImages(decode_bytes(model, z)),
        overwrite=options.overwrite,
        extra=lambda place: write_latents(place / "latents.csv", table),
    )
    say(out)
    return 0

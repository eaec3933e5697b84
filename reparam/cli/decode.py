"""reparam decode: latents to images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reparam.cli.classes import ClassChoice
from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.selection import default_out
from reparam.evaluation import decode_bytes
from reparam.export import (
    LabelledImages,
    check_target,
    read_files,
    read_labels,
    read_latents,
    write_images,
)
from reparam.fields import option
from reparam.printable import note, say
from reparam.runs import Run


@dataclass(frozen=True)
class DecodeOptions:
    """Decode latents to images: single ones and a contact sheet, or one array file.

    Examples:
      reparam decode runs/digits-vae latents.csv
      reparam decode runs/digits-vae latents.npy --out decoded/
    """

    run: Path = RUN
    """The run folder."""

    latents: Path = option(Path(), positional="LATENTS", required=True)
    """A .csv or .parquet table with columns z1, z2, ... (as encode writes it), or an .npy or .npz
    file of an array with a row for each latent. For a conditional run also label, the class. With
    a column file (as encode writes it for a folder) the pictures are named by it."""

    out: Path | None = None
    """A folder, or an .npz or .npy file; by default RUN/export/decoded."""

    overwrite: bool = False
    """Replace the results that exist in --out."""

    choice: ClassChoice = ClassChoice()

    compute: Compute = Compute()


def run(args: Sequence[str]) -> int:
    options = parse(DecodeOptions(), args, prog="reparam decode")
    folder = Run.open(options.run)
    out = options.out or default_out(folder, "decoded")
    check_target(out, overwrite=options.overwrite)
    model = folder.load_model(own_prior=True, device=options.compute.chosen())
    z = read_latents(options.latents, model.latent_dim)
    names = read_labels(options.latents) if model.classes else None
    files = read_files(options.latents)
    note(f"{len(z)} latents of {options.latents}")
    labels = options.choice.labels(folder, names, len(z), str(options.latents), of_images=False)
    pictures = decode_bytes(model, z, labels)
    images = LabelledImages(pictures, labels, folder.facts.class_names, files)
    write_images(out, images, overwrite=options.overwrite)
    say(out)
    return 0

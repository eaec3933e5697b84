"""reparam push: a run to the Hugging Face Hub."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.selection import RUNS_OWN, own_selection
from reparam.data import NAMED_SOURCES
from reparam.export import (
    FINISHED_ONLY,
    PRETRAINED_FOLDER,
    CardOptions,
    LabelledImages,
    check_folder_free,
    check_hub,
    check_hub_name,
    check_prior_is_public,
    push,
    save_pretrained,
)
from reparam.fields import option
from reparam.printable import note, say
from reparam.runs import SCORECARD, Run, command_line


@dataclass(frozen=True)
class PushOptions:
    """Put a finished run on the Hugging Face Hub, as a model with a card.

    Weights, options, metrics and the scorecard (`reparam score`) become public with it, the names
    of the classes and of the data too. Folders of this machine do not, nor checkpoints. Needs the
    extra hub, and a token: HF_TOKEN, or `hf auth login`.

    Examples:
      reparam push runs/digits-vae someone/digits-vae --license mit
      reparam push runs/faces-vae someone/faces-vae --folder look/
    """

    run: Path = RUN
    """The run folder."""

    name: str = option("", positional="USER/NAME", required=True)
    """Of the model on the Hub; it is made where there is none."""

    private: bool = False
    """Make a private model. One that exists and is public is refused."""

    reconstructions: Literal["auto", "yes", "no"] = "auto"
    """Show 20 of the run's held-out images with their reconstructions in the card: whoever sees the
    card sees them. auto: of digits, mnist and fashion-mnist alone."""

    training_images: bool = False
    """Also where the model's prior is made of training images, as those of exemplar, vamp and
    chain-vamp are: whoever has the weights can see them. Without it such a run is not sent."""

    folder: Path | None = None
    """Write the files to this folder, to be looked at, and send nothing."""

    overwrite: bool = False
    """Replace the files that exist in --folder."""

    quiet: bool = False
    """No progress."""

    card: CardOptions = field(default=CardOptions())

    compute: Compute = Compute("cpu")


def run(args: Sequence[str]) -> int:
    options = parse(PushOptions(), args, prog="reparam push")
    if options.folder is None:
        check_hub(options.name)
    else:
        check_hub_name(options.name)
    found = Run.open(options.run)
    found.finished(FINISHED_ONLY)
    if options.folder is not None:
        check_folder_free(
            options.folder,
            overwrite=options.overwrite,
            own=PRETRAINED_FOLDER,
            option="--folder",
        )
    model = found.load_model(own_prior=True)  # refused before the images are read
    if options.folder is None and not options.training_images:
        check_prior_is_public(model, str(found.path), "--training-images")
    if options.folder is not None:
        _write(options, found, options.folder)
        say(options.folder)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "model")
        _write(options, found, folder)
        size = sum(file.stat().st_size for file in folder.iterdir())
        note(f"{size:,} bytes to {options.name} ...")
        say(push(options.name, folder, private=options.private))
    return 0


def _write(options: PushOptions, run: Run, folder: Path) -> None:
    save_pretrained(
        folder,
        run,
        options.card,
        shown=_shown(run, options.reconstructions, quiet=options.quiet),
        name=options.name,
        device=options.compute.chosen(),
        overwrite=options.overwrite,
        option="--folder",
    )
    if not (folder / SCORECARD).exists():
        note(f"the card has no scorecard; `{command_line('score', [str(run.path)])}` makes one")


def _shown(run: Run, wanted: str, *, quiet: bool) -> LabelledImages | None:
    if wanted == "no" or (wanted == "auto" and run.config.data.source not in NAMED_SOURCES):
        return None
    return own_selection(run, RUNS_OWN, "auto", quiet=quiet)[1].labelled

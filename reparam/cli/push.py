"""reparam push: a run onto the Hugging Face Hub."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.selection import RUNS_OWN, own_selection
from reparam.data import NAMED_SOURCES
from reparam.export import (
    CardOptions,
    LabelledImages,
    check_hub,
    pretrained_files,
    push,
    save_pretrained,
)
from reparam.fields import option
from reparam.printable import note, say, several
from reparam.runs import Run


@dataclass(frozen=True)
class PushOptions:
    """Put a finished run on the Hugging Face Hub, as a model with a card.

    Weights, options, metrics and the scorecard (`reparam score`) become public with it, the names
    of the classes and of the data too. Places of this machine do not, nor checkpoints. Needs the
    extra hub, and a token: HF_TOKEN, or `hf auth login`.
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

    folder: Path | None = None
    """Write the files to this folder, to be looked at, and send nothing."""

    card: CardOptions = field(default=CardOptions())

    compute: Compute = Compute("cpu")


def run(args: Sequence[str]) -> int:
    options = parse(PushOptions(), args, prog="reparam push")
    folder = Run.open(options.run)
    folder.finished("what is handed on is a finished run")
    if options.folder is None:
        check_hub(options.name)
    files = pretrained_files(
        folder,
        options=options.card,
        shown=_shown(folder, options.reconstructions),
        name=options.name,
        device=options.compute.chosen(),
    )
    if options.folder is not None:
        save_pretrained(options.folder, files)
        say(options.folder)
        return 0
    size = sum(map(len, files.values()))
    note(f"{several(len(files), 'file')} of {size:,} bytes to {options.name} ...")
    say(push(options.name, files, private=options.private))
    return 0


def _shown(run: Run, wanted: str) -> LabelledImages | None:
    if wanted == "no" or (wanted == "auto" and run.config.data.source not in NAMED_SOURCES):
        return None
    return own_selection(run, RUNS_OWN, "auto")[1].labelled

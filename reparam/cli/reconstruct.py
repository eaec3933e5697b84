"""reparam reconstruct: images through encoder and decoder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reparam.cli.classes import ClassChoice
from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.refining import Refining
from reparam.cli.selection import RUNS_OWN, SplitChoice, default_out, select_images
from reparam.cli.tables import print_quality
from reparam.data import DataConfig
from reparam.evaluation import reconstruct_images
from reparam.export import check_target, comparison_sheet, write_images
from reparam.printable import say
from reparam.runs import Run


@dataclass(frozen=True)
class ReconstructOptions:
    """Encode images and decode them again, without sampling, and say how close they come.

    DATA is a name, an .npz or .npy file, or a folder of images, which are brought to the run's
    size; by default it is the run's own images. The sheet shows the originals above the
    reconstructions; pictures.csv has the figures of each, with its file's name in a folder.

    Examples:
      reparam reconstruct runs/digits-vae
      reparam reconstruct runs/photos-vae new/ --out reconstructed/
    """

    run: Path = RUN
    """The run folder."""

    data: DataConfig = RUNS_OWN

    out: Path | None = None
    """A folder, or an .npz or .npy file; by default RUN/export/reconstructions."""

    split: SplitChoice = "auto"
    """Which images; auto takes the test images of the run's own, and all of DATA."""

    overwrite: bool = False
    """Replace the results that exist in --out."""

    refining: Refining = Refining()

    choice: ClassChoice = ClassChoice()

    compute: Compute = Compute()


def run(args: Sequence[str]) -> int:
    options = parse(ReconstructOptions(), args, prog="reparam reconstruct")
    folder = Run.open(options.run)
    out = options.out or default_out(folder, "reconstructions")
    check_target(out, overwrite=options.overwrite)
    model = folder.load_model(own_prior=True, device=options.compute.chosen())
    selection = select_images(
        folder, model, options.data, options.split, options.choice, quiet=options.refining.quiet
    )
    with options.refining.progress("reconstructing") as progress:
        found = reconstruct_images(
            model,
            selection.images,
            selection.labelled.labels,
            refine=options.refining.refine,
            progress=progress,
        )
    write_images(
        out,
        replace(selection.labelled, images=found.images),
        overwrite=options.overwrite,
        sheet=comparison_sheet(selection.images, found.images),
        scores=found.each,
    )
    print_quality({"reconstruction": found.quality})
    say(out)
    return 0

"""reparam encode: images to latents."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reparam.cli.classes import ClassChoice
from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.refining import Refining
from reparam.cli.selection import RUNS_OWN, SplitChoice, default_out, select_images
from reparam.data import DataConfig
from reparam.evaluation import evaluation_loss, moments_of, refined, scores_of
from reparam.export import LatentTable, check_latents_target, write_latents
from reparam.model import posteriors_of
from reparam.printable import say
from reparam.runs import Run


@dataclass(frozen=True)
class EncodeOptions:
    """Encode images to latents: the posterior's mean, and for a VAE its log-variance; with --refine
    what is found from that mean on.

    DATA is a name, an .npz or .npy file, or a folder of images, which are brought to the run's
    size; by default it is the run's own images. The table has the columns index (of the image in
    its set), file (in a folder), label (where there is none, what the model's classifier finds),
    z1, z2, ... and log_var1, log_var2, ...; --scores adds each image's losses.

    Examples:
      reparam encode runs/digits-vae --split all --out latents.csv
      reparam encode runs/photos-vae new/ --scores
    """

    run: Path = RUN
    """The run folder."""

    data: DataConfig = RUNS_OWN

    out: Path | None = None
    """A .csv, .parquet, .npz or .npy (means alone) file; by default RUN/export/latents.csv."""

    split: SplitChoice = "auto"
    """Which images; auto takes the test images of the run's own, and all of DATA."""

    scores: bool = False
    """Add a column for each term of the loss (but one with parameters or buffers of its own)
    and for the bound on the log-likelihood, in nats, and the squared error (summed over pixels).
    Images are scored as they are, also by a denoising model."""

    overwrite: bool = False
    """Replace the file that exists in --out."""

    refining: Refining = Refining()

    choice: ClassChoice = ClassChoice()

    compute: Compute = Compute()


def run(args: Sequence[str]) -> int:
    options = parse(EncodeOptions(), args, prog="reparam encode")
    folder = Run.open(options.run)
    out = options.out or default_out(folder, "latents.csv")
    check_latents_target(out, overwrite=options.overwrite)
    model = folder.load_model(own_prior=True, device=options.compute.chosen())
    selection = select_images(
        folder, model, options.data, options.split, options.choice, quiet=options.refining.quiet
    )
    images, labels = selection.images, selection.labelled.labels
    z, more = moments_of(posteriors_of(model, images, labels))
    if steps := options.refining.refine:
        with options.refining.progress("encoding") as progress:
            z = refined(model, images, labels, steps=steps, progress=progress)
    names, files = selection.labelled.label_names(), selection.labelled.files
    table = LatentTable(selection.index, z, more, names, files)
    if options.scores:
        loss = evaluation_loss(model, folder.config)
        scores = scores_of(loss, images, selection.given, seed=folder.config.seed)
        table = replace(table, scores=scores.columns)
    write_latents(out, table, overwrite=options.overwrite)
    say(out)
    return 0

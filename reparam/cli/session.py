"""One training session as the commands run it: progress, sample pictures, how to resume."""

import contextlib
import warnings
from collections.abc import Sequence
from pathlib import Path

from reparam.cli.progress import bits_of, progress_listener
from reparam.data import SPLITS, ImageSet
from reparam.extras import EXTRAS, install_line, lacks
from reparam.model import Autoencoder
from reparam.printable import note
from reparam.runs import SPLIT_IMAGES, Run, RunConfig, command_line
from reparam.training import Interrupted, Listener, Team, train, writers


def train_with_progress(
    run: Run,
    images: ImageSet,
    *,
    quiet: bool,
    again: str | None = None,
    team: Team | None = None,
    listeners: Sequence[Listener] = (),
) -> Autoencoder:
    """Trains, shows progress, and prints the final metrics, on stderr. ``listeners``: further ones.

    Raises Interrupted with a message that says how to continue: ``again``, or `reparam resume`.
    """
    config = run.config
    if not quiet:
        note(_plan(config, images))
    progress = progress_listener(config.preset, quiet=quiet)
    try:
        model = train(run, images, [progress, *writers(run), *listeners], team)
    except KeyboardInterrupt as error:
        kept = "before the first step"
        if isinstance(error, Interrupted):
            kept = "and everything up to here is saved"
        elif run.checkpoint.exists():  # not between two steps: asked twice, or after the last one
            kept = "and the last checkpoint is kept"
        again = again or run.resume_command
        raise Interrupted(f"stopped {kept}. Continue with: {again}") from None
    if not quiet:
        note(_final_metrics(run))
    return model


NEXT = {
    "report": "what it learnt, in pictures",
    "explore": "its latent space, decoded live",
    "score": "its measures",
    "sample": "new images",
}
"""Commands that people go on with after training, and what they give. What one needs beyond the
package's own dependencies is the extra of its name."""


def say_next(run: Run) -> None:
    """What to do with a trained run."""
    lines = {command: command_line(command, [str(run.path)]) for command in NEXT}
    width = max(map(len, lines.values()))
    note("next:")
    for command, line in lines.items():
        first = command in EXTRAS and lacks(command)
        note(f"  {line:{width}}  {NEXT[command]}" + f" (first: {install_line(command)})" * first)


def follow(path: Path, team: Team) -> None:
    """What the processes of a run do that are not its first: they train and say nothing.

    The first one has made the run folder when they have all found each other.
    """
    warnings.simplefilter("ignore")
    team.launch()
    run = Run.open(path)
    with contextlib.suppress(Interrupted):  # the first one says so
        train(run, run.images(), team=team)


def _plan(config: RunConfig, images: ImageSet) -> str:
    """What is about to be trained, in one line."""
    height, width, channels = images.image_shape
    counts = ", ".join(f"{len(images.splits[split])} {split}" for split in SPLITS)
    parts = [
        f"{config.preset}: {images.name}, {height} × {width} × {channels} ({counts} images), "
        f"{config.model.describe_latent()}, seed {config.seed}"
    ]
    if config.objective.has_rate:
        parts.append(config.model.likelihood.describe(height * width * channels))
    if config.inputs.binarise != "none":
        parts.append(config.inputs.describe())
    least = config.training.augment_below
    if config.training.augmentation and len(images.splits["train"]) >= least:
        parts.append(f"shown as they are, being many (--augment-below {least})")
    return "; ".join(parts)


def _final_metrics(run: Run) -> str:
    result = run.finished("its final metrics are of a finished run")
    split = next(s for s in ("test", "valid", "train") if s in result.splits)
    losses = result.splits[split]
    weight = ""
    if run.config.model.likelihood.searches_weight:
        found = result.weight
        weight = f"weight {found['r_loss_factor']:.4g}, σ {found['sigma']:.4g}; "
    article = ""
    if "loss_article" in losses:
        article = f", loss {losses['loss_article']:.4g} (article's units)"
    return (
        f"{run.path}: {weight}best epoch {result.best_epoch} of {result.epochs}; on "
        f"{losses[SPLIT_IMAGES]:.0f} {split} images mse {losses['mse']:.5f} (PSNR "
        f"{losses['psnr']:.2f} dB){article}, {losses['loss_nats']:.1f} nats "
        f"({bits_of(losses)}); {result.seconds:.0f} s at "
        f"{result.images_per_second:,.0f} images/s"
    )

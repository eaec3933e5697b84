"""One training session as the commands run it: progress, sample pictures, how to go on."""

import contextlib
import shlex
import sys
import warnings
from pathlib import Path

from reparam.cli.progress import progress_listener
from reparam.data import SPLITS, ImageSet
from reparam.model import Autoencoder
from reparam.training import (
    Interrupted,
    Listener,
    Run,
    RunConfig,
    Team,
    TrainingConfig,
    assemble,
    sample_writer,
    tensorboard_writer,
    train,
)


def train_with_progress(
    run: Run,
    images: ImageSet,
    *,
    quiet: bool,
    again: str | None = None,
    team: Team | None = None,
) -> Autoencoder:
    """Trains, shows how it goes, and says at the end, on stderr, what came of it.

    Raises Interrupted with a message that says how to go on: ``again``, or `reparam resume`.
    """
    config = run.config()
    if not quiet:
        print(_plan(config, images), file=sys.stderr)
    listeners: list[Listener] = [progress_listener(config.preset, quiet=quiet)]
    if config.training.sample_every:
        listeners.append(sample_writer(run, config.training.sample_every, config.seed))
    if config.training.tensorboard:
        listeners.append(tensorboard_writer(run))
    try:
        model = train(run, images, listeners, team)
    except KeyboardInterrupt:
        again = again or f"reparam resume {shlex.quote(str(run.path))}"
        raise Interrupted(f"stopped; everything up to here is saved. Go on with: {again}") from None
    if not quiet:
        print(_verdict(run), file=sys.stderr)
    return model


def follow(path: Path, processes: TrainingConfig) -> None:
    """What the processes of a run do that are not its first: they train and say nothing.

    The first one has made the run folder when they have all found each other.
    """
    warnings.simplefilter("ignore")
    team = assemble(processes)
    run = Run.open(path)
    with contextlib.suppress(Interrupted):  # the first one says so
        train(run, run.images(), team=team)


def _plan(config: RunConfig, images: ImageSet) -> str:
    """What is about to be trained, in one line."""
    height, width, channels = images.image_shape
    counts = ", ".join(f"{len(images.splits[split])} {split}" for split in SPLITS)
    line = (
        f"{config.preset}: {images.name}, {height} × {width} × {channels} ({counts} images), "
        f"{config.model.latent_dim} latent dimensions, seed {config.seed}"
    )
    units = config.objective.in_words(config.model.likelihood, height * width * channels)
    return f"{line}; {units}" if config.objective.regulariser != "none" else line


def _verdict(run: Run) -> str:
    result = run.result() or {}
    split = next(s for s in ("test", "valid", "train") if s in result)
    losses = result[split]
    found = article = ""
    if run.config().objective.sought:
        weight = result["weight"]
        found = f"weight {weight['r_loss_factor']:.4g}, σ {weight['sigma']:.4g}; "
    if "loss_article" in losses:
        article = f"mse {losses['mse']:.5f}, loss {losses['loss_article']:.4g} (article's units), "
    return (
        f"{run.path}: {found}best epoch {result['best_epoch']} of {result['epochs']}; on "
        f"{losses['images']} {split} images {article}{losses['loss_nats']:.1f} nats; "
        f"{result['seconds']:.0f} s at {result['images_per_second']:,.0f} images/s"
    )

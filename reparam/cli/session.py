"""One training session as the commands run it: progress, sample pictures, how to go on."""

import sys

from reparam.cli.progress import progress_listener
from reparam.data import ImageSet
from reparam.model import Autoencoder
from reparam.training import (
    Interrupted,
    Listener,
    Run,
    sample_writer,
    tensorboard_writer,
    train,
)


def train_with_progress(run: Run, images: ImageSet, *, quiet: bool) -> Autoencoder:
    """Trains, shows how it goes, and says at the end, on stderr, what came of it.

    Raises Interrupted with a message that says how to resume.
    """
    config = run.config()
    listeners: list[Listener] = [progress_listener(config.preset, quiet=quiet)]
    if config.training.sample_every:
        listeners.append(sample_writer(run, config.training.sample_every, config.seed))
    if config.training.tensorboard:
        listeners.append(tensorboard_writer(run))
    try:
        model = train(run, images, listeners)
    except Interrupted:
        raise Interrupted(
            f"stopped; everything up to here is saved. Go on with: reparam resume {run.path}"
        ) from None
    if not quiet:
        print(_verdict(run), file=sys.stderr)
    return model


def _verdict(run: Run) -> str:
    result = run.result() or {}
    split = next(s for s in ("test", "valid", "train") if s in result)
    losses = result[split]
    return (
        f"{run.path}: best epoch {result['best_epoch']} of {result['epochs']}; on "
        f"{losses['images']} {split} images mse {losses['mse']:.5f}, loss "
        f"{losses['loss_article']:.4g} (article's units), {losses['loss_nats']:.1f} nats; "
        f"{result['seconds']:.0f} s at {result['images_per_second']:,.0f} images/s"
    )

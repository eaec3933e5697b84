"""Listeners that write: sample pictures into the run folder, and what its loggers get."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import torch

from reparam.data import to_bytes, to_picture
from reparam.runs import Run, write_atomically
from reparam.training.events import Event, Listener, StepDone
from reparam.training.tracking import Sampled, SampleListener, logging_listener


def writers(run: Run, *, samples: bool = True) -> list[Listener]:
    """What a run's options say is to be written beside its metrics and weights.

    ``samples``: sample pictures too, where nobody but its loggers wants them. Raises ConfigError
    where a logger's package is not installed.
    """
    training = run.config.training
    loggers: list[SampleListener] = []
    if training.loggers:
        loggers.append(logging_listener(run))
    if training.sample_every and (samples or loggers):
        return [sample_writer(run, training.sample_every, run.config.seed, loggers), *loggers]
    return [*loggers]


def sample_writer(
    run: Run, every: int, seed: int, listeners: Sequence[SampleListener] = ()
) -> Listener:
    """Decodes a latent from N(0, I) to samples/, first thing and then every ``every`` batches, and
    tells the ``listeners`` of it.

    The latent is drawn from the seed and the step alone, so the run's own random streams do not
    notice.
    """

    def listen(event: Event) -> None:
        if not isinstance(event, StepDone) or (event.batch - 1) % every:
            return
        model = event.model
        generator = torch.Generator().manual_seed(_stream(seed, event.epoch, event.batch))
        z = torch.randn(1, model.latent_dim, generator=generator)
        model.eval()
        with torch.no_grad():
            decoded = model.decode(z.to(model.device), model.some_labels(1))
        model.train()
        name = f"epoch_{event.epoch:04d}_batch_{event.batch:05d}.png"
        png = BytesIO()
        to_picture(to_bytes(decoded)[0]).save(png, format="png")
        # Not durable: training does not wait for the disk because of a picture.
        write_atomically(run.samples / name, png.getvalue(), durable=False)
        for told in listeners:
            told(Sampled(event.epoch, event.batch, run.samples / name))

    return listen


def _stream(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0])

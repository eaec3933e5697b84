"""Listeners that write into the run folder: sample pictures, TensorBoard."""

import importlib.util
from io import BytesIO

import numpy as np
import torch

from reparam.data import to_picture
from reparam.errors import ConfigError
from reparam.model import to_bytes
from reparam.runs import Run, write_atomically
from reparam.training.events import Ended, EpochDone, Event, Listener, StepDone


def sample_writer(run: Run, every: int, seed: int) -> Listener:
    """Decodes a latent from N(0, I) to samples/, first thing and then every ``every`` batches.

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

    return listen


def _stream(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0])


def check_tensorboard() -> None:
    """Raises ConfigError when the package is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise ConfigError(
            "--tensorboard needs the package tensorboard, which is not installed: "
            "pip install 'reparam[tensorboard]'"
        )


def tensorboard_writer(run: Run) -> Listener:
    """Writes every epoch's metrics to tensorboard/. Raises ConfigError without the package."""
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(run.path / "tensorboard")

    def listen(event: Event) -> None:
        if isinstance(event, EpochDone):
            for name, value in event.metrics.to_mapping().items():
                if name not in ("epoch", "warnings"):
                    writer.add_scalar(name, value, event.metrics.epoch)
        elif isinstance(event, Ended):
            writer.close()

    return listen

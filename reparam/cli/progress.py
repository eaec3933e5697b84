"""Progress on the terminal: a bar where there is one, plain lines elsewhere. All on stderr."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from reparam.cli.terminal import Terminal, title_column
from reparam.model import LossUnit, shown_terms
from reparam.printable import note, printable
from reparam.training import (
    BackedOff,
    Ended,
    EpochDone,
    Event,
    Listener,
    Started,
    StepDone,
    Warned,
)

REFRESH_SECONDS = 0.2


def progress_listener(title: str, *, quiet: bool) -> Listener:
    """A bar in a terminal, a line an epoch elsewhere, nothing when quiet."""
    if quiet:
        return lambda _event: None
    console = Terminal(stderr=True)
    return _bar(title, console) if console.is_terminal else _lines(title)


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"


@dataclass
class _Pace:
    """What a display remembers between events."""

    epochs: int = 0
    steps_per_epoch: int = 0
    images_per_epoch: int = 0
    images_seen: int = 0
    seconds: float = 0.0
    began: float = 0.0
    unit: LossUnit = "article"
    """Of the losses that are shown: one in which epochs compare."""
    drawn: float = 0.0


_UNITS: Mapping[LossUnit, str] = {
    "article": "losses in nats, without the likelihood's constant (the article's units)",
    "nats": "losses in nats, the negative ELBO",
}


def _terms(losses: Mapping[str, float], unit: LossUnit) -> str:
    distortion, rate, loss = shown_terms(losses, unit)
    return f"distortion {_number(distortion)} + rate {rate:.2f} = {_number(loss)} nats"


def _bar(title: str, console: Console) -> Listener:
    progress = Progress(
        title_column(),
        BarColumn(bar_width=10),  # all of it fits into 80 columns
        TextColumn("{task.fields[epoch]}"),
        TextColumn("{task.fields[losses]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(compact=True),
        console=console,
    )
    pace = _Pace()
    task = progress.add_task(printable(title), total=None, epoch="", losses="", speed="")

    def listen(event: Event) -> None:
        match event:
            case Started():
                total = event.epochs * event.steps_per_epoch
                done = event.first_epoch * event.steps_per_epoch + event.first_batch
                progress.update(task, total=total, completed=done)
                pace.began, pace.epochs = time.monotonic(), event.epochs
                pace.unit = event.losses
                pace.steps_per_epoch = event.steps_per_epoch
                progress.start()
            case StepDone():
                pace.images_seen += event.images
                progress.advance(task)
                now = time.monotonic()
                if now - pace.drawn < REFRESH_SECONDS:
                    return
                pace.drawn = now
                progress.update(
                    task,
                    epoch=f"{event.epoch}/{pace.epochs}",
                    losses=_terms(event.losses(), pace.unit),
                    speed=f"{pace.images_seen / max(now - pace.began, 1e-9):,.0f} img/s",
                )
            case EpochDone():
                metrics = event.metrics
                losses = _terms(metrics.train, pace.unit)
                progress.update(task, epoch=f"{metrics.epoch}/{pace.epochs}", losses=losses)
            case BackedOff() | Warned():
                if isinstance(event, BackedOff):
                    done = event.epoch * pace.steps_per_epoch + event.batch
                    progress.update(task, completed=done)
                progress.console.print(f"{title}: {event}")
            case Ended():
                progress.stop()

    return listen


def _lines(title: str) -> Listener:
    pace = _Pace()

    def listen(event: Event) -> None:
        match event:
            case Started():
                pace.epochs, pace.images_per_epoch = event.epochs, event.images
                pace.seconds, pace.unit = event.seconds, event.losses
                note(
                    f"{title}: {event.images} images, {event.epochs} epochs of "
                    f"{event.steps_per_epoch} batches, {event.device}, {event.precision}, "
                    f"{event.kernels} kernels; {_UNITS[event.losses]}"
                )
            case EpochDone():
                note(f"{title}: {_epoch_line(event, pace)}")
                pace.seconds = event.metrics.seconds
            case BackedOff() | Warned():
                note(f"{title}: {event}")

    return listen


def _epoch_line(event: EpochDone, pace: _Pace) -> str:
    metrics = event.metrics
    seconds = metrics.seconds - pace.seconds
    left = (pace.epochs - metrics.epoch) * metrics.seconds / metrics.epoch
    _, rate, loss = shown_terms(metrics.train, pace.unit)
    parts = [
        f"epoch {metrics.epoch}/{pace.epochs}",
        f"loss {_number(loss)}",
        f"mse {metrics.train['mse']:.5f} per pixel" if "mse" in metrics.train else "",
        f"rate {rate:.2f} nats",
    ]
    if pace.unit == "nats" and "sigma" in metrics.weight:  # it moves
        parts.append(f"σ {metrics.weight['sigma']:.4g}")
    if metrics.valid:
        parts.append(f"validation {_number(shown_terms(metrics.valid, pace.unit)[2])}")
    if seconds > 0:
        parts.append(f"{pace.images_per_epoch / seconds:,.0f} images/s")
    parts.append(f"{math.ceil(left)} s left")
    return ", ".join(filter(None, parts))

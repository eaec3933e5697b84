"""Progress on the terminal: a bar where there is one, plain lines elsewhere. All on stderr."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from reparam.cli.terminal import Terminal, title_column
from reparam.data import Progress as StepProgress
from reparam.model import LossUnit, shown_terms
from reparam.printable import note, printable, several
from reparam.training import (
    BackedOff,
    Ended,
    EpochDone,
    Event,
    Finishing,
    Listener,
    Preparing,
    Started,
    StepDone,
    Warned,
)

REFRESH_SECONDS = 0.2

SECONDS_BETWEEN, MOST_BETWEEN = 2.0, 30.0
"""Between lines that say which step of some work begins: short steps are passed over. A tenth of
the time so far lies between these bounds, so that a log of long work stays short."""


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
    "nats": "losses in nats, with the likelihood's constant (of a VAE, the negative ELBO)",
}


def bits_of(losses: Mapping[str, float]) -> str:
    """The loss in bits per pixel and channel, which compares between weights."""
    return f"{losses['loss_bits_per_dim']:.3f} bits/dim"


def _terms(losses: Mapping[str, float], unit: LossUnit) -> str:
    _, rate, loss = shown_terms(losses, unit)
    psnr = losses.get("psnr")  # where the squared error was measured
    error = "" if psnr is None else f", {psnr:.1f} dB"
    return f"{_number(loss)} nats (rate {rate:.2f}), {bits_of(losses)}{error}"


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
            case Preparing() | Finishing():
                note(f"{title}: {event}")
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
                    f"{title}: {several(event.images, 'image')}, "
                    f"{several(event.epochs, 'epoch')} of "
                    f"{several(event.steps_per_epoch, 'step')}, {event.device}, {event.precision}, "
                    f"{event.kernels} kernels; {_UNITS[event.losses]}"
                )
            case EpochDone():
                note(f"{title}: {_epoch_line(event, pace)}")
                pace.seconds = event.metrics.seconds
            case Preparing() | BackedOff() | Warned() | Finishing():
                note(f"{title}: {event}")

    return listen


def _decibels(losses: Mapping[str, float]) -> str:
    psnr = losses.get("psnr")  # where the squared error was measured
    return "" if psnr is None else f"PSNR {psnr:.2f} dB"


def _epoch_line(event: EpochDone, pace: _Pace) -> str:
    metrics = event.metrics
    seconds = metrics.seconds - pace.seconds
    left = (pace.epochs - metrics.epoch) * metrics.seconds / metrics.epoch
    _, rate, loss = shown_terms(metrics.train, pace.unit)
    parts = [
        f"epoch {metrics.epoch}/{pace.epochs}",
        f"loss {_number(loss)}",
        f"mse {metrics.train['mse']:.5f} per pixel" if "mse" in metrics.train else "",
        _decibels(metrics.train),
        f"rate {rate:.2f} nats",
        bits_of(metrics.train),
    ]
    if pace.unit == "nats" and "sigma" in metrics.weight:  # it moves
        parts.append(f"σ {metrics.weight['sigma']:.4g}")
    if metrics.valid:
        loss = shown_terms(metrics.valid, pace.unit)[2]
        psnr = _decibels(metrics.valid)
        parts.append(f"validation {_number(loss)}{f' ({psnr})' if psnr else ''}")
    if seconds > 0:
        parts.append(f"{pace.images_per_epoch / seconds:,.0f} images/s")
    parts.append(f"{timedelta(seconds=math.ceil(left))} left")
    return ", ".join(filter(None, parts))


@contextmanager
def step_progress(title: str, *, quiet: bool) -> Iterator[StepProgress | None]:
    """What tells how far work of several steps is: a bar on a terminal, and elsewhere the title
    when the first one begins (what is refused before says nothing else), then now and then a step.
    """
    if quiet:
        yield None
        return
    console = Terminal(stderr=True)
    if not console.is_terminal:
        began: float | None = None
        due = 0.0

        def say_step(what: str, done: int, total: int) -> None:
            nonlocal began, due
            now = time.monotonic()
            if began is None:
                note(f"{title} ...")
                began = now
            elif now >= due:
                note(f"{title}, step {done + 1} of {total}: {what} ...")
            else:
                return
            due = now + min(max(SECONDS_BETWEEN, 0.1 * (now - began)), MOST_BETWEEN)

        yield say_step
        return
    columns = (
        title_column(),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[what]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(printable(title), total=None, what="")

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, what=printable(what))

        yield progress

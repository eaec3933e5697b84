"""Progress on the terminal: a bar where there is one, plain lines elsewhere. All on stderr."""

import math
import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from reparam.training import Ended, EpochDone, Event, Listener, Started, StepDone

REFRESH_SECONDS = 0.2


def progress_listener(title: str, *, quiet: bool) -> Listener:
    """A bar in a terminal, a line an epoch elsewhere, nothing when quiet."""
    if quiet:
        return lambda _event: None
    console = Console(stderr=True)
    return _bar(title, console) if console.is_terminal else _lines(title)


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"


def _bar(title: str, console: Console) -> Listener:
    progress = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("epoch {task.fields[epoch]}"),
        TextColumn("{task.fields[losses]}"),
        TextColumn("{task.fields[speed]} images/s"),
        TimeRemainingColumn(compact=True),
        console=console,
    )
    state = {"seen": 0, "began": 0.0, "drawn": 0.0, "epochs": 0}
    task = progress.add_task(title, total=None, epoch="", losses="", speed="–")

    def listen(event: Event) -> None:
        match event:
            case Started():
                total = event.epochs * event.steps_per_epoch
                done = event.first_epoch * event.steps_per_epoch + event.first_batch
                progress.update(task, total=total, completed=done)
                state.update(began=time.monotonic(), epochs=event.epochs)
                progress.start()
            case StepDone():
                state["seen"] += event.images
                progress.advance(task)
                now = time.monotonic()
                if now - state["drawn"] < REFRESH_SECONDS:
                    return
                state["drawn"] = now
                losses = event.losses()
                progress.update(
                    task,
                    epoch=f"{event.epoch}/{state['epochs']}",
                    losses=(
                        f"loss {_number(losses['loss_article'])} = "
                        f"{_number(losses['r_loss_article'])} + KL {losses['rate_nats']:.2f}"
                    ),
                    speed=f"{state['seen'] / max(now - state['began'], 1e-9):,.0f}",
                )
            case Ended():
                progress.stop()

    return listen


def _lines(title: str) -> Listener:
    state = {"epochs": 0, "seconds": 0.0, "first": 0, "per_epoch": 0}

    def listen(event: Event) -> None:
        match event:
            case Started():
                state.update(epochs=event.epochs, per_epoch=event.images)
                print(
                    f"{title}: {event.images} images, {event.epochs} epochs of "
                    f"{event.steps_per_epoch} batches, {event.device}, {event.precision}",
                    file=sys.stderr,
                )
            case EpochDone():
                print(f"{title}: {_epoch_line(event, state)}", file=sys.stderr, flush=True)

    return listen


def _epoch_line(event: EpochDone, state: dict[str, float]) -> str:
    metrics = event.metrics
    seconds = metrics["seconds"] - state["seconds"]
    state["seconds"] = metrics["seconds"]
    left = (state["epochs"] - metrics["epoch"]) * metrics["seconds"] / metrics["epoch"]
    parts = [
        f"epoch {metrics['epoch']}/{state['epochs']:.0f}",
        f"loss {_number(metrics['train_loss_article'])} (article's units)",
        f"mse {metrics['train_mse']:.5f}",
        f"rate {metrics['train_rate_nats']:.2f} nats",
    ]
    if "valid_loss_article" in metrics:
        parts.append(f"validation {_number(metrics['valid_loss_article'])}")
    if seconds > 0:
        parts.append(f"{state['per_epoch'] / seconds:,.0f} images/s")
    parts.append(f"{math.ceil(left)} s left")
    return ", ".join(parts)

"""What loggers get of a run, and what happens where one fails."""

import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from reparam.errors import RunError, reason_of
from reparam.loggers import LoggedRun, Logger
from reparam.runs import Run, TrainingConfig, options_of
from reparam.training.events import Ended, EpochDone, Event, Started


@dataclass(frozen=True)
class Sampled:
    """A sample picture was written to ``file``, after this batch; only loggers get it."""

    epoch: int
    batch: int
    file: Path


SampleListener = Callable[[Event | Sampled], None]
"""A listener that gets the sample pictures too."""


def check_loggers(training: TrainingConfig) -> None:
    """Raises ConfigError where the package of a logger is not installed."""
    for logger in training.loggers:
        logger.check()


def logging_listener(run: Run) -> SampleListener:
    """Passes each epoch's metrics and the sample pictures on to the run's loggers.

    They begin when training does. Raises ConfigError where the package of one is missing, and
    RunError, then, where one cannot begin; one that fails later gets nothing more, with a warning.
    """
    check_loggers(run.config.training)
    loggers: dict[str, Logger] = {}
    steps_per_epoch = 0

    def tell(what: Callable[[Logger], None]) -> None:
        for name, logger in list(loggers.items()):
            try:
                what(logger)
            except Exception as error:
                del loggers[name]
                with suppress(Exception):
                    logger.close()
                warnings.warn(
                    f"logger {name} gets no more of {run.path}: {type(error).__name__}: "
                    f"{reason_of(error)}",
                    stacklevel=2,
                )

    def begin(done: int) -> None:
        with ExitStack() as opened:
            for options in run.config.training.loggers:
                try:
                    logger = options.build(_described(run, options.type, done))
                    if not isinstance(logger, Logger):
                        raise TypeError(f"build gave {type(logger).__name__}, and no Logger")
                except Exception as error:
                    raise RunError(
                        f"logger {options.type} must be able to begin, got {type(error).__name__}: "
                        f"{reason_of(error)}. Fix: correct that, then {run.resume_hint()}"
                    ) from error
                opened.callback(logger.close)
                loggers[options.type] = logger
            opened.pop_all()

    def listen(event: Event | Sampled) -> None:
        nonlocal steps_per_epoch
        if isinstance(event, Started):
            steps_per_epoch = event.steps_per_epoch
            begin(event.first_epoch * steps_per_epoch + event.first_batch)
        elif isinstance(event, EpochDone):
            epoch = event.metrics
            values = epoch.to_mapping()
            numbers = {
                k: v for k, v in values.items() if isinstance(v, int | float) and k != "step"
            }
            tell(lambda logger: logger.metrics(numbers, epoch.step))
        elif isinstance(event, Sampled):
            file, step = event.file, (event.epoch - 1) * steps_per_epoch + event.batch
            tell(lambda logger: logger.picture(file, step))
        elif isinstance(event, Ended):
            tell(lambda logger: logger.close())
            loggers.clear()

    return listen


def _described(run: Run, logger: str, done: int) -> LoggedRun:
    """The run as its logger of this name sees it."""
    options = {name: _plain(option.default) for name, option in options_of(run.config).items()}
    return LoggedRun(run.path / logger, run.path.name, run.facts.id, options, done)


def _plain(value: object) -> bool | int | float | str:
    if isinstance(value, bool | int | float | str):
        return value
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)

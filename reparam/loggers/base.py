"""What a tracker is: it gets the metrics, pictures and options of a run while that is trained."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from reparam.extras import check_installed
from reparam.interface import Interface
from reparam.registry import Part, Registry


@dataclass(frozen=True)
class LoggedRun:
    """The run of which a logger is told."""

    folder: Path
    """The logger's own folder in the run folder, for what it keeps on disk. It may not exist."""
    name: str
    """The run folder's."""
    id: str
    """Tells the run from every other; the same when it resumes."""
    options: Mapping[str, bool | int | float | str]
    """The run's configuration, by the names of the options."""
    first_step: int
    """Training steps that are done already: above 0 for a run that resumes."""


class Logger(Interface):
    """Gets what there is to know of a run, in one session of training.

    ``step`` is the number of training steps that are done. What a method raises does not stop
    training: the user is warned, and the logger is not called again.
    """

    @abstractmethod
    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """The numbers of a finished epoch, by their names in metrics.jsonl."""

    @abstractmethod
    def picture(self, file: Path, step: int) -> None:
        """A sample picture that was written, a PNG file."""

    @abstractmethod
    def close(self) -> None:
        """The session ends; the run may resume later."""


@dataclass(frozen=True)
class LoggerOptions(Part):
    """The options of a logger."""

    package: ClassVar[str | None] = None
    """The module that it needs, which may be missing."""
    extra: ClassVar[str] = ""
    """The extra of reparam that installs it."""

    def check(self) -> None:
        """Raises ConfigError, naming the extra, where the package is not installed."""
        if self.package is not None:
            check_installed(f"logger {self.type}", (self.package,), (self.extra,))

    @abstractmethod
    def build(self, run: LoggedRun) -> Logger:
        """Begins, or continues where the logger knows the run already.

        What it raises ends the command before the first step.
        """


LOGGERS: Registry[LoggerOptions] = Registry("logger", LoggerOptions, several=True, flag="logger")
"""Trackers of experiments, by name."""

"""When the state of a run is written, and in which order.

A checkpoint holds the best weights so far as well, or what they follow from. So a run that is
killed at any moment continues from its checkpoint alone: weights of another epoch beside it are
replaced, and lines of later epochs in metrics.jsonl are dropped.
"""

import time

from reparam.errors import RunError
from reparam.runs import Run
from reparam.training.state import State


class Saver:
    """What writes checkpoint and best weights, in the first process."""

    def __init__(self, run: Run, state: State) -> None:
        self.run, self.state = run, state
        self.written_at = time.monotonic()
        """When the checkpoint was written or read."""
        self.weights_epoch = 0
        """Of the best weights that the run has."""

    def begin(self) -> None:
        """After the checkpoint was read: gives the run its best weights where it has others.

        They are older where a kill came between both, and newer where a NaN loss did: these come
        again. Raises RunError where they are damaged or another run's; also where they are of
        another epoch and the checkpoint, of an earlier version, does not hold the best ones.
        """
        position, saved = self.state.position, self.run.weights_epoch()
        self.weights_epoch = position.best_epoch
        if saved == position.best_epoch or not position.best_epoch:
            return
        if self.state.best:
            self.run.save_weights(self.state.best, epoch=position.best_epoch)
        elif saved is None or saved <= position.epoch:
            raise RunError(
                f"{self.run.weights} must be of the best epoch so far, {position.best_epoch}, got "
                f"{'no file' if saved is None else f'epoch {saved}'}. Fix: restore the right file, "
                "or train into another --out"
            )

    def save_if_due(self) -> None:
        """At the end of an epoch: where the checkpoint is old enough, and at the end of the run.

        Where a run that backs off continues must not depend on the time that its steps took.
        """
        training, position = self.run.config.training, self.state.position
        ends = position.finished or position.epoch == training.epochs
        old = time.monotonic() - self.written_at >= training.checkpoint_seconds
        if ends or old or training.on_nan == "backoff":
            self.save()

    def save(self) -> None:
        """The checkpoint, then the best weights.

        Raises NotFiniteError, and writes nothing, when a weight is not finite.
        """
        self.state.save(self.run)
        self.save_best()
        self.written_at = time.monotonic()

    def save_best(self) -> None:
        """The best weights so far, where the run does not have them yet."""
        best = self.state.position.best_epoch
        if best != self.weights_epoch:
            self.run.save_weights(self.state.best, epoch=best)
            self.weights_epoch = best

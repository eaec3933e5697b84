"""After a NaN or infinite loss: back to the checkpoint with a lower learning rate, or an end."""

from reparam.errors import NotFiniteError
from reparam.runs import Run
from reparam.training.events import BackedOff
from reparam.training.state import Position, State

FACTOR = 0.5
"""What the learning rate is multiplied by each time."""

MOST = 3
"""How often a run may go back; it then trains with an eighth of its learning rate."""


def back_off(state: State, run: Run, on_nan: str, error: NotFiniteError) -> BackedOff:
    """Goes back to the checkpoint (an epoch's end, or where Ctrl-C stopped the run).

    The number of times and the lower rate are part of the checkpoint, which must be saved again: a
    run that is stopped or killed afterwards then resumes in the same way. Raises NotFiniteError,
    which then names what is left, when ``on_nan`` is stop or the run has gone back often enough.
    """
    before = state.position
    if on_nan == "stop" or before.backoffs == MOST:
        raise NotFiniteError(f"{error}. {_what_is_left(run, before)}") from error
    state.restore(run)
    after = state.position
    after.backoffs = before.backoffs + 1
    after.rate_factor = before.rate_factor * FACTOR
    after.seconds = before.seconds  # they were spent, if in vain
    return BackedOff(after.epoch, after.batch, after.backoffs, after.rate_factor, str(error))


def _what_is_left(run: Run, position: Position) -> str:
    """The last good weights, and the fix."""
    good = "There are no good weights yet"
    if run.weights.exists():
        good = f"The good weights of epoch {position.best_epoch} are in {run.weights}"
    if position.backoffs:
        tried = f"{position.rate_factor:g} of the learning rate did not help"
        return f"{good}; {tried}. Fix: train again with other options, or look at the images"
    return f"{good}. Fix: train again with a lower --learning-rate, or with --on-nan backoff"

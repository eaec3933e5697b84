"""One statistic of several scores: combinations of their p-values.

Formulas of combined p-values assume independent ones, which scores of one picture are not. Here
they only make a statistic, whose own p-value is conformal: among good pictures that had no part in
it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

PValues = Float[torch.Tensor, "N k"]
"""The p-values of k scores, for each of N pictures."""

Combine = Callable[[PValues], Float[torch.Tensor, " N"]]
"""p-values → one statistic of each picture; higher is more anomalous."""

TAIL = 0.1
"""Share of the good pictures whose scores tell how far the highest ones reach."""

LEAST = 1e-250
"""The smallest p-value, whose inverse is a number still."""


@dataclass(frozen=True)
class Tail:
    """Scores of good pictures: ``known`` are the finite ones, sorted; above ``start`` their excess
    over it is ``excess`` on average, or None where none is above.
    """

    known: Float[np.ndarray, " m"]
    start: float = 0.0
    excess: float | None = None

    def extended(
        self, share: Float[torch.Tensor, " N"], scores: Float[torch.Tensor, " N"]
    ) -> Float[torch.Tensor, " N"]:
        """p-values of scores, of which ``share`` of the known ones are as high: these, but of an
        exponential tail above ``start``.
        """
        if self.excess is None:
            return share
        beyond = TAIL * torch.exp(-(scores - self.start).clamp(min=0) / self.excess)
        return torch.where(scores > self.start, beyond.clamp(min=LEAST), share.clamp(min=TAIL))


def tail_of(reference: Float[np.ndarray, " m"]) -> Tail:
    """Of the ``reference``, the good pictures' scores."""
    known = np.sort(reference[np.isfinite(reference)])
    if not len(known):
        return Tail(known)
    start = known[int((1 - TAIL) * (len(known) - 1))]
    above = known[known > start] - start
    return Tail(known, float(start), float(above.mean()) if len(above) else None)


def tail_p_values(
    reference: Float[np.ndarray, " m"], scores: Float[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """About how many good pictures are as anomalous, also where none of the ``reference`` is.

    The share among these pictures and the one itself; above their (1 − TAIL) quantile u the tail
    is taken to be exponential, TAIL · exp(−(s − u) / b), where b is their mean excess over u
    (Pickands 1975, with shape 0). Else all that lies above every good picture would count alike.
    """
    of = tail_of(reference)
    known = of.known
    if not len(known):
        return np.ones(len(scores))
    share = (1 + len(known) - np.searchsorted(known, scores, side="left")) / (len(known) + 1)
    return of.extended(torch.from_numpy(share), torch.from_numpy(scores)).numpy()


COMBINATIONS: Mapping[str, Combine] = {
    # Many that are rather small (Fisher 1925).
    "fisher": lambda p: -2 * p.log().sum(1),
    # Their harmonic mean: some that are very small (Wilson 2019).
    "harmonic-mean": lambda p: (1 / p).mean(1).log(),
    # One is enough (Tippett 1931).
    "min": lambda p: -p.amin(1).log(),
    # All must agree.
    "max": lambda p: -p.amax(1).log(),
}
"""By the name of what is taken of the p-values."""

Columns = Mapping[str, Float[np.ndarray, " _"]]
"""Scores of pictures, a column for each score."""


def statistic(decider: str, reference: Columns, columns: Columns) -> Float[np.ndarray, " N"]:
    """What decides, of each picture: the column of this name, or a combination of all columns of
    the ``reference``, whose pictures are good.
    """
    if decider not in COMBINATIONS:
        return columns[decider]
    each = [tail_p_values(good, columns[name]) for name, good in reference.items()]
    return COMBINATIONS[decider](torch.from_numpy(np.stack(each, 1))).numpy()


def names_of(columns: Sequence[str]) -> tuple[str, ...]:
    """Everything that can decide: the columns, and where there are several, combinations."""
    return (*columns, *COMBINATIONS) if len(columns) > 1 else tuple(columns)


def members_of(decider: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that something decides by: all of them of a combination, else itself."""
    return tuple(columns) if decider in COMBINATIONS else (decider,)

"""One statistic of several scores: combinations of their p-values.

Formulas of combined p-values assume independent ones, which scores of one picture are not. Here
they only make a statistic, whose own p-value is conformal: among good pictures that had no part in
it.
"""

from collections.abc import Callable, Mapping, Sequence

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

AT_ONCE = 1024
"""Pictures at a time that are compared with all good ones."""


def tail_p_values(
    reference: Float[np.ndarray, " m"], scores: Float[torch.Tensor, " N"]
) -> Float[torch.Tensor, " N"]:
    """About how many good pictures are as anomalous, also where none of the ``reference`` is.

    The share among these pictures and the one itself; above their (1 − TAIL) quantile, the
    threshold u, the tail is taken to be exponential, TAIL · exp(−(s − u) / b), where b is the mean
    of their excesses over u (peaks over threshold: Pickands 1975, with shape 0). Else all that lies
    above every good picture would count alike.
    """
    known = np.sort(reference[np.isfinite(reference)])
    if not len(known):
        return torch.ones_like(scores)
    at_least = (torch.from_numpy(known) >= scores[:, None]).sum(1, dtype=torch.float64)
    share = (1 + at_least) / (len(known) + 1)
    threshold = float(known[int((1 - TAIL) * (len(known) - 1))])
    excesses = known[known > threshold] - threshold
    if not len(excesses):
        return share
    beyond = TAIL * torch.exp(-(scores - threshold).clamp(min=0) / float(excesses.mean()))
    return torch.where(scores > threshold, beyond.clamp(min=LEAST), share.clamp(min=TAIL))


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
    """`statistic_of`, of arrays."""
    if decider not in COMBINATIONS:
        return columns[decider]
    parts = zip(*(torch.from_numpy(columns[n]).split(AT_ONCE) for n in reference), strict=True)
    found = [statistic_of(decider, reference, dict(zip(reference, p, strict=True))) for p in parts]
    return torch.cat(found).numpy()


def statistic_of(
    decider: str, reference: Columns, columns: Mapping[str, Float[torch.Tensor, " N"]]
) -> Float[torch.Tensor, " N"]:
    """What decides, of each picture: the column of this name, or a combination of all columns of
    the ``reference``, whose pictures are good. Columns are float64 on the CPU.
    """
    if decider not in COMBINATIONS:
        return columns[decider]
    each = [tail_p_values(good, columns[name]) for name, good in reference.items()]
    return COMBINATIONS[decider](torch.stack(each, 1))


def names_of(columns: Sequence[str]) -> tuple[str, ...]:
    """Everything that can decide: the columns, and where there are several, combinations."""
    return (*columns, *COMBINATIONS) if len(columns) > 1 else tuple(columns)


def members_of(decider: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that something decides by: all of them of a combination, else itself."""
    return tuple(columns) if decider in COMBINATIONS else (decider,)

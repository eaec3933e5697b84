"""Whether all classes come out, and as often as in the data: of labels that a judge gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from reparam.evaluation.measures.measured import (
    LEVEL,
    REPEATS,
    Measured,
    percentile_interval,
    share_of,
)

MISSING_BELOW = 0.1
"""A class is missing whose share is below a tenth of its share in the data. None at all would be
too strict: a judge's few errors give every class some images."""

TRIALS = 999
"""Samples of real images behind the p-value."""

STEPS = np.concatenate(
    [np.linspace(0, 0.9, 19), np.linspace(0.92, 1.1, 10), np.linspace(1.15, 3, 38)]
)
"""Along the line from the ideal shares, at 0, through the found ones, at 1: closer about these."""

APART = 5.0
"""Nats by which two groups of classes must be likelier than one: twice it, 10, is the
likelihood-ratio statistic of one more number, which few splits of even classes reach."""

ROUNDING = 1e-12

Labels = Int[np.ndarray, " N"]
Shares = Float[np.ndarray, " K"]


def class_balance(
    judged: Labels,
    class_shares: Shares,
    *,
    rng: np.random.Generator,
    reference_labels: Int[np.ndarray, " M"] | None = None,
) -> dict[str, Measured]:
    """What classes the judge finds in decoded images, against the data's ``class_shares``.

    ``class_tv``: total variation ½ Σ |p − q|, the share of images that would have to change class.
    ``class_gini``: Gini coefficient of the classes' shares over those in the data, which are the
    areas of the classes' regions in latent space, weighed by the prior: 0 where each class has its
    share, near 1 where the rarest one takes all.
    ``class_entropy``: 1 − KL(p ‖ q) / max KL, which is the entropy over ln K where the data has
    equal shares: 1 where each class has its share, 0 where the rarest one takes all.
    ``classes_missing``: how many have less than a tenth of their share in the data.

    Chance alone makes the first three worse, the more so the nearer to the ideal. So value and
    interval are found by inverting the test (Garthwaite & Buckland 1992): of shares on the line
    from the ideal through the found ones, those of which the found figure is the median, and the
    97.5 % and 2.5 % quantile, of samples as large. The interval of the count is of percentiles.

    The Gini coefficient compares classes with each other, so found shares of classes that are even
    have a good part of it by chance, at each place of that line. So it also takes the line through
    the shares `in_groups`, which have too little where classes differ a little: the interval spans
    both, and the value is the mean of both.

    The references are those of real images as this judge sees them: ``reference_labels`` are its
    labels of real images whose true shares are ``class_shares``; without them it counts as perfect.
    The p-value of ``class_tv`` is the share of samples of real images, as many as these, that are
    as far off. It is exact but for the noise in how ``reference_labels`` show the judge's errors,
    which counts where those are many and the labels few.
    """
    n, k = len(judged), len(class_shares)
    shares = class_shares / class_shares.sum()
    counts = np.bincount(judged, minlength=k)
    seen = None if reference_labels is None else np.bincount(reference_labels, minlength=k)
    ideal = rng.multinomial(n, shares if seen is None else seen / seen.sum(), TRIALS) / n
    found = {}
    for name, uneven in UNEVENNESS.items():
        reference = float(uneven.figure(shares, shares))
        if seen is not None:
            reference, *_ = uneven.without_chance(seen, shares, rng)
        value, low, high = uneven.without_chance(counts, shares, rng)
        found[name] = Measured(value, low, high, reference, samples=n)
    far = total_variation(counts / n, shares)
    as_far = int((total_variation(ideal, shares) >= far - 1e-12).sum())
    found["class_tv"] = replace(found["class_tv"], p_value=(1 + as_far) / (1 + TRIALS))
    low, high = percentile_interval(missing(rng.multinomial(n, counts / n, REPEATS) / n, shares))
    found["classes_missing"] = Measured(
        float(missing(counts / n, shares)),
        low,
        high,
        float(missing(ideal, shares).mean()),
        samples=n,
    )
    return found


def class_accuracy(
    judged: Labels,
    asked: Labels,
    *,
    reference_judged: Int[np.ndarray, " M"],
    reference_labels: Int[np.ndarray, " M"],
) -> Measured:
    """How many of the images of a class that was asked for the judge takes for that class.

    The reference is how many real images it takes for what they are, of those whose label is known
    (``reference_labels`` of 0 or more).
    """
    known = reference_labels >= 0
    right = (reference_judged == reference_labels)[known]
    return share_of(judged == asked, reference=float(right.mean()) if len(right) else None)


Rows = Float[np.ndarray, "*rows K"]
Figures = Float[np.ndarray, "*rows"]


def total_variation(found: Rows, shares: Shares) -> Figures:
    """½ Σ |p − q|, from 0 to 1."""
    return np.asarray(0.5 * np.abs(found - shares).sum(-1))


def relative_entropy(found: Rows, shares: Shares) -> Figures:
    """1 − Σ p ln(p / q) / max −ln q, of the classes that the data has; 1 if there is only one."""
    own = shares > 0
    p, q = found[..., own], shares[own]
    logs = np.log(p / q, out=np.zeros_like(p), where=p > 0)
    if len(q) < 2:
        return np.ones(found.shape[:-1])
    return np.asarray(1 - (p * logs).sum(-1) / -np.log(q.min()))


def missing(found: Rows, shares: Shares) -> Figures:
    """Classes of the data with less than a tenth of their share in it."""
    return np.asarray(((found < MISSING_BELOW * shares) & (shares > 0)).sum(-1).astype(float))


def gini(found: Rows, shares: Shares) -> Figures:
    """½ Σ_ij q_i q_j |r_i − r_j| with r = p / q, of the classes that the data has.

    For equal shares that is Σ_ij |p_i − p_j| / (2 K² p̄), the usual one. By the sorted ratios r: the
    area between the Lorenz curve and the diagonal, twice.
    """
    own = shares > 0
    p, q = found[..., own], np.broadcast_to(shares[own], found[..., own].shape)
    order = np.argsort(p / q, axis=-1)
    p, q = (np.take_along_axis(x, order, -1) for x in (p, q))
    total = np.maximum(p.sum(-1, keepdims=True), 1e-12)
    curve = np.cumsum(p / total, -1)
    area = np.asarray(1 - (q * (2 * curve - p / total)).sum(-1))
    return np.where(area < ROUNDING, 0.0, area)


def in_groups(counts: Int[np.ndarray, " K"], shares: Shares) -> Shares:
    """Found shares, where classes that could be equally frequent, measured by ``shares``, are; of
    classes that the data has not, as they were found.

    Of all ways to cut the classes, sorted by how frequent they are, into groups of one ratio each:
    the one with the highest log-likelihood less APART for each group (dynamic programming, as in
    Jackson et al. 2005).
    """
    own = np.flatnonzero(shares > 0)
    order = own[np.argsort(counts[own] / shares[own], kind="stable")]
    of_data, found = (np.r_[0, np.cumsum(x[order])] for x in (shares, counts))
    best, cut = np.zeros(len(order) + 1), np.zeros(len(order) + 1, int)
    for end in range(1, len(best)):
        drawn, mass = found[end] - found[:end], of_data[end] - of_data[:end]
        gains = best[:end] + drawn * np.log(np.maximum(drawn, 1) / mass) - APART
        cut[end] = gains.argmax()
        best[end] = gains[cut[end]]
    even, end = counts.astype(float), len(order)
    while end:
        start = cut[end]
        group = order[start:end]
        even[group] = shares[group] * (found[end] - found[start]) / shares[group].sum()
        end = start
    return even / even.sum()


@dataclass(frozen=True)
class Unevenness:
    """A figure of shares, which rises or falls with their distance from the data's.

    ``among_classes``: of their distance from each other, which is also taken `in_groups`.
    """

    figure: Callable[[Rows, Shares], Figures]
    rises: bool = True
    among_classes: bool = False

    def of(self, found: Rows, shares: Shares) -> Figures:
        """The figure, upwards from the ideal."""
        value = self.figure(found, shares)
        return value if self.rises else np.negative(value, out=value)

    def without_chance(
        self, counts: Int[np.ndarray, " K"], shares: Shares, rng: np.random.Generator
    ) -> tuple[float, float, float]:
        """Its value and the ends of its interval, as `class_balance` says."""
        value, low, high = self._inverted(counts, shares, counts / counts.sum(), rng)
        if self.among_classes:
            even = in_groups(counts, shares)
            other = self._inverted(counts, shares, even, rng.spawn(1)[0])
            value, low, high = (value + other[0]) / 2, min(low, other[1]), max(high, other[2])
        return (value, low, high) if self.rises else (0.0 - value, 0.0 - high, 0.0 - low)  # no −0

    def _inverted(
        self,
        counts: Int[np.ndarray, " K"],
        shares: Shares,
        towards: Shares,
        rng: np.random.Generator,
    ) -> list[float]:
        """Along the line from the ideal ``shares`` through others."""
        n = int(counts.sum())
        if np.allclose(towards, shares, rtol=0, atol=1e-12):  # the ideal itself: a deviation off it
            off = np.sqrt(shares * (1 - shares) / n)
            towards = shares + off * np.resize([1, -1], len(shares))
        line = np.clip(shares + STEPS[:, None] * (towards - shares), 0, None)
        line /= line.sum(1, keepdims=True)
        sampled = np.array([self.of(rng.multinomial(n, p, REPEATS) / n, shares) for p in line])
        along, asked = self.of(line, shares), float(self.of(counts / n, shares))
        ends = []
        for level in (0.5, (1 + LEVEL) / 2, (1 - LEVEL) / 2):
            quantiles = np.maximum.accumulate(np.quantile(sampled, level, axis=1))
            step = np.interp(asked, quantiles, STEPS) if asked > quantiles[0] else 0.0
            if level < 0.5:  # the upper end: the last shares that give samples as even as that
                step = max(step, STEPS[quantiles <= max(asked, quantiles[0])][-1])
            ends.append(float(np.interp(step, STEPS, along)))
        return ends


UNEVENNESS: Mapping[str, Unevenness] = {
    "class_tv": Unevenness(total_variation),
    "class_gini": Unevenness(gini, among_classes=True),
    "class_entropy": Unevenness(relative_entropy, rises=False),
}

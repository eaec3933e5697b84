"""log p(x) itself, estimated by importance sampling: what the ELBO only bounds."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from reparam.data import UNKNOWN, Progress, from_bytes
from reparam.errors import ConfigError
from reparam.evaluation.inference import check_images
from reparam.model import (
    Autoencoder,
    Distribution,
    Prior,
    check_same_measure,
    in_batches,
)
from reparam.types import Images, LabelArray, Labels, Latents, PerExample, PixelArray

SAMPLES = 5000
"""As Burda et al. 2016 estimate their test figures."""

CHUNK_BYTES = 2**22
"""Of the images that are decoded at once: they should still lie in a cache when they are summed."""

WIDER = 2.0
"""How many times as wide the wider posterior of a defensive proposal is."""

Proposal = Literal["posterior", "defensive"]

PerImage = Float[np.ndarray, " N"]


@dataclass(frozen=True)
class Weighed:
    """Of each image, float64 (N,).

    ``log_p``: log p̂(x), nats. ``elbo``: the mean of log p(x, z) − log q(z|x) over the same draws
    of z ~ q(z|x), nats. ``effective``: the effective sample size (Σ w)² / Σ w² of the weights
    (Kish 1965; Kong et al. 1994), from 1 to K: near 1, one draw decided.
    """

    log_p: PerImage
    elbo: PerImage
    effective: PerImage


def importance_weighted(
    model: Autoencoder,
    images: PixelArray,
    samples: int = SAMPLES,
    seed: int = 0,
    labels: LabelArray | None = None,
) -> PerImage:
    """log p̂(x) of each image in nats, float64 (N,): ``log_p`` of `importance_sampled`.

    Of a conditional model it is log p̂(x|y). Where a semi-supervised one has no label of an image
    (None, −1), it is log Σ_y p̂(x|y) / K over its classes, which takes as many times as long.
    """

    def estimate(rows: PixelArray, y: LabelArray | None) -> PerImage:
        return importance_sampled(model, rows, samples, seed, y).log_p

    if model.classifier is None:
        return estimate(images, labels)
    given = np.full(len(images), UNKNOWN) if labels is None else labels
    found, unknown = np.empty(len(images)), given < 0
    if not unknown.all():
        found[~unknown] = estimate(images[~unknown], given[~unknown])
    if unknown.any():
        rows, classes = images[unknown], range(model.classes)
        each = [estimate(rows, np.full(len(rows), y)) for y in classes]
        found[unknown] = np.logaddexp.reduce(each) - math.log(model.classes)
    return found


def importance_sampled(
    model: Autoencoder,
    images: PixelArray,
    samples: int = SAMPLES,
    seed: int = 0,
    labels: LabelArray | None = None,
    proposal: Proposal = "posterior",
    progress: Progress | None = None,
) -> Weighed:
    """log p̂(x) of each image: log 1/K Σ_k w_k, w_k = p(x|z_k) p(z_k) / r(z_k|x), K = ``samples``.

    "posterior": z_k ~ r = q(z|x) (Burda et al. 2016, eq. 8; Wu et al. 2017 on its use to compare
    models). K = 1 is the ELBO.

    "defensive": eight tenths of the draws are of q(z|x), one of a posterior twice as wide, one of
    the prior, and r is the mixture of the three in these shares (Hesterberg 1995; Owen & Zhou 2000;
    the numbers of draws are fixed: the balance heuristic of Veach & Guibas 1995). Latents that the
    encoder misses are found where the prior's draws reach them, which takes few dimensions; in many
    it costs a fifth of the draws. Of fewer than ten draws all are of q(z|x).

    Its mean over draws is a lower bound of log p(x) that rises with K. The network runs in float32,
    the sums over samples in float64, in parts that need a few megabytes whatever K is. The same
    seed gives the same figures on the same kind of device.

    A binary likelihood is meant for pixels that are 0 or 255: see ``binarised``. Raises ShapeError
    for images of another size, and ConfigError for a model without a distribution over latents
    (AE), or whose prior is a density by volume where the posterior's is one by area. ``progress``
    is called before each few images: of large ones K decodings take seconds.
    """
    check_images(model, images)
    if not model.is_variational:
        raise ConfigError(
            "log p(x) needs a model with a distribution over latents, got an AE, whose posterior "
            "is a point. Fix: take a VAE"
        )
    check_proposal(proposal, model.prior)
    if samples < 1:
        raise ConfigError(f"samples must be 1 or more, got {samples}. Fix: {SAMPLES} is usual")
    generator = torch.Generator(model.device).manual_seed(seed)
    tenth = samples // 10 if proposal == "defensive" else 0
    counts = (samples - 2 * tenth, tenth, tenth) if tenth else (samples,)

    done = 0

    def tell(count: int) -> None:
        nonlocal done
        if progress is not None:
            progress("likelihood", done, len(images))
        done += count

    def estimates(batch: torch.Tensor, classes: torch.Tensor | None) -> torch.Tensor:
        return weighed(model, from_bytes(batch), counts, generator, classes, tell)

    return Weighed(*in_batches(model, images, estimates, None, labels).numpy().T)


def check_proposal(proposal: Proposal, prior: Prior) -> None:
    """Raises ConfigError for a defensive proposal of latents on the unit sphere."""
    if proposal == "defensive" and prior.on_sphere:
        raise ConfigError(
            "a defensive proposal needs posteriors that can be made wider, got latents on the unit "
            "sphere. Fix: take --likelihood-proposal posterior"
        )


def weighed(
    model: Autoencoder,
    x: Images,
    counts: tuple[int, ...],
    generator: torch.Generator,
    labels: Labels | None,
    tell: Callable[[int], None],
) -> Float[torch.Tensor, "B 3"]:
    """The columns of ``Weighed`` for a batch of images, in float64 on the CPU: not every device
    has it. ``counts``: as `Mixture` has them. ``tell`` is called with the number of each few images
    before these.
    """
    samples = sum(counts)
    at_once = max(1, CHUNK_BYTES // (4 * x[0].numel()))
    together = max(1, at_once // samples)  # images, where all samples of several fit
    found = []
    for start in range(0, len(x), together):
        rows = slice(start, start + together)
        few, classes = x[rows], None if labels is None else labels[rows]
        tell(len(few))
        q = model.infer(few, classes)
        check_same_measure(model.prior, q)
        total = squares = torch.full((len(few),), -torch.inf, dtype=torch.float64)
        elbo = torch.zeros(len(few), dtype=torch.float64)
        for which, count in enumerate(counts):
            for drawn in range(0, count, at_once):
                k = min(at_once, count - drawn)
                mixture = Mixture(q.repeated(k), model.prior, counts)
                log_w, above_q = log_weights(model, few, mixture, which, generator, classes)
                total = torch.logaddexp(total, log_w.logsumexp(1))
                squares = torch.logaddexp(squares, (2 * log_w).logsumexp(1))
                if which == 0:
                    elbo += above_q.sum(1) / count
        found.append(torch.stack([total - math.log(samples), elbo, (2 * total - squares).exp()], 1))
    return torch.cat(found)


@dataclass(frozen=True)
class Mixture:
    """The proposal r of each row: q(z|x), then the same twice as wide around its mean, then the
    prior, or the first of these alone, in the shares of ``counts``.
    """

    q: Distribution
    prior: Prior
    counts: tuple[int, ...]

    def draw(self, which: int, generator: torch.Generator) -> tuple[Latents, PerExample | None]:
        """One latent of a component for each row, and log q(z|x) where it comes with that."""
        if which == 2:
            return self.prior.sample(len(self.q.mean), generator), None
        z, log_q = self.q.draw(generator)
        return (self.q.mean + WIDER * (z - self.q.mean), None) if which == 1 else (z, log_q)

    def log_probs(
        self, z: Latents, log_q: PerExample | None = None
    ) -> tuple[PerExample, PerExample]:
        """log r(z|x) and log q(z|x)."""
        log_q = self.q.log_prob(z) if log_q is None else log_q
        each = [log_q]
        if len(self.counts) > 1:
            narrowed = self.q.mean + (z - self.q.mean) / WIDER
            each.append(self.q.log_prob(narrowed) - z.shape[1] * math.log(WIDER))
            each.append(self.prior.log_prob(z))
        shares = [math.log(count / sum(self.counts)) for count in self.counts]
        mixed = torch.stack([d + share for d, share in zip(each, shares, strict=True)])
        return mixed.logsumexp(0), log_q


def log_weights(
    model: Autoencoder,
    x: Images,
    mixture: Mixture,
    which: int,
    generator: torch.Generator,
    labels: Labels | None = None,
) -> tuple[Float[torch.Tensor, "B k"], Float[torch.Tensor, "B k"]]:
    """log p(x, z) − log r(z|x), and log p(x, z) − log q(z|x), at draws of component ``which``: k of
    each image, whose rows in ``mixture`` are k each. In float64 on the CPU.
    """
    z, known = mixture.draw(which, generator)
    k = len(z) // len(x)
    repeated = x.expand(k, *x.shape[1:]) if len(x) == 1 else x.repeat_interleave(k, 0)
    classes = None if labels is None else labels.repeat_interleave(k)
    log_p = model.pixels(z, classes).log_prob(repeated) + model.prior.log_prob(z)
    log_r, log_q = mixture.log_probs(z, known)
    return (
        (log_p - log_r).unflatten(0, (len(x), k)).cpu().double(),
        (log_p - log_q).unflatten(0, (len(x), k)).cpu().double(),
    )

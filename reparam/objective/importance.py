"""Importance-weighted bounds of log p(x): several latents of each image, weighted together."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from reparam.data import Batch
from reparam.errors import ConfigError, check_one_each
from reparam.fields import option
from reparam.model import Autoencoder, Distribution, Noise
from reparam.objective.base import OBJECTIVES, Drawn, Losses, Objective, Phase
from reparam.types import PerExample

Estimator = Literal["iwae", "dreg", "ciwae", "miwae", "piwae"]

Draws = Float[Tensor, "B K d"]
OfEach = Float[Tensor, "B K"]


@OBJECTIVES.register("importance-weighted")
@dataclass(frozen=True)
class ImportanceWeighted(Objective):
    """A bound of log p(x) from several latents of each image, tighter than the ELBO (IWAE).

    −log 1/K Σ_k w_k, w_k = p(x, z_k) / q(z_k|x), z_k ~ q(z|x) (Burda et al. 2016, eq. 8). The bound
    rises with K.

    Extra terms read the first of the K latents, and its decoding. What they tell the encoder by the
    decoding is weighted as that latent is with estimator dreg, and is nothing with piwae.
    """

    importance_samples: int = option(5, least=1)
    """Latents K that are drawn for each image. A step takes about so many times as long; 1 is the
    ELBO with an estimated rate."""

    estimator: Estimator = "iwae"
    """What trains: iwae: the bound itself. dreg: the same, with a gradient of the encoder that has
    less variance (Tucker et al. 2019, eq. 8). ciwae, miwae, piwae: with more of the ELBO in it, for
    a better encoder (Rainforth et al. 2018, section 5)."""

    groups: int = 1
    """Of miwae and piwae: the K latents in so many groups, each with a bound of its own."""

    elbo_share: float = option(0.5, least=0, most=1)
    """Of ciwae: the share of the ELBO in the bound, from 0 to 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        grouped = self.estimator in ("miwae", "piwae")
        if grouped and (self.groups < 2 or self.importance_samples % self.groups):
            raise ConfigError(
                f"groups must be 2 or more and divide importance_samples for {self.estimator}, got "
                f"{self.groups} groups of {self.importance_samples}. Fix: such as "
                "--importance-samples 8 --groups 2"
            )
        if not grouped and self.groups != 1:
            raise ConfigError(
                f"groups must be 1 for estimator {self.estimator}, got {self.groups}. Fix: omit "
                "it, or take --estimator miwae"
            )

    @property
    def latents_an_image(self) -> int:
        return self.importance_samples

    def __call__(
        self, model: Autoencoder, batch: Batch, phase: Phase, noise: Noise = None
    ) -> Losses:
        """Recorded are the means of ``distortion`` and ``rate`` over the K latents, minus the bound
        of all K as ``loss``, whatever trains, and ``importance_gain``: distortion + rate − loss, by
        how much that bound is tighter than the mean of K ELBOs, 0 or more, in nats.
        """
        count = self.importance_samples
        q = model.infer(batch.seen, batch.labels)
        draws, known = zip(*(q.draw(noise) for _ in range(count)), strict=True)
        z = torch.stack(draws, 1)
        read = self._read(z)
        labels = None if batch.labels is None else batch.labels.repeat_interleave(count)
        decoded = model.decoded(read.flatten(0, 1), labels)
        x = batch.images.repeat_interleave(count, 0)
        each = model.likelihood.terms(model.likelihood(decoded), x)
        terms = {name: values.unflatten(0, (-1, count)) for name, values in each.items()}
        log_prior = model.prior.log_prob(read.flatten(0, 1))
        check_one_each(f"log_prob of prior {model.prior.kind}", log_prior, len(x))
        log_prior = log_prior.unflatten(0, (-1, count))
        if self.estimator == "dreg":
            log_q = log_probs(q.detached(), z)
        elif known[0] is None:
            log_q = log_probs(q, z)
        else:
            log_q = torch.stack(known, 1)
        log_p = -terms["distortion"] + phase.rate_weight * log_prior
        trained = self._bound(log_p, phase.rate_weight * log_q, z, read)
        rate = log_q - log_prior
        loss = -log_mean_exp(-terms["distortion"] - rate)
        means = {name: values.mean(1) for name, values in terms.items()} | {"rate": rate.mean(1)}
        gain = means["distortion"] + means["rate"] - loss
        first = model.likelihood(decoded.unflatten(0, (-1, count))[:, 0])
        return Losses(
            objective=-trained,
            terms={**means, "loss": loss, "importance_gain": gain},
            drawn=Drawn(batch, q, draws[0], first),
        )

    def _read(self, z: Draws) -> Draws:
        """What the decoder and the prior read: z, with what the estimator does to its gradient."""
        if self.estimator == "piwae" and torch.is_grad_enabled():
            return z.detach().requires_grad_()
        return z

    def _bound(self, log_p: OfEach, log_q: OfEach, z: Draws, read: Draws) -> PerExample:
        """What is maximised, of log p(x, z) and log q(z|x)."""
        log_w = log_p - log_q
        match self.estimator:
            case "ciwae":
                elbo = log_w.mean(1)
                return self.elbo_share * elbo + (1 - self.elbo_share) * log_mean_exp(log_w)
            case "miwae":
                return log_mean_exp(log_w.unflatten(1, (self.groups, -1))).mean(1)
            case "dreg":
                return self._dreg(log_w, z)
            case "piwae":
                return self._piwae(log_p, log_q, z, read)
        return log_mean_exp(log_w)

    def _dreg(self, log_w: OfEach, z: Draws) -> PerExample:
        """Σ_k w̃_k² ∇_z log w_k for the encoder, by z alone, where w̃ are the normalised weights;
        Σ_k w̃_k ∇ log w_k for the decoder. ``log_w`` has no gradient by q's parameters.
        """
        if z.requires_grad:
            share = log_w.detach().softmax(1)[:, :, None]
            z.register_hook(lambda gradient: share * gradient)
        return log_mean_exp(log_w)

    def _piwae(self, log_p: OfEach, log_q: OfEach, z: Draws, read: Draws) -> PerExample:
        """The bound of all K for the decoder, and that of each group for the encoder.

        ``log_p`` is a function of ``read``, which is z cut off from the encoder: its gradient there
        goes back to z with the groups' weights.
        """
        bound = log_mean_exp(log_p - log_q.detach())
        if read is z:
            return bound
        log_w = (log_p - log_q).detach().unflatten(1, (self.groups, -1))
        share = log_w.softmax(2).flatten(1) / self.groups
        (at_z,) = torch.autograd.grad((share * log_p).sum(), read, retain_graph=True)
        encoder = (at_z * z).flatten(1).sum(1) - (share * log_q).sum(1)
        return bound + encoder - encoder.detach()


def log_probs(q: Distribution, z: Draws) -> OfEach:
    """log q(z_k|x) at K latents of each image."""
    count = z.shape[1]
    return q.repeated(count).log_prob(z.flatten(0, 1)).unflatten(0, (-1, count))


def log_mean_exp(values: Float[Tensor, "*B K"]) -> Float[Tensor, "*B"]:
    return values.logsumexp(-1) - math.log(values.shape[-1])

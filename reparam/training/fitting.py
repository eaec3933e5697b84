"""A prior fitted after training to what the frozen encoder does, and what that gains."""

from dataclasses import asdict, dataclass

import numpy as np
import torch

from reparam.data import ImageSet
from reparam.model import (
    Autoencoder,
    FitProgress,
    Fittable,
    Prior,
    StandardNormal,
    fittable_prior,
    posteriors_of,
)
from reparam.runs import Run
from reparam.types import IndexArray, LabelArray, Latents, PixelArray


@dataclass(frozen=True)
class LatentFit:
    """How likely latents are under a prior: mean log p(z), in nats per image."""

    prior: str
    nats: float
    standard_error: float
    """Of ``nats``, over the images."""
    nats_per_dimension: float
    outside: float
    """Share of the latents whose density is 0: one of them makes ``nats`` −∞."""


@dataclass(frozen=True)
class PriorFit:
    """A prior fitted to ``fitted_to`` latents, beside the fixed and own priors, held out."""

    prior: Prior
    fitted_to: int
    split: str
    """The images whose latents ``before`` and ``after`` are about; train where none is held out."""
    images: int
    before: tuple[LatentFit, ...]
    """N(0, I), and the prior that the model was trained with where that is another one with a
    density in the same space: one on a sphere has none."""
    after: LatentFit


def aggregate_latents(
    model: Autoencoder,
    images: PixelArray,
    seed: int = 0,
    index: IndexArray | None = None,
    labels: LabelArray | None = None,
) -> Latents:
    """One z ~ q(z|x) for each image (an AE's point): draws from the aggregate posterior, (N, d)."""
    q = posteriors_of(model, images, labels, index)
    return q.rsample(torch.Generator().manual_seed(seed))


def latent_fit(prior: Prior, z: Latents) -> LatentFit:
    """The mean log-density of latents (N, d) under a prior; −∞ where one has density 0."""
    with torch.no_grad():
        each = prior.log_prob(z).double()
    mean = each.mean().item()
    finite = each[each.isfinite()]
    error = finite.std().item() / len(finite) ** 0.5 if len(finite) > 1 else np.nan
    outside = 1 - len(finite) / len(each)
    return LatentFit(prior.describe(), mean, error, mean / z.shape[1], outside)


def fit_prior(
    model: Autoencoder,
    images: PixelArray,
    kind: str,
    seed: int = 0,
    index: IndexArray | None = None,
    labels: LabelArray | None = None,
    progress: FitProgress | None = None,
) -> Prior:
    """A prior for ``model``, fitted to one z ~ q(z|x) of each image (Ghosh et al. 2020, section 4).

    ``images`` (N, H, W, C), bytes; with ``labels`` (N) for a conditional model. ``kind``: gaussian,
    mixture or flow. ``index``: to these of the images only. ``seed``: of z and of the fit.

    The model is left as it was, and so is torch's global random state. Raises DataError for too few
    images or collapsed latents, ConfigError for a kind that is not fitted.
    """
    with torch.random.fork_rng(devices=[]):
        prior = fittable_prior(kind, model.latent)
    assert isinstance(prior, Fittable)
    if progress is not None:
        progress(f"encoding {len(images) if index is None else len(index)} images")
    prior.fit(aggregate_latents(model, images, seed, index, labels), seed, progress)
    return prior


def fit_run_prior(
    run: Run,
    images: ImageSet,
    kind: str,
    seed: int = 0,
    progress: FitProgress | None = None,
    device: str = "cpu",
    *,
    ends: bool = False,
) -> PriorFit:
    """Fits a prior to the run's training images, judges it on held-out ones, and keeps it.

    Images are encoded on ``device``. ``ends``: training ends with it, and its result comes after.
    Raises RunError for an unfinished run otherwise, and what `fit_prior` raises.
    """
    if not ends:
        run.finished("a prior is fitted to a finished run")
    model = run.load_model(own_prior=True, device=device)
    train, pixels, labels = images.splits["train"], images.images, images.labels
    prior = fit_prior(model, pixels, kind, seed, train, labels, progress)
    split = images.held_out()
    z = aggregate_latents(model, pixels, seed, images.splits[split], labels)
    own = model.prior.cpu()
    others: list[Prior] = [StandardNormal(model.latent_dim)]
    if not (own.is_standard_normal or own.on_sphere):
        others.append(own)
    before = tuple(latent_fit(other, z) for other in others)
    after = latent_fit(prior, z)
    run.save_prior(prior, seed=seed, images=len(train), split=split, held_out=asdict(after))
    return PriorFit(prior, len(train), split, len(z), before, after)

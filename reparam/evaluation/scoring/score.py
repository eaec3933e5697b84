"""A trained model and its images → its scorecard."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from reparam.data import ImageSet
from reparam.evaluation.inference import check_images
from reparam.evaluation.judge import Judge, judge_for
from reparam.evaluation.measures.diffusability import diffusability
from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import MEASURES
from reparam.evaluation.scoring.config import DEFAULT, ScoreConfig
from reparam.evaluation.scoring.decoded_rows import decoded_rows
from reparam.evaluation.scoring.factor_rows import factor_rows
from reparam.evaluation.scoring.image_rows import image_rows
from reparam.evaluation.scoring.latent_rows import (
    aggregate_posterior,
    latent_rows,
    match_rows,
    rate_of_dimensions,
    rate_rows,
)
from reparam.evaluation.scoring.priors import candidates
from reparam.evaluation.scoring.real_features import real_features
from reparam.evaluation.scoring.scorecard import PriorScores, Scorecard
from reparam.evaluation.scoring.subject import check_scorable, subject, subject_hashes
from reparam.model import Autoencoder
from reparam.types import IndexArray

ScoreProgress = Callable[[str, int, int], None]
"""Gets what is measured now, how many parts are done, and of how many."""


def scorecard(
    model: Autoencoder,
    images: ImageSet,
    config: ScoreConfig = DEFAULT,
    *,
    title: str = "model",
    judge: Judge | None = None,
    progress: ScoreProgress | None = None,
    device: torch.device | str = "cpu",
) -> Scorecard:
    """Measures a trained model on the held-out images of ``images``.

    Every figure has a 95 % interval over images or latents, and beside it what an ideal model would
    score. The same seed gives the same figures. ``judge``: what tells classes and gives features;
    by default the one of these images, trained once and kept. Model and judge compute on
    ``device``, a batch at a time: no set of images is decoded whole. ``model`` itself
    stays as it is, and where.

    Raises ShapeError when the images are not of the model's size, and DataError for too few.
    """
    began = time.monotonic()
    check_images(model, images.images[:1])
    check_scorable(images)
    judge = judge or judge_for(images, device=str(device))
    of = subject(model, images, judge, config, device)
    offered = candidates(of)
    steps = 3 + 2 * len(offered)
    done = 0

    def tell(what: str) -> None:
        nonlocal done
        if progress is not None:
            progress(what, done, steps)
        done += 1

    def within(what: str, number: int, count: int) -> None:
        """Progress within the current step."""
        if progress is not None:
            progress(f"{what}, image {number + 1} of {count}", done - 1, steps)

    tell("latents")
    measures = latent_rows(of) | rate_rows(of) | factor_rows(of)
    if config.diffusability:
        found = diffusability(of.train.z, of.held_out.z, of.rng("diffusability"))
        measures["diffusability"] = found
    tell("real images")
    real, density = real_features(of), aggregate_posterior(of)
    tell("reconstructions and likelihood")
    measures |= image_rows(of, real, within)
    priors = []
    for prior in offered:
        tell(f"latents beside {prior.description}")
        matched = match_rows(of, prior, density)
        tell(f"decoded draws from {prior.description}")
        decoded, counts = decoded_rows(of, prior, real)
        # Draws of two models are not the same things, and are no pairs.
        measured = {name: replace(m, each=None) for name, m in {**matched, **decoded}.items()}
        priors.append(
            PriorScores(
                prior.kind,
                prior.prior.title,
                prior.description,
                measured,
                counts,
                prior.prior.describe("ko"),
            )
        )
    return Scorecard(
        title=title,
        latent_dim=model.latent_dim,
        variational=model.is_variational,
        source=of.source,
        split=of.split,
        images=len(of.held_out),
        draws=config.draws,
        seed=config.score_seed,
        judge=judge.description,
        judge_accuracy=judge.accuracy,
        measures={name: _placed(found, of.held_out.index) for name, found in measures.items()},
        priors=tuple(priors),
        kl_per_dimension=rate_of_dimensions(of),
        versions={
            name: entry.version
            for name, entry in MEASURES.items()
            if name in measures or name in priors[0].measures
        },
        subject=subject_hashes(model, images.fingerprint()),
        options=config.to_mapping(model.image_shape),
        seconds=time.monotonic() - began,
    )


def _placed(found: Measured, index: IndexArray) -> Measured:
    """With the places of its images in the whole set."""
    return found if found.each is None else replace(found, each=found.each.within(index))

"""A trained model and its images → its scorecard."""

import copy
import time
from collections.abc import Callable

from reparam.data import ImageSet
from reparam.evaluation.inference import check_images
from reparam.evaluation.judge import Judge, judge_for
from reparam.evaluation.scoring.config import DEFAULT, ScoreConfig
from reparam.evaluation.scoring.decoded_rows import decoded_rows, real_features
from reparam.evaluation.scoring.image_rows import image_rows
from reparam.evaluation.scoring.latent_rows import (
    aggregate_posterior,
    latent_rows,
    match_rows,
    rate_of_dimensions,
    rate_rows,
)
from reparam.evaluation.scoring.priors import candidates
from reparam.evaluation.scoring.scorecard import PriorScores, Scorecard
from reparam.evaluation.scoring.subject import subject, weights_hash
from reparam.model import Autoencoder

Told = Callable[[str, int, int], None]
"""Is told what is measured now, how many parts are done, and of how many."""


def scorecard(
    model: Autoencoder,
    images: ImageSet,
    config: ScoreConfig = DEFAULT,
    *,
    title: str = "model",
    judge: Judge | None = None,
    told: Told | None = None,
) -> Scorecard:
    """Measures a trained model on the held-out images of ``images``.

    Every figure has a 95 % interval over images or latents, and beside it what an ideal model would
    score at this sample size. The same seed gives the same figures. ``judge``: what tells classes
    and gives features; by default the one of these images, trained once and kept.

    Raises ShapeError when the images are not of the model's size, and DataError for too few.
    """
    began = time.monotonic()
    check_images(model, images.images[:1])
    judge = judge or judge_for(images)
    model = copy.deepcopy(model).cpu().eval()  # the caller's own stays as it is, and where
    of = subject(model, images, judge, config)
    offered = candidates(of)
    steps = 3 + 2 * len(offered)
    done = 0

    def tell(what: str) -> None:
        nonlocal done
        if told is not None:
            told(what, done, steps)
        done += 1

    tell("latents")
    measures = latent_rows(of) | rate_rows(of)
    tell("reconstructions and likelihood")
    measures |= image_rows(of)
    tell("real images")
    real, density = real_features(of), aggregate_posterior(of)
    priors = []
    for prior in offered:
        tell(f"latents beside {prior.description}")
        matched = match_rows(of, prior, density)
        tell(f"decoded draws from {prior.description}")
        decoded, counts = decoded_rows(of, prior, real)
        priors.append(PriorScores(prior.kind, prior.description, {**matched, **decoded}, counts))
    return Scorecard(
        title=title,
        latent_dim=model.latent_dim,
        variational=of.held_out.log_var is not None,
        source=of.source,
        split=of.split,
        images=len(of.held_out.images),
        draws=config.draws,
        seed=config.score_seed,
        judge=judge.description,
        judge_accuracy=judge.accuracy,
        measures=measures,
        priors=tuple(priors),
        kl_per_dimension=rate_of_dimensions(of),
        weights=weights_hash(model),
        options=config.to_mapping(),
        seconds=time.monotonic() - began,
    )

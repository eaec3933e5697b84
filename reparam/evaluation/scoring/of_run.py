"""The scorecard of a run folder: what of it is valid, and making it anew."""

import warnings
from dataclasses import dataclass

from reparam.data import ImageSet
from reparam.evaluation.judge import Judge, judge_for
from reparam.evaluation.likelihood import check_proposal
from reparam.evaluation.scoring.config import DEFAULT, ScoreConfig
from reparam.evaluation.scoring.each_image import save_each, with_each
from reparam.evaluation.scoring.own_features import feature_network
from reparam.evaluation.scoring.score import ScoreProgress, scorecard
from reparam.evaluation.scoring.scorecard import (
    SCHEMA,
    Scorecard,
    scorecard_from_mapping,
)
from reparam.evaluation.scoring.subject import subject_hashes
from reparam.model import Autoencoder, ImageShape
from reparam.runs import SCORECARD, Run, check_writable, title_of


@dataclass(frozen=True)
class CheckedScorecard:
    """What of a run's scorecard is valid for the run as it is now.

    ``card`` has the valid measures alone; None where there are none. ``stale`` says which are not,
    and why; "" where all are, or where there is no scorecard.
    """

    card: Scorecard | None
    stale: str


def check_scorecard(
    run: Run,
    config: ScoreConfig | None = None,
    model: Autoencoder | None = None,
    *,
    by_image: bool = False,
) -> CheckedScorecard:
    """The run's scorecard, compared with its weights, its prior, its images, the versions of the
    measures and, where they are given, the options ``config``.

    ``model`` is the run's, where it is loaded already. ``by_image``: with the figures of each image
    (`Measured.each`), without which it is stale. Raises RunError when the scorecard, these or the
    weights are damaged.
    """
    values = run.read_json(SCORECARD, "score the run again")
    if values is None:
        return CheckedScorecard(None, "")
    if values.get("schema") != SCHEMA:
        found = f"it has schema {values.get('schema')!r}, this reparam reads {SCHEMA}"
        old = " (schema 1 has no versions of its measures)" if values.get("schema") == 1 else ""
        return CheckedScorecard(None, found + old)
    card = scorecard_from_mapping(values, str(run.path / SCORECARD))
    model = model or run.load_model()
    now = subject_hashes(model, run.facts.fingerprint)
    others = [f"other {name}" for name in now if card.subject.get(name) != now[name]]
    if config is not None:
        others += [
            f"{name} {card.options.get(name)}, now {value}"
            for name, value in config.to_mapping(model.image_shape).items()
            if card.options.get(name) != value
        ]
    if others:
        return CheckedScorecard(None, f"it was made with {', '.join(others)}")
    if by_image:
        whole = with_each(run, card)
        if whole is None:
            return CheckedScorecard(None, "it has no figures of each image")
        card = whole
    outdated = card.outdated()
    if not outdated:
        return CheckedScorecard(card, "")
    stale = ", ".join(f"{name} ({why})" for name, why in outdated.items())
    return CheckedScorecard(card.without(outdated), f"measures have changed: {stale}")


def current_scorecard(run: Run, model: Autoencoder | None = None) -> Scorecard | None:
    """The run's scorecard with the measures that are valid; warns of those that are not.

    Raises as `check_scorecard` does.
    """
    found = check_scorecard(run, model=model)
    if found.stale:
        what = "its scorecard is" if found.card is None else "a part of its scorecard is"
        warnings.warn(
            f"{run.path}: {what} omitted: {found.stale}. Fix: make it again with `reparam score`",
            stacklevel=2,
        )
    return found.card


def check_can_score(run: Run, config: ScoreConfig = DEFAULT) -> None:
    """Looks at what `score_run` needs beside images, before they are read and a judge is trained.

    Raises RunError for a run that is unfinished or has no usable weights, ConfigError where its
    folder cannot be written or its likelihood cannot be estimated with the proposal that is asked
    for, and as `check_features` does.
    """
    run.finished("a scorecard is of a finished run")
    model = run.load_model()
    image_shape = model.image_shape
    if model.is_variational and config.images_of_likelihood(image_shape):
        check_proposal(config.likelihood_proposal, model.prior)
    check_writable(run.path / SCORECARD, fix="correct the permissions of the run folder")
    check_features(config, image_shape)


def check_features(config: ScoreConfig, image_shape: ImageShape | None = None) -> None:
    """Raises DataError or ConfigError for a file of features that is none, and for a registered
    network that does not take images of this shape.
    """
    if config.features is not None:
        feature_network(config.features, image_shape=image_shape)


def score_run(
    run: Run,
    images: ImageSet,
    config: ScoreConfig = DEFAULT,
    *,
    judge: Judge | None = None,
    progress: ScoreProgress | None = None,
    device: str = "cpu",
) -> Scorecard:
    """Measures the run's best weights on its held-out images and writes scorecard.json, and beside
    it scorecard.safetensors with the figures of each image.

    Raises RunError for a run that is not finished, and what `scorecard` raises.
    """
    run.finished("a scorecard is of a finished run")
    card = scorecard(
        run.load_model(),
        images,
        config,
        title=title_of(run.config),
        judge=judge or judge_for(images, device=device),
        progress=progress,
        device=device,
    )
    run.write_json(SCORECARD, card.to_mapping())
    save_each(run, card)
    return card

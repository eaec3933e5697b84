"""The scorecard of a run folder: read where it exists, made and written where it does not."""

import contextlib
import json
from collections.abc import Mapping

from reparam.data import ImageSet
from reparam.errors import RunError
from reparam.evaluation.judge import Judge, judge_for
from reparam.evaluation.scoring.config import DEFAULT, ScoreConfig
from reparam.evaluation.scoring.score import ScoreProgress, scorecard
from reparam.evaluation.scoring.scorecard import Scorecard, from_mapping
from reparam.evaluation.scoring.subject import weights_hash
from reparam.model import Autoencoder
from reparam.runs import Run, title_of

FILE = "scorecard.json"


def read_scorecard(run: Run) -> Scorecard | None:
    """The scorecard in the run folder; None where there is none.

    Raises RunError when it is damaged or of another schema.
    """
    file = run.path / FILE
    if not file.exists():
        return None
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RunError(f"{file}: damaged ({error}). Fix: score the run again") from error
    if not isinstance(values, Mapping):
        raise RunError(f"{file}: damaged, it holds no names and values. Fix: score the run again")
    return from_mapping(values, str(file))


def current_scorecard(run: Run, model: Autoencoder | None = None) -> Scorecard | None:
    """The one in the run folder, if it is of the run's weights and prior as they are now.

    ``model`` is the run's, where it is loaded already.
    """
    card = read_scorecard(run)
    if card is None or card.weights != weights_hash(model or run.load_model()):
        return None
    return card


def score_run(
    run: Run,
    images: ImageSet,
    config: ScoreConfig = DEFAULT,
    *,
    judge: Judge | None = None,
    progress: ScoreProgress | None = None,
    device: str = "cpu",
) -> Scorecard:
    """Measures the run's best weights on its held-out images and writes scorecard.json.

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
    run.write_json(FILE, card.to_mapping())
    return card


def find_valid_scorecard(run: Run, config: ScoreConfig) -> Scorecard | None:
    """The run's scorecard, where it is of the weights as they are now, with these options.

    None for a damaged one and for one of another schema: those are made anew.
    """
    card = None
    with contextlib.suppress(RunError):
        card = current_scorecard(run)
    return card if card is not None and dict(card.options) == config.to_mapping() else None

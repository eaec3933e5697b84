"""The figures of each image behind a run's scorecard: scorecard.safetensors, beside scorecard.json.

For every measure that is a mean over held-out images, its values and the places of their images in
the whole set. They let two runs be compared image by image.
"""

import hashlib
from dataclasses import replace

import numpy as np
import torch

from reparam.errors import RunError, reason_of
from reparam.evaluation.measures.measured import Each
from reparam.evaluation.scoring.scorecard import Scorecard
from reparam.runs import SCORECARD, SCORECARD_TENSORS, Run, load_tensors, save_tensors

KIND = "scorecard"
PLACES = ".images"
"""After a measure's name: where its images are."""
OWN = ".control"
"""After the name of a measure of a few images: the cheap figure of theirs, `Each.own`."""


def save_each(run: Run, card: Scorecard) -> None:
    """Writes them, with a digest of the scorecard's file, which must have been written."""
    tensors = {}
    for name, found in card.measures.items():
        if found.each is not None:
            tensors[name] = torch.from_numpy(found.each.values)
            tensors[name + PLACES] = torch.from_numpy(found.each.at.astype(np.int64))
            if found.each.own is not None:
                tensors[name + OWN] = torch.from_numpy(found.each.own)
    save_tensors(run.path / SCORECARD_TENSORS, tensors, KIND, {"of": _digest(run)})


def with_each(run: Run, card: Scorecard) -> Scorecard | None:
    """The scorecard, as it was read from the run, with the figures of each image.

    None where there are none of it: it is from before they were kept, or was replaced. Raises
    RunError for a damaged file.
    """
    file = run.path / SCORECARD_TENSORS
    if not file.exists():
        return None
    saved = load_tensors(file, KIND, "score the run again")
    if saved.state.get("of") != _digest(run):
        return None
    try:
        each = {
            name: Each(
                values.numpy(),
                saved.tensors[name + PLACES].numpy(),
                saved.tensors[name + OWN].numpy() if name + OWN in saved.tensors else None,
            )
            for name, values in saved.tensors.items()
            if not name.endswith((PLACES, OWN))
        }
    except KeyError as error:
        raise RunError(
            f"{file}: damaged ({reason_of(error)} missing). Fix: score the run again"
        ) from error
    measures = {name: replace(m, each=each.get(name)) for name, m in card.measures.items()}
    return replace(card, measures=measures)


def _digest(run: Run) -> str:
    return hashlib.sha256((run.path / SCORECARD).read_bytes()).hexdigest()

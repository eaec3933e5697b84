"""The option of commands that a conditional run must be told classes by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reparam.data import class_indices
from reparam.errors import ConfigError, DataError
from reparam.fields import option
from reparam.runs import Run
from reparam.types import LabelArray


def class_labels(
    run: Run,
    chosen: str | None,
    names: Sequence[str] | None,
    count: int,
    what: str,
    *,
    of_images: bool = False,
) -> LabelArray | None:
    """Labels of ``count`` rows for a conditional run, (N,); None for another run.

    They are of the ``chosen`` class, or else of these ``names``, one for each row. In those
    ``of_images`` a classifier finds the class where the name is "", which is −1 here, and where
    there are no names. Raises ConfigError for a class of a run that reads none, DataError, which
    begins with ``what``, for one that is not known and where there are neither.
    """
    classifies = of_images and run.config.model.classifier
    if not run.config.model.class_count():
        if chosen is not None:
            raise ConfigError(
                f"--class must be of a conditional run, got one that reads no labels ({run.path})."
                " Fix: omit it, or train with --model cvae"
            )
        return None
    known = run.facts.class_names
    if chosen is not None:
        names = [chosen]
    elif classifies:
        names = [""] * count if names is None else names
    elif names is None or "" in set(names) - set(known):
        got = "none" if names is None else f"{names.count('')} of {count} without"
        raise DataError(
            f"{what}: must have labels, as {run.path} is conditional on classes, got {got}. Fix: "
            "name labelled ones, or a class for all (--class)"
        )
    fix = ". Fix: let the classifier find the classes (--class '')" if classifies else ""
    found = class_indices(names, known, what, or_unknown=classifies, fix=fix)
    return found if chosen is None else np.repeat(found, count)


@dataclass(frozen=True)
class ClassChoice:
    """Which class a conditional run takes rows to be of."""

    class_name: str | None = option(None, flag="class", common=True)
    """Of a conditional run: the class of all of them, by its name or number. By default each one's
    label; '' for images whose classes a classifier is to find."""

    def labels(
        self,
        run: Run,
        names: Sequence[str] | None,
        count: int,
        what: str,
        *,
        of_images: bool = True,
    ) -> LabelArray | None:
        """As ``class_labels``."""
        return class_labels(run, self.class_name, names, count, what, of_images=of_images)


OWN_LABELS = ClassChoice()
"""Each row is of its own label."""

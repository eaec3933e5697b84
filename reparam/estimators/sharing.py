"""A fitted estimator as a folder for others, and on the Hugging Face Hub."""

import contextlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reparam import export  # its names are imported when they are used
from reparam.errors import ReparamError
from reparam.runs import IN_MEMORY, SCORECARD, SPLIT_IMAGES, Epoch, Result, Run

if TYPE_CHECKING:
    from reparam.estimators.base import Estimator


def save(
    fitted: "Estimator",
    folder: Path,
    card: "export.CardOptions",
    shown: "export.LabelledImages | None",
    *,
    name: str | None = None,
    overwrite: bool = False,
) -> None:
    """The folder with the model card, as `Estimator.save_pretrained` says; ``name``: on the Hub."""
    with tempfile.TemporaryDirectory() as temporary:
        run = _run_of(fitted, Path(temporary))
        export.save_pretrained(folder, run, card, shown=shown, name=name, overwrite=overwrite)


def push(
    fitted: "Estimator",
    name: str,
    card: "export.CardOptions",
    shown: "export.LabelledImages | None",
    *,
    private: bool,
    token: str | None,
) -> str:
    """The same on the Hub as ``name``; its address."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "model")
        save(fitted, folder, card, shown, name=name)
        return export.push(name, folder, private=private, token=token)


def _run_of(fitted: "Estimator", folder: Path) -> Run:
    """A run folder of the model as it is now.

    Of weights that were changed since training, such as by fine-tuning, nothing was measured, no
    command gives them, and other images than those of training may be theirs: none is named.
    """
    of, result, model = fitted.run_, fitted.result_, fitted.model_
    if result is None:  # as it was when it was loaded: the folder may be gone
        raise of.unfinished(export.FINISHED_ONLY)
    run = Run(folder, of.config, of.facts, unchecked=of.unchecked)
    run.write_record()
    now, model.prior = model.prior, fitted.trained_prior_
    try:
        run.save_model(model, epoch=result.best_epoch)
    finally:
        model.prior = now
    for line in fitted.history_:
        run.add_metrics(Epoch.from_mapping(line, "history_"))
    if run.model_digest() != fitted.weights_digest_:
        run, result = _changed(run, result)
        run.write_record()
    run.save_result(result)
    if now is not fitted.trained_prior_:
        run.save_prior(now)
    with contextlib.suppress(ReparamError):  # the folder is gone, damaged, or another run's now
        card = of.path / SCORECARD
        if Run.open(of.path).facts == of.facts and card.exists():
            shutil.copyfile(card, folder / SCORECARD)
    return run


def _changed(run: Run, result: Result) -> tuple[Run, Result]:
    """Without what is known of the weights that training ended with."""
    config = replace(run.config, data=replace(run.config.data, source=IN_MEMORY, data_dir=None))
    counts = {name: {SPLIT_IMAGES: of[SPLIT_IMAGES]} for name, of in result.splits.items()}
    return (
        replace(run, config=config, facts=replace(run.facts, command="")),
        replace(
            result,
            splits=counts,
            deterministic=False,
            deterministic_reason="the weights were changed after training, and not measured since",
        ),
    )

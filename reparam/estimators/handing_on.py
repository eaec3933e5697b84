"""HandedOn: a fitted estimator as a folder for others, and on the Hugging Face Hub."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from reparam import export  # its names are imported when they are used
from reparam.data import ImageSet
from reparam.errors import RunError
from reparam.evaluation import SCORECARD_FILE, Rows
from reparam.model import Autoencoder, Prior
from reparam.runs import Epoch, Result, Run
from reparam.types import LabelArray, PixelArray


class HandedOn:
    """What an estimator hands on, and what it must have for it."""

    model_: Autoencoder
    history_: list[dict[str, object]]
    run_: Run
    """As it was when the estimator was fitted or loaded; its folder may be gone."""
    result_: Result | None
    trained_prior_: Prior
    """The prior that the model was trained with, whatever was fitted since."""

    def _fitted(self) -> Autoencoder:
        raise NotImplementedError

    def _read(
        self, X: object, labels: object = None
    ) -> tuple[PixelArray, tuple[int, ...], LabelArray | None]:
        raise NotImplementedError

    def save_pretrained(
        self,
        folder: str | Path,
        *,
        shown: "Rows | ImageSet | None" = None,
        labels: object = None,
        license: str | None = None,
        dataset: str | None = None,
        overwrite: bool = False,
    ) -> None:
        """Writes the fitted model as a run folder with a model card (README.md) and pictures.

        It has the model as it is now, with a prior that was fitted to it, the metrics, and the
        scorecard of the run folder that the estimator is of, where that is there and valid. Names
        of classes and of the data are in it, the images are not; ``shown`` (as X of ``transform``,
        with ``labels`` for a conditional model) are images that the card shows with their
        reconstructions. ``license`` and ``dataset`` are names of the Hub's, for the card.

        Raises ConfigError where something exists and is no such folder, or without ``overwrite``;
        ExportError where a file would name a folder of this machine.
        """
        card = export.CardOptions(license=license, dataset=dataset)
        self._save(Path(folder), card, shown, labels, overwrite=overwrite)

    def push_to_hub(
        self,
        name: str,
        *,
        private: bool = False,
        shown: "Rows | ImageSet | None" = None,
        labels: object = None,
        license: str | None = None,
        dataset: str | None = None,
        token: str | None = None,
    ) -> str:
        """Puts what ``save_pretrained`` writes on the Hugging Face Hub as ``name``, user/name; its
        address.

        One commit has all files, or nothing changes. ``token``: else HF_TOKEN, or the one of
        `hf auth login`. Raises ConfigError without the package huggingface_hub, HubError where the
        Hub refuses or cannot be reached.
        """
        export.check_hub(name)
        card = export.CardOptions(license=license, dataset=dataset)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary, "model")
            self._save(folder, card, shown, labels, name=name)
            return export.push(name, folder, private=private, token=token)

    def _save(
        self,
        folder: Path,
        card: "export.CardOptions",
        shown: object,
        labels: object,
        *,
        name: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self._fitted()
        images = None
        if shown is not None:
            pixels, _, known = self._read(shown, labels)
            images = export.LabelledImages(pixels, known)
        with tempfile.TemporaryDirectory() as temporary:
            run = self._written(Path(temporary))
            export.save_pretrained(folder, run, card, shown=images, name=name, overwrite=overwrite)

    def _written(self, folder: Path) -> Run:
        """A run folder of the model as it is now."""
        of, result = self.run_, self.result_
        if result is None:
            raise RunError(
                f"{of.path}: what is handed on must be a finished run, got an unfinished one. Fix: "
                f"{of.resume_hint()}"
            )
        run = Run(folder, of.config, of.facts, unchecked=of.unchecked)
        run.write_record()
        now, self.model_.prior = self.model_.prior, self.trained_prior_
        try:
            run.save_model(self.model_, epoch=result.best_epoch)
        finally:
            self.model_.prior = now
        for line in self.history_:
            run.add_metrics(Epoch.from_mapping(line, "history_"))
        run.save_result(result)
        if now is not self.trained_prior_:
            run.save_prior(now)
        with contextlib.suppress(RunError):  # the folder is gone, or another run's now
            card = of.path / SCORECARD_FILE
            if Run.open(of.path).facts == of.facts and card.exists():
                shutil.copyfile(card, folder / SCORECARD_FILE)
        return run

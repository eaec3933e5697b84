"""A run is a folder: config.json, model.safetensors, metrics.jsonl, checkpoints/, samples/."""

import os
import platform
import secrets
import shlex
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from reparam._version import __version__
from reparam.data import NAMED_SOURCES, ImageSet, Progress, load_images
from reparam.errors import ConfigError, DataError, RunError, either, near_paths
from reparam.fields import as_path
from reparam.model import Autoencoder, Fittable, Prior, build_autoencoder
from reparam.registry import loaded_plugins
from reparam.runs.command import command_line
from reparam.runs.config import RunConfig
from reparam.runs.fitted_prior import load_prior, save_prior
from reparam.runs.folder import (
    CHECKPOINT,
    CONFIG,
    METRICS,
    PRIOR_FILE,
    RESULT,
    SAMPLES,
    WEIGHTS,
    check_free,
    empty,
    is_run,
)
from reparam.runs.json_file import (
    DIGEST,
    is_intact,
    own_values,
    read_mapping,
    with_digest,
    write_mapping,
)
from reparam.runs.lock import writing
from reparam.runs.metrics import add_metrics, check_lines, keep_metrics, read_metrics
from reparam.runs.migrations import FORMAT, migrate_config, migrate_weights
from reparam.runs.options import to_mapping
from reparam.runs.records import Epoch, Facts, Result, checked
from reparam.runs.resolving import resolve
from reparam.runs.same_run import check_same_run, identity
from reparam.runs.weights import (
    Saved,
    Tensors,
    check_format,
    digest_of,
    load_tensors,
    load_weights,
    save_tensors,
)
from reparam.types import Json

IN_MEMORY = "<arrays>"
"""Source of a run that was trained on arrays: it cannot read its images again."""

_RESTORE = "restore the file, or train the run again"


@dataclass(frozen=True)
class Run:
    """The folder of one training run, with what its config.json held when it was opened."""

    path: Path
    config: RunConfig
    facts: Facts
    unchecked: bool = False
    """config.json has no digest: its line was removed after a change on purpose, or the run is from
    before there was one. Then nothing says whether the weights were trained with these options."""

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    @property
    def weights(self) -> Path:
        return self.path / WEIGHTS

    @property
    def prior_file(self) -> Path:
        """A prior that was fitted after training; ``load_model`` says whether it can be used."""
        return self.path / PRIOR_FILE

    @property
    def metrics_file(self) -> Path:
        return self.path / METRICS

    @property
    def samples(self) -> Path:
        return self.path / SAMPLES

    @classmethod
    def create(
        cls, path: str | Path, config: RunConfig, images: ImageSet, *, command: str, overwrite: bool
    ) -> "Run":
        """A new folder with its resolved configuration.

        Raises RunError where one exists, or is being written, ConfigError for a conditional model
        and images without labels, DataError for one that must know more of them, and what
        ``check_for`` raises for parts that give other shapes than their contracts say.
        """
        path = Path(path)
        check_free(path, overwrite=overwrite)
        facts = Facts(
            image_shape=images.image_shape,
            class_names=images.class_names,
            fingerprint=images.fingerprint(),
            versions={
                "reparam": __version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
                "machine": platform.machine(),
                "system": platform.system(),
            },
            command=command,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            plugins=dict(loaded_plugins()),
            id=secrets.token_hex(8),
        )
        run = cls(path, config.for_classes(images.class_names).as_recorded(), facts)
        labels, known = images.labels, images.labelled("train")
        enough = len(known) if config.model.classifier else labels is None or labels.min() >= 0
        if config.model.classes and not enough:
            raise DataError(
                f"{images.name}: a conditional model must have a label of every image, or with a "
                f"classifier of some training images, got {len(known)} of training images. Fix: "
                "label more, or add a classifier (--classifier --objective semi-supervised; in "
                'Python classifier=True, objective="semi-supervised")'
            )
        run.config.check_for(images.image_shape)
        with writing(path):
            check_free(path, overwrite=overwrite)  # another process may have come first
            empty(path)
            run.write_record()
        return run

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """An existing run. Raises RunError when it is missing, damaged, or from a newer version."""
        path = as_path(path)
        if path.exists() and not path.is_dir():
            raise RunError(f"{path}: must be a run folder, got a file. Fix: name a run folder")
        if not path.is_dir():
            raise RunError(
                f"{path}: no such run folder{near_paths(path, is_run) or '.'} Fix: "
                f"`{shlex.join(['reparam', 'train', '--out', str(path)])}` makes it"
            )
        file = path / CONFIG
        if not file.exists():
            raise RunError(
                f"{path}: not a run folder, config.json is missing{_runs_in(path)} Fix: name a "
                "folder that `reparam train` wrote, by default runs/DATA-MODEL"
            )
        record = read_mapping(file, _RESTORE)
        if "format" not in record:
            raise RunError(f"{file}: not a reparam configuration. Fix: name a run folder")
        found = check_format(file, record["format"])
        if not is_intact(record, ""):
            raise RunError(
                f"{file}: was changed since it was written. Fix: restore it; or, to keep a change "
                f'that was made on purpose, remove its line "{DIGEST}"'
            )
        record = migrate_config(record, found)
        facts = checked(Facts, record, str(file))
        _warn_of_changed_plugins(path, facts)
        return cls(path, _config_of(record, file, facts), facts, unchecked=DIGEST not in record)

    def write_record(self) -> None:
        """Writes config.json."""
        record = {"format": FORMAT, **to_mapping(self.config), **asdict(self.facts)}
        write_mapping(self.path / CONFIG, record if self.unchecked else with_digest(record, ""))

    def extended(self, epochs: int) -> "Run":
        """The run, planned for ``epochs`` in all. Raises as ``check_can_extend`` does."""
        self.check_can_extend(epochs)
        training = replace(self.config.training, epochs=epochs)
        run = replace(self, config=replace(self.config, training=training))
        run.write_record()
        return run

    def check_can_extend(self, epochs: int) -> None:
        """Raises ConfigError for fewer epochs than are done, and for a run that early stopping
        ended; RunError where its metrics or its checkpoint are damaged.
        """
        done = len(self.metrics())
        last = load_tensors(self.checkpoint, "checkpoint").state if self.checkpoint.exists() else {}
        if last.get("finished"):
            raise ConfigError(
                f"{self.path}: early stopping ended the run after epoch {done}, got --epochs "
                f"{epochs}. Fix: train anew with a larger --early-stop, or without it"
            )
        if epochs < done:
            raise ConfigError(
                f"--epochs must be at least {done}, as many as {self.path} has done, got {epochs}. "
                "Fix: ask for more"
            )

    def is_of(self, config: RunConfig) -> bool:
        """Whether the run was begun with this configuration."""
        return self.config == config.for_classes(self.facts.class_names).as_recorded()

    def resume_hint(self) -> str:
        """What a person does, after something stopped the run, to continue it."""
        if self.config.data.source == IN_MEMORY:
            return "train again"
        return f"continue with `{self.resume_command}`"

    @property
    def resume_command(self) -> str:
        """What continues the run, with the plug-ins that are loaded."""
        return command_line("resume", [str(self.path)])

    def images(self, progress: Progress | None = None) -> ImageSet:
        """The images that the run was trained on, read again, and the same to the last pixel.

        Raises RunError when they have changed since, or were only ever in memory.
        """
        self.check_has_source()
        images = load_images(self.config.data, progress)
        self.check_images(images)
        return images

    def check_images(self, images: ImageSet) -> None:
        """Raises RunError for other images or splits than those that the run was made with."""
        if images.fingerprint() != self.facts.fingerprint:
            raise RunError(
                f"{self.path}: {images.name} has other images or splits than when the run began. "
                "Fix: restore the data, or train anew"
            )

    def check_has_source(self) -> None:
        """Raises RunError for a run that was trained on arrays, which it cannot find again, and for
        one whose images are not at their place any more.
        """
        source = self.config.data.source
        relocate = command_line("relocate", [str(self.path), "DATA"])
        if source == IN_MEMORY:
            raise RunError(
                f"{self.path}: names no images: it was trained on arrays in memory, or changed "
                "after training. Fix: name them (DATA) where the command takes them, or say which "
                f"file or folder has the images of its training: {relocate}"
            )
        if source not in NAMED_SOURCES and not os.path.exists(source):
            raise RunError(
                f"{self.path}: its images are not at {source!r}. Fix: bring them back, or say "
                f"where they are now: {relocate}"
            )

    def relocated(
        self, source: str, data_dir: Path | None = None, progress: Progress | None = None
    ) -> "Run":
        """The run, whose images are now at ``source``; config.json says so from then on.

        They are read as before. Raises RunError unless they are the same to the last pixel, in the
        same order, and what `load_images` raises.
        """
        data = replace(self.config.data, source=source, data_dir=data_dir)
        moved = replace(self.config, data=data).as_recorded()
        self.check_images(load_images(moved.data, progress))
        run = replace(self, config=moved)
        run.write_record()
        return run

    def check_untrained(self) -> None:
        """Raises RunError where the run has results of training but no checkpoint to resume from:
        to train anew would replace them.
        """
        written = (self.weights, self.metrics_file, self.path / RESULT)
        found = [file.name for file in written if file.exists()]
        if found:
            raise RunError(
                f"{self.checkpoint}: missing beside {' and '.join(found)}, which training anew "
                "would replace. Fix: restore the checkpoint, or train into another --out"
            )

    def metrics(self) -> list[Epoch]:
        """The finished epochs; none where there is no file.

        Raises RunError when the file is damaged, another run's, or lacks an epoch of the result.
        """
        found, result = read_metrics(self.metrics_file, self.facts.id), self.result()
        if result is not None and self.metrics_file.exists():
            check_lines(self.metrics_file, found, result.epochs)
        return found

    def keep_metrics(self, epochs: int) -> None:
        """Drops the lines of epochs that a resumed run will go through again, and half a line.

        Raises RunError where one of the ``epochs`` before has none.
        """
        keep_metrics(self.metrics_file, self.facts.id, epochs)

    def add_metrics(self, epoch: Epoch) -> None:
        """Raises DiskFullError, and adds nothing, where the disk is full."""
        add_metrics(self.metrics_file, self.facts.id, epoch)

    def build_model(self) -> Autoencoder:
        """A fresh model of this run."""
        return build_autoencoder(self.config.model, self.facts.image_shape)

    def save_model(self, model: Autoencoder, *, epoch: int) -> None:
        self.save_weights(model.state_dict(), epoch=epoch)

    def save_weights(self, weights: Tensors, *, epoch: int) -> None:
        """A model's state as the best weights so far, those of ``epoch``."""
        state = {"epoch": epoch, "of": identity(self.config, self.facts)}
        save_tensors(self.weights, weights, "model", state)

    def load_model(self, *, own_prior: bool = False, device: str = "cpu") -> Autoencoder:
        """The best weights so far, in evaluation mode, with the prior fitted to them.

        ``own_prior``: with the prior that the run was trained with, whatever was fitted since.
        Raises RunError when the weights are missing, damaged, another run's, or of another epoch or
        shape than the run's JSON files say, and when a fitted prior is damaged or of other weights.
        """
        saved, result = self._saved_weights(), self.result()
        if result is not None and saved.state.get("epoch") != result.best_epoch:
            raise RunError(
                f"{self.weights} must be of the best epoch, {result.best_epoch} in {RESULT}, got "
                f"{saved.state.get('epoch')!r}. Fix: restore the right file"
            )
        with torch.random.fork_rng(devices=[]):  # fresh weights are random at first
            model = self.build_model()
        load_weights(model, migrate_weights(saved.tensors, saved.format), self.weights)
        fitted = None if own_prior else load_prior(self.path, saved.digest, model.latent)
        if fitted is not None:
            model.prior = fitted
        return model.eval().to(device)

    def weights_digest(self) -> str:
        """Of the best weights so far: what is kept of them belongs to no others.

        Raises RunError when they are missing, damaged or another run's.
        """
        return self._saved_weights().digest

    def model_digest(self) -> str:
        """As ``weights_digest``, under today's names of the tensors."""
        saved = self._saved_weights()
        return digest_of({}, migrate_weights(saved.tensors, saved.format))

    def weights_epoch(self) -> int | None:
        """The epoch of the best weights so far; None where there are none.

        Raises RunError when they are damaged or another run's.
        """
        return self._saved_weights().state["epoch"] if self.weights.exists() else None

    def _saved_weights(self) -> Saved:
        saved = load_tensors(self.weights, "model")
        if not self.unchecked:
            check_same_run(identity(self.config, self.facts), saved.state.get("of"), self.weights)
        return saved

    def save_prior(self, prior: Prior, **facts: object) -> None:
        """Keeps a prior that was fitted to the latents of the best weights; ``facts`` say how."""
        save_prior(self.path, prior, self.weights_digest(), facts)

    def fitted_prior(self) -> str | None:
        """The kind of prior that was fitted to the best weights; None where none was.

        Raises as `load_model`.
        """
        if not self.prior_file.exists():
            return None
        prior = self.load_model().prior
        assert isinstance(prior, Fittable)
        return prior.options().type

    def forget_prior(self) -> None:
        """Back to the prior that the run was trained with."""
        self.prior_file.unlink(missing_ok=True)

    def result(self) -> Result | None:
        """The final metrics of a finished run; None while it is unfinished."""
        values = self.read_json(RESULT, _RESTORE)
        return None if values is None else Result.from_mapping(values, str(self.path / RESULT))

    @property
    def is_finished(self) -> bool:
        """Whether training went to its planned end, or stopped early as planned."""
        result, training = self.result(), self.config.training
        if result is None:
            return False
        waited, patience = result.epochs - result.best_epoch, training.early_stop
        return result.epochs >= training.epochs or (patience is not None and waited >= patience)

    def save_result(self, result: Result) -> None:
        self.write_json(RESULT, result.to_mapping())

    def finished(self, rule: str) -> Result:
        """The final metrics. Raises RunError for an unfinished run, saying the ``rule``."""
        result = self.result()
        if result is None:
            raise self.unfinished(rule)
        return result

    def unfinished(self, rule: str) -> RunError:
        """What is raised of an unfinished run, saying the ``rule``."""
        return RunError(f"{self.path}: {rule}, got an unfinished one. Fix: {self.resume_hint()}")

    def forget_result(self) -> None:
        """Training continues: the final metrics are no longer true."""
        (self.path / RESULT).unlink(missing_ok=True)

    def write_json(self, name: str, values: Mapping[str, object]) -> None:
        """Names and values into a file of the run, which belongs to no other."""
        write_mapping(self.path / name, with_digest(values, self.facts.id))

    def read_json(self, name: str, fix: str) -> Json | None:
        """What ``write_json`` wrote; None where there is no such file.

        Raises RunError, which ends in ``fix``, where the file is damaged or another run's.
        """
        file = self.path / name
        if not file.exists():
            return None
        return own_values(read_mapping(file, fix), self.facts.id, str(file), fix)


def _config_of(record: Mapping[str, object], file: Path, facts: Facts) -> RunConfig:
    """The options in config.json. Raises RunError where one is missing or a plug-in is needed."""
    options = {name: record[name] for name in to_mapping(RunConfig()) if name in record}
    missing = [name for name in to_mapping(RunConfig()) if name not in record]
    if missing:
        raise RunError(f"{file}: {', '.join(missing)} missing. Fix: train the run again")
    try:
        return resolve(RunConfig(), [(str(file), options)])
    except ConfigError as error:
        needed = [path for path in facts.plugins if path not in loaded_plugins()]
        if not needed:
            raise
        raise RunError(
            f"{error}. The run was trained with --plugin {shlex.join(needed)}"
        ) from error


def _warn_of_changed_plugins(path: Path, facts: Facts) -> None:
    """A run that went to another machine knows the names of its plug-ins, and not their folders."""
    for file, digest in loaded_plugins().items():
        name = Path(file).name
        trained = {known for at, known in facts.plugins.items() if Path(at).name == name}
        if trained and digest not in trained:
            warnings.warn(
                f"{path}: was trained with another {name} than {file}, whose parts may "
                "compute something else. Fix: use the file of that time, or go on if what changed "
                "is not a part of this run",
                stacklevel=2,
            )


def _runs_in(path: Path) -> str:
    """What to take in place of a folder of runs."""
    runs = [str(inside) for inside in sorted(path.iterdir()) if is_run(inside)]
    return f"; did you mean {either(runs[:3])}?" if runs else "."

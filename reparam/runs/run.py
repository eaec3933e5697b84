"""A run is a folder: config.json, model.safetensors, metrics.jsonl, checkpoints/, samples/."""

import json
import platform
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from reparam._version import __version__
from reparam.data import NAMED_SOURCES, DataConfig, ImageSet, Progress, load_images
from reparam.errors import ConfigError, RunError
from reparam.model import Autoencoder, Prior, build_autoencoder
from reparam.registry import loaded_plugins
from reparam.runs.command import command_line
from reparam.runs.config import RunConfig
from reparam.runs.files import write_atomically
from reparam.runs.fitted_prior import FILE as PRIOR_FILE
from reparam.runs.fitted_prior import load_prior, save_prior
from reparam.runs.folder import check_free, empty
from reparam.runs.lock import writing
from reparam.runs.metrics import read_metrics
from reparam.runs.migrations import FORMAT, migrate_config, migrate_weights
from reparam.runs.options import to_mapping
from reparam.runs.records import Epoch, Facts, Result, checked
from reparam.runs.resolving import resolve
from reparam.runs.weights import Tensors, check_format, load_tensors, save_tensors

IN_MEMORY = "<arrays>"
"""Source of a run that was trained on arrays: it cannot read its images again."""

CONFIG = "config.json"
RESULT = "result.json"


@dataclass(frozen=True)
class Run:
    """The folder of one training run, with what its config.json held when it was opened."""

    path: Path
    config: RunConfig
    facts: Facts

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoints" / "last.safetensors"

    @property
    def weights(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def prior_file(self) -> Path:
        """A prior that was fitted after training; ``load_model`` says whether it can be used."""
        return self.path / PRIOR_FILE

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @classmethod
    def create(
        cls, path: Path, config: RunConfig, images: ImageSet, *, command: str, overwrite: bool
    ) -> "Run":
        """A new folder with its resolved configuration.

        Raises RunError where one exists, or is being written.
        """
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
        )
        run = cls(path, as_recorded(config), facts)
        with writing(path):
            check_free(path, overwrite=overwrite)  # another process may have come first
            empty(path)
            run._write_record()
        return run

    @classmethod
    def open(cls, path: Path) -> "Run":
        """An existing run. Raises RunError when it is missing, damaged, or from a newer version."""
        if not path.is_dir():
            raise RunError(
                f"{path}: no such run folder. Fix: `reparam train --out {path}` makes it"
            )
        file = path / CONFIG
        if not file.is_file():
            raise RunError(
                f"{path}: not a run folder, config.json is missing. Fix: name a run folder"
            )
        record = _read_json(file)
        if "format" not in record:
            raise RunError(f"{file}: not a reparam configuration. Fix: name a run folder")
        record = migrate_config(record, check_format(file, record["format"]))
        facts = checked(Facts, record, str(file))
        return cls(path, _config_of(record, file, facts), facts)

    def _write_record(self) -> None:
        self.write_json(CONFIG, {"format": FORMAT, **to_mapping(self.config), **asdict(self.facts)})

    def extended(self, epochs: int) -> "Run":
        """The run, planned for ``epochs`` in all.

        Raises ConfigError for fewer than are done, and for a run that early stopping ended.
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
        training = replace(self.config.training, epochs=epochs)
        run = replace(self, config=replace(self.config, training=training))
        run._write_record()
        return run

    def is_of(self, config: RunConfig) -> bool:
        """Whether the run was begun with this configuration."""
        return self.config == as_recorded(config)

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
        if images.fingerprint() != self.facts.fingerprint:
            raise RunError(
                f"{self.path}: {images.name} has other images or splits than when the run began. "
                "Fix: restore the data, or train anew"
            )
        return images

    def check_has_source(self) -> None:
        """Raises RunError for a run that was trained on arrays, which it cannot find again."""
        if self.config.data.source == IN_MEMORY:
            raise RunError(
                f"{self.path}: was trained on arrays in memory, which it cannot find again. Fix: "
                "name the images (DATA) where the command takes them, or use reparam.load in Python"
            )

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
        """The finished epochs."""
        return read_metrics(self.metrics_file)

    def build_model(self) -> Autoencoder:
        """A fresh model of this run."""
        return build_autoencoder(self.config.model, self.facts.image_shape)

    def save_model(self, model: Autoencoder, *, epoch: int) -> None:
        save_tensors(self.weights, model.state_dict(), "model", {"epoch": epoch})

    def load_model(self, *, own_prior: bool = False, device: str = "cpu") -> Autoencoder:
        """The best weights so far, in evaluation mode, with the prior fitted to them.

        ``own_prior``: with the prior that the run was trained with, whatever was fitted since.
        Raises RunError when the weights are missing, damaged, or of another shape than config.json
        says, and when a fitted prior is damaged or of other weights.
        """
        saved = load_tensors(self.weights, "model")
        with torch.random.fork_rng(devices=[]):  # fresh weights are random at first
            model = self.build_model()
        load_weights(model, migrate_weights(saved.tensors, saved.format), self.weights)
        fitted = None if own_prior else load_prior(self.path, saved.digest, model.latent)
        if fitted is not None:
            model.prior = fitted
        return model.eval().to(device)

    def save_prior(self, prior: Prior, **facts: object) -> None:
        """Keeps a prior that was fitted to the latents of the best weights; ``facts`` say how."""
        save_prior(self.path, prior, load_tensors(self.weights, "model").digest, facts)

    def forget_prior(self) -> None:
        """Back to the prior that the run was trained with."""
        self.prior_file.unlink(missing_ok=True)

    def result(self) -> Result | None:
        """The final metrics of a finished run; None while it is unfinished."""
        file = self.path / RESULT
        return Result.from_mapping(_read_json(file), str(file)) if file.exists() else None

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
            raise RunError(f"{self.path}: {rule}, got an unfinished one. Fix: {self.resume_hint()}")
        return result

    def forget_result(self) -> None:
        """Training continues: the final metrics are no longer true."""
        (self.path / RESULT).unlink(missing_ok=True)

    def write_json(self, name: str, value: Mapping[str, object]) -> None:
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.path / name, text.encode())


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


def _read_json(file: Path) -> dict[str, object]:
    """Raises RunError when the file is not a mapping in JSON."""
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise RunError(f"{file}: cut short or damaged ({error}). Fix: train it again") from error
    if not isinstance(loaded, dict):
        raise RunError(f"{file}: must hold names and values, got others. Fix: train it again")
    return loaded


def as_recorded(config: RunConfig) -> RunConfig:
    """As config.json has it: whatever depends on the folder or on defaults is written out."""
    return replace(config.resolve_defaults(), data=_with_absolute_paths(config.data))


def _with_absolute_paths(data: DataConfig) -> DataConfig:
    """So that the run finds its images from any folder."""
    source = Path(data.source).expanduser()
    if data.source not in NAMED_SOURCES and source.exists():
        data = replace(data, source=str(source.resolve()))
    if data.data_dir is not None:
        data = replace(data, data_dir=data.data_dir.expanduser().resolve())
    return data


def load_weights(model: Autoencoder, tensors: Tensors, path: Path) -> None:
    """Raises RunError when the names or shapes differ from the model's."""
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if own != found:
        odd = sorted({name for name, _ in own.items() ^ found.items()})
        raise RunError(
            f"{path}: its weights do not fit config.json ({', '.join(odd[:3])}"
            f"{', ...' if len(odd) > 3 else ''}). Fix: restore the right file"
        )
    model.load_state_dict(tensors)

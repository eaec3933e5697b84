"""A run is a folder: config.json, model.safetensors, metrics.jsonl, checkpoints/, samples/."""

import json
import platform
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from reparam._version import __version__
from reparam.data import NAMED_SOURCES, DataConfig, ImageSet, Progress, load_images
from reparam.errors import ConfigError, RunError
from reparam.model import AnyFittedPrior, Autoencoder, build_autoencoder
from reparam.training.config import RunConfig
from reparam.training.files import write_atomically
from reparam.training.fitted_prior import FILE as PRIOR_FILE
from reparam.training.fitted_prior import load_prior, save_prior
from reparam.training.folder import check_free, empty
from reparam.training.lock import writing
from reparam.training.metrics import read_metrics
from reparam.training.settings import RECORDS, to_mapping, updated
from reparam.training.weights import (
    FORMAT,
    check_format,
    load_tensors,
    save_tensors,
)

IN_MEMORY = "<arrays>"
"""Source of a run that was trained on arrays: it cannot read its images again."""


@dataclass(frozen=True)
class Facts:
    """What a run knows about its images without having them."""

    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    fingerprint: str


def build_model(config: RunConfig, image_shape: tuple[int, int, int]) -> Autoencoder:
    """A fresh model whose likelihood has the variance that the objective's weight asks for, or 1
    where training is to find it.
    """
    height, width, channels = image_shape
    weight = config.objective.weight_for(height * width * channels)
    return build_autoencoder(config.model, image_shape, weight.variance if weight else 1.0)


@dataclass(frozen=True)
class Run:
    """The folder of one training run."""

    path: Path

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

        Raises RunError where one stands, or is being written.
        """
        check_free(path, overwrite=overwrite)
        run = cls(path)
        config = _written_out(config)
        record = {
            "format": FORMAT,
            **to_mapping(config),
            "image_shape": list(images.image_shape),
            "class_names": list(images.class_names),
            "fingerprint": images.fingerprint(),
            "versions": {
                "reparam": __version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
                "machine": platform.machine(),
                "system": platform.system(),
            },
            "command": command,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with writing(path):
            check_free(path, overwrite=overwrite)  # another process may have come first
            empty(path)
            run.write_json("config.json", record)
        return run

    @classmethod
    def open(cls, path: Path) -> "Run":
        """An existing run. Raises RunError when it is missing, damaged, or from a newer version."""
        if not path.is_dir():
            raise RunError(f"{path}: no such run folder; `reparam train --out {path}` makes it")
        run = cls(path)
        run.record()
        return run

    def record(self) -> dict[str, Any]:
        """config.json: the options and what was known when the run began."""
        file = self.path / "config.json"
        if not file.is_file():
            raise RunError(f"{self.path}: not a run folder, config.json is missing; name a run")
        record = _read_json(file)
        if "format" not in record:
            raise RunError(f"{file}: not a reparam configuration; name a run folder")
        check_format(file, record["format"])
        missing = [key for key in (*RECORDS, *to_mapping(RunConfig())) if key not in record]
        if missing:
            raise RunError(f"{file}: {', '.join(missing)} missing; train the run again")
        return record

    def config(self) -> RunConfig:
        options = {key: value for key, value in self.record().items() if key not in RECORDS}
        return updated(RunConfig(), options, str(self.path / "config.json"))

    def extend(self, epochs: int) -> None:
        """Plans the run for ``epochs`` in all.

        Raises ConfigError for fewer than are done, and for a run that early stopping ended.
        """
        done = len(self.metrics())
        if self.checkpoint.exists() and load_tensors(self.checkpoint, "checkpoint")[1]["finished"]:
            raise ConfigError(
                f"{self.path}: early stopping ended the run after epoch {done}, found --epochs "
                f"{epochs}: train anew with a larger --early-stop, or without it"
            )
        if epochs < done:
            raise ConfigError(
                f"{self.path}: {done} epochs are done, found --epochs {epochs}: ask for more"
            )
        record = self.record()
        record["training"]["epochs"] = epochs
        self.write_json("config.json", record)

    def is_of(self, config: RunConfig) -> bool:
        """Whether the run was begun with this configuration."""
        return self.config() == _written_out(config)

    def way_on(self) -> str:
        """What a person does, after something stopped the run, to go on with it."""
        if self.config().data.source == IN_MEMORY:
            return "train again"
        return f"go on with `reparam resume {shlex.quote(str(self.path))}`"

    def facts(self) -> Facts:
        record = self.record()
        try:
            height, width, channels = map(int, record["image_shape"])
            names = tuple(map(str, record["class_names"]))
        except (TypeError, ValueError) as error:
            raise RunError(
                f"{self.path / 'config.json'}: image_shape or class_names is damaged ({error}); "
                "restore the file"
            ) from error
        return Facts((height, width, channels), names, str(record["fingerprint"]))

    def images(self, progress: Progress | None = None) -> ImageSet:
        """The images that the run was trained on, read again, and the same to the last pixel.

        Raises RunError when they have changed since, or were only ever in memory.
        """
        self.check_has_source()
        images = load_images(self.config().data, progress)
        if images.fingerprint() != self.facts().fingerprint:
            raise RunError(
                f"{self.path}: {images.name} has other images or splits than when the run began; "
                "restore the data, or train anew"
            )
        return images

    def check_has_source(self) -> None:
        """Raises RunError for a run that was trained on arrays, which it cannot find again."""
        if self.config().data.source == IN_MEMORY:
            raise RunError(
                f"{self.path}: was trained on arrays in memory, which it cannot find again; name "
                "the images (DATA) where the command takes them, or use reparam.load in Python"
            )

    def metrics(self) -> list[dict[str, Any]]:
        """One mapping per finished epoch."""
        return read_metrics(self.metrics_file)

    def save_model(self, model: Autoencoder, **state: Any) -> None:
        save_tensors(self.weights, model.state_dict(), "model", state)

    def load_model(self, *, own_prior: bool = False) -> Autoencoder:
        """The best weights so far, in evaluation mode on the CPU, with the prior fitted to them.

        ``own_prior``: with the prior that the run was trained with, whatever was fitted since.
        Raises RunError when the weights are missing, damaged, or of another shape than config.json
        says, and when a fitted prior is damaged or of other weights.
        """
        tensors, _ = load_tensors(self.weights, "model")
        model = build_model(self.config(), self.facts().image_shape)
        load_weights(model, tensors, self.weights)
        fitted = None if own_prior else load_prior(self.path, tensors)
        if fitted is not None:
            model.prior = fitted
        return model.eval()

    def save_prior(self, prior: AnyFittedPrior, **facts: Any) -> None:
        """Keeps a prior that was fitted to the latents of the best weights; ``facts`` say how."""
        save_prior(self.path, prior, load_tensors(self.weights, "model")[0], facts)

    def forget_prior(self) -> None:
        """Back to the prior that the run was trained with."""
        self.prior_file.unlink(missing_ok=True)

    def result(self) -> dict[str, Any] | None:
        """What the finished run came to; None while it is unfinished."""
        if not self._result_file.exists():
            return None
        result = _read_json(self._result_file)
        missing = [key for key in ("epochs", "best_epoch", "seconds", "train") if key not in result]
        if missing:
            raise RunError(f"{self._result_file}: {', '.join(missing)} missing; train it again")
        return result

    def check_finished(self, rule: str) -> None:
        """Raises RunError for an unfinished run, saying the ``rule``."""
        if self.result() is None:
            raise RunError(f"{self.path}: {rule}, found an unfinished one; {self.way_on()}")

    def forget_result(self) -> None:
        """The run goes on: what it came to is no longer true."""
        self._result_file.unlink(missing_ok=True)

    @property
    def _result_file(self) -> Path:
        return self.path / "result.json"

    def write_json(self, name: str, value: Any) -> None:
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.path / name, text.encode())


def _read_json(file: Path) -> dict[str, Any]:
    """Raises RunError when the file is not a mapping in JSON."""
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RunError(f"{file}: cut short or damaged ({error}); train it again") from error
    if not isinstance(loaded, dict):
        raise RunError(f"{file}: damaged, it should hold names and values; train it again")
    return loaded


def _written_out(config: RunConfig) -> RunConfig:
    """As config.json has it: whatever depends on the folder or on defaults is said."""
    data = _with_absolute_paths(config.data)
    return replace(config, data=data, objective=config.objective.settled(config.model.likelihood))


def _with_absolute_paths(data: DataConfig) -> DataConfig:
    """So that the run finds its images from any folder."""
    source = Path(data.source).expanduser()
    if data.source not in NAMED_SOURCES and source.exists():
        data = replace(data, source=str(source.resolve()))
    if data.data_dir is not None:
        data = replace(data, data_dir=data.data_dir.expanduser().resolve())
    return data


def load_weights(model: Autoencoder, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Raises RunError when the names or shapes differ from the model's."""
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if own != found:
        odd = sorted({name for name, _ in own.items() ^ found.items()})
        raise RunError(
            f"{path}: its weights do not fit config.json ({', '.join(odd[:3])}"
            f"{', ...' if len(odd) > 3 else ''}); restore the right file"
        )
    model.load_state_dict(tensors)

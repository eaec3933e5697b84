"""A run as other people may have it: its own files, without folders of the machine."""

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path, PurePosixPath

from reparam.data import NAMED_SOURCES
from reparam.errors import ExportError
from reparam.evaluation import Scorecard, check_scorecard
from reparam.fields import as_path
from reparam.model import Autoencoder
from reparam.runs import (
    CONFIG,
    IN_MEMORY,
    METRICS,
    PRIOR_FILE,
    RESULT,
    SCORECARD,
    WEIGHTS,
    Facts,
    Run,
    RunConfig,
    write_atomically,
)

_AS_THEY_ARE = (WEIGHTS, PRIOR_FILE, METRICS, RESULT)

RUN_FILES = (CONFIG, *_AS_THEY_ARE, SCORECARD)
"""What of a run folder is shared. Not among them: checkpoints, samples of training, calibrations
for anomaly detection (they hold pictures), and what was measured for this machine alone."""


def write_public_run(run: Run, model: Autoencoder, folder: Path) -> Scorecard | None:
    """The files of a finished run, into an empty ``folder``: weights, fitted prior, metrics and
    result byte by byte; config.json and the scorecard without folders of this machine.

    ``model`` is the run's, as it is loaded. Gives back the scorecard, as far as it is valid. A run
    that is public already stays as it is. Raises RunError for damaged files.
    """
    public = Run(folder, _config(run.config), _facts(run), unchecked=run.unchecked)
    public.write_record()
    for name in _AS_THEY_ARE:
        file = run.path / name
        if file.exists():
            write_atomically(folder / name, file.read_bytes(), durable=False)
    card = check_scorecard(run, model=model).card
    if card is not None:
        features = card.options.get("features")
        options = {**card.options, "features": None if features is None else _name(str(features))}
        card = replace(card, source=_name(card.source), options=options)
        public.write_json(SCORECARD, card.to_mapping())
    return card


def check_places(folder: Path, run: Run) -> None:
    """Raises ExportError where a file of the public ``folder`` names the home folder, that of the
    run, or that of its images.
    """
    for file in folder.iterdir():
        _check_places(file, run)


def _config(config: RunConfig) -> RunConfig:
    source = config.data.source
    if source != IN_MEMORY:
        named = source in NAMED_SOURCES
        source = _name(source)
        if source in NAMED_SOURCES and not named:
            source = f"./{source}"  # a folder of that name, as one says it of a folder here
    return replace(config, data=replace(config.data, source=source, data_dir=None, mirrors=()))


def _facts(run: Run) -> Facts:
    facts = run.facts
    # A call in Python has no words that could be told apart.
    command = "" if run.config.data.source == IN_MEMORY else _words(facts.command)
    plugins = {_name(path): digest for path, digest in facts.plugins.items()}
    return replace(facts, command=command, plugins=plugins)


def _words(command: str) -> str:
    """A command line; of each path in it the last name, and of an address nothing: it may have a
    password in it."""
    try:
        words = shlex.split(command)
    except ValueError:  # quotes that do not close: not a line that we wrote
        return ""
    named = []
    for word in words:
        flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        is_path = "/" in value or "\\" in value or value in (".", "..", "~")
        if "://" in value:
            value = "URL"
        elif is_path:
            value = _name(value)
        named.append(flag + equals + value)
    return shlex.join(named)


def _name(path: str) -> str:
    """The last name of a path, which may be written as on another system; never a home folder."""
    plain = PurePosixPath(path.replace("\\", "/"))
    if plain.name in ("", ".."):
        plain = PurePosixPath(as_path(path).resolve().as_posix())
    return plain.name.lstrip("~") or "images"


def _check_places(file: Path, run: Run) -> None:
    source = as_path(run.config.data.source)
    folders = [Path.home(), run.path.absolute().parent]
    if source.is_absolute():
        folders.append(source.parent)
    data = file.read_bytes()
    if file.suffix == ".safetensors":  # the rest is numbers
        data = data[: 8 + int.from_bytes(data[:8], "little")]
    for folder in folders:
        place = f"{folder}{os.sep}"
        as_json = json.dumps(place)[1:-1]  # \\ for \, and other letters than ASCII's escaped
        named = place.encode() in data or as_json.encode() in data
        if named and folder != Path(folder.anchor):
            raise ExportError(
                f"{file.name}: must not name folders of this machine, got {folder}. Fix: train "
                "with options that are relative paths"
            )

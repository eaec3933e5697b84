"""reparam train: one run folder from one set of images."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reparam.cli.parse import parse
from reparam.cli.session import train_with_progress
from reparam.data import load_images
from reparam.errors import ConfigError
from reparam.training import (
    Run,
    RunConfig,
    apply_config_file,
    build_model,
    choose_device,
    preset_config,
    read_config_file,
    to_mapping,
)

PROG = "reparam train"


@dataclass(frozen=True)
class TrainOptions:
    """Train a model on images and write one run folder.

    DATA is digits (5,000 handwritten digits, no download), mnist, fashion-mnist, an .npz or .npy
    file, or a folder of images. Every option may also stand in a --config file; flags win.
    """

    run: RunConfig = field(default_factory=RunConfig)

    recipe: str = "plain"
    """A named set of training options: plain, quick (one cycle, better and sooner) or article."""

    out: Path | None = None
    """The run folder; by default runs/DATA-MODEL."""

    overwrite: bool = False
    """Replace the run that stands in --out."""

    config: Path | None = None
    """A TOML or JSON file with options; the config.json of another run is one."""

    dry_run: bool = False
    """Print the resolved configuration and stop."""

    quiet: bool = False
    """No progress."""


def default_out(config: RunConfig) -> Path:
    source = Path(config.data.source)
    return Path("runs") / f"{source.stem or source.name}-{config.preset}"


def value_of(flag: str, args: Sequence[str]) -> str | None:
    """The last value of a flag, looked up before the real parse: it decides the defaults."""
    found = None
    for i, arg in enumerate(args):
        if arg == flag and i + 1 < len(args):
            found = args[i + 1]
        elif arg.startswith(f"{flag}="):
            found = arg.split("=", 1)[1]
    return found


def defaults_from(args: Sequence[str]) -> TrainOptions:
    """What options are before the flags: preset, then recipe, then --config."""
    file = value_of("--config", args)
    values = read_config_file(Path(file)) if file else {}
    model = value_of("--model", args) or values.pop("preset", None) or "vae"
    recipe = value_of("--recipe", args) or values.pop("recipe", None) or "plain"
    values.pop("preset", None)
    values.pop("recipe", None)
    if not isinstance(model, str) or not isinstance(recipe, str):
        raise ConfigError(f"{file}: preset and recipe are names, found {model!r} and {recipe!r}")
    config = preset_config(model, recipe)
    if file:
        config = apply_config_file(config, values, f"config file {file}")
    return TrainOptions(run=config, recipe=recipe)


def run(args: Sequence[str]) -> int:
    options = parse(TrainOptions, args, prog=PROG, default=defaults_from(args))
    config = options.run
    out = options.out or default_out(config)
    if options.dry_run:
        print(json.dumps(to_mapping(config), indent=2, ensure_ascii=False))
        return 0
    Run.check_free(out, overwrite=options.overwrite)
    choose_device(config.training.device)
    images = load_images(config.data)
    build_model(config, images.image_shape)  # refuses impossible shapes before anything is written
    command = f"reparam train {shlex.join(args)}"
    folder = Run.create(out, config, images, command=command, overwrite=options.overwrite)
    train_with_progress(folder, images, quiet=options.quiet)
    return 0

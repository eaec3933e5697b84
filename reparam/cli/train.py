"""reparam train: one run folder from one set of images."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reparam.cli.parse import parse, value_of
from reparam.cli.reading import reading_progress
from reparam.cli.session import follow, train_with_progress
from reparam.data import load_images
from reparam.errors import ConfigError
from reparam.objective import ONE_OF
from reparam.training import (
    DEFAULT_RECIPE,
    Run,
    RunConfig,
    apply_config_file,
    apply_recipe,
    assemble,
    build_model,
    check_free,
    check_tensorboard,
    choose_device,
    leads,
    planned,
    preset_config,
    read_config_file,
    to_mapping,
    updated,
    writing,
)

PROG = "reparam train"
OWN_OPTIONS = ("recipe", "out", "overwrite", "quiet")
"""Options of the command itself that a --config file may give too."""


@dataclass(frozen=True)
class TrainOptions:
    """Train a model on images and write one run folder.

    DATA is digits (5,000 handwritten digits, no download), mnist, fashion-mnist, an .npz or .npy
    file, or a folder of images. Every option may also stand in a --config file; flags win.
    """

    run: RunConfig = field(default_factory=RunConfig)

    recipe: str = DEFAULT_RECIPE
    """A named set of training options: quick, plain (constant Adam) or article."""

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


def defaults_from(args: Sequence[str]) -> TrainOptions:
    """What options are before the flags: preset, then recipe, then --config."""
    options = _before_flags(args)
    given = any(value_of(f"--{name.replace('_', '-')}", args) is not None for name in ONE_OF)
    if not given:
        return options
    # A weight in one unit takes the place of one in another.
    return updated(options, {"run": {"objective": dict.fromkeys(ONE_OF)}}, PROG)


def _before_flags(args: Sequence[str]) -> TrainOptions:
    """Preset, then recipe, then --config."""
    file = value_of("--config", args)
    model, recipe = value_of("--model", args), value_of("--recipe", args)
    if file is None:
        recipe = recipe or DEFAULT_RECIPE
        return TrainOptions(preset_config(model or "vae", recipe), recipe)
    where = f"config file {file}"
    values = read_config_file(Path(file))
    if isinstance(values.get("model"), str):  # as the flag is called
        values["preset"] = values.pop("model")
    if isinstance(values.get("data"), str):
        values["source"] = values.pop("data")
    files_model = values.pop("preset", None)
    if model is not None and files_model not in (None, model):
        raise ConfigError(
            f"{where} is of model {files_model!r}, found --model {model}: leave one of them out"
        )
    own = {name: values.pop(name) for name in OWN_OPTIONS if name in values}
    options = updated(TrainOptions(), own, where)
    config = preset_config(model or files_model or "vae", options.recipe)
    config = apply_config_file(config, values, where)
    if recipe is not None:  # a flag wins over the file
        config = apply_recipe(config, recipe)
    return replace(options, run=config, recipe=recipe or options.recipe)


def run(args: Sequence[str]) -> int:
    options = parse(TrainOptions, args, prog=PROG, default=defaults_from(args))
    objective = options.run.objective.settled(options.run.model.likelihood)
    config = replace(options.run, training=planned(options.run.training), objective=objective)
    out = options.out or default_out(config)
    if options.dry_run:
        print(json.dumps(to_mapping(config), indent=2, ensure_ascii=False))
        return 0
    if not leads():
        follow(out, config.training)
        return 0
    check_free(out, overwrite=options.overwrite)
    choose_device(config.training.device)
    if config.training.tensorboard:
        check_tensorboard()
    with reading_progress(quiet=options.quiet) as progress:
        images = load_images(config.data, progress)
    build_model(config, images.image_shape)  # refuses impossible shapes before anything is written
    command = f"reparam train {shlex.join(args)}"
    with writing(out):
        folder = Run.create(out, config, images, command=command, overwrite=options.overwrite)
        team = assemble(config.training)
        train_with_progress(folder, images, quiet=options.quiet, team=team)
    return 0

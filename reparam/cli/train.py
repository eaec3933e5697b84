"""reparam train: one run folder from one set of images."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reparam.cli.flags import parse, value_of
from reparam.cli.reading import reading_progress
from reparam.cli.session import follow, train_with_progress
from reparam.cli.terminal import print_json
from reparam.data import load_images
from reparam.errors import ConfigError
from reparam.model import build_autoencoder
from reparam.objective import Loss
from reparam.runs import (
    DEFAULT_RECIPE,
    Run,
    RunConfig,
    apply_recipe,
    check_free,
    command_line,
    preset_config,
    read_config_file,
    resolve,
    to_mapping,
    writing,
)
from reparam.training import assemble, check_tensorboard, choose_device, resolve_processes

PROG = "reparam train"
OWN_OPTIONS = ("recipe", "out", "overwrite", "quiet")
"""Options of the command itself that a --config file may give too."""


@dataclass(frozen=True)
class TrainOptions:
    """Train a model on images and write one run folder.

    DATA is digits (5,000 handwritten digits, no download), mnist, fashion-mnist, an .npz or .npy
    file, or a folder of images. Every option may also be in a --config file; flags win. The options
    of a part are those of the chosen one: --help shows others with, for instance, --encoder mlp.
    """

    run: RunConfig = field(default_factory=RunConfig)

    recipe: str = DEFAULT_RECIPE
    """A named set of training options: quick, plain (constant Adam) or article."""

    out: Path | None = None
    """The run folder; by default runs/DATA-MODEL."""

    overwrite: bool = False
    """Replace the run that exists in --out."""

    config: Path | None = None
    """A TOML or JSON file with options; the config.json of another run is one."""

    dry_run: bool = False
    """Print the resolved configuration and stop."""

    quiet: bool = False
    """No progress."""


def resolve_options(args: Sequence[str], prog: str = PROG) -> TrainOptions:
    """The options of a command line: preset, then recipe, then --config, then flags."""
    return parse(_before_flags(args), args, prog=prog)


def _before_flags(args: Sequence[str]) -> TrainOptions:
    """Preset, then recipe, then --config."""
    file = value_of("--config", args)
    model, recipe = value_of("--model", args), value_of("--recipe", args)
    if file is None:
        recipe = recipe or DEFAULT_RECIPE
        return TrainOptions(preset_config(model or "vae", recipe), recipe)
    where = f"config file {file}"
    values = read_config_file(Path(file))
    files_model = values.pop("preset", None)
    if model is not None and files_model not in (None, model):
        raise ConfigError(
            f"--model must be that of {where}, {files_model!r}, got {model!r}. Fix: omit one"
        )
    own = {name: values.pop(name) for name in OWN_OPTIONS if name in values}
    options = resolve(TrainOptions(), [(where, own)])
    config = preset_config(model or files_model or "vae", options.recipe)
    config = resolve(config, [(where, values)])
    if recipe is not None:  # a flag wins over the file
        config = apply_recipe(config, recipe)
    return replace(options, run=config, recipe=recipe or options.recipe)


def default_out(config: RunConfig) -> Path:
    source = Path(config.data.source)
    if source.is_dir():
        source = source.resolve()  # . has no name
    return Path("runs") / f"{source.stem or source.name}-{config.preset}"


def run(args: Sequence[str]) -> int:
    options = resolve_options(args)
    training = resolve_processes(options.run.training)
    config = replace(options.run.resolve_defaults(), training=training)
    out = options.out or default_out(config)
    if options.dry_run:
        print_json(to_mapping(config))
        return 0
    team = assemble(training)
    if not team.leads:
        follow(out, team)
        return 0
    check_free(out, overwrite=options.overwrite)
    choose_device(training.device)
    if training.tensorboard:
        check_tensorboard()
    with reading_progress(quiet=options.quiet) as progress:
        images = load_images(config.data, progress)
    model = build_autoencoder(config.model, images.image_shape)
    Loss(model, config.objective, config.terms)  # refused before anything is written
    command = command_line("train", args)
    with writing(out):
        folder = Run.create(out, config, images, command=command, overwrite=options.overwrite)
        train_with_progress(folder, images, quiet=options.quiet, team=team)
    return 0

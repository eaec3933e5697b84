"""reparam train: one run folder from one set of images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reparam.cli.flags import parse, value_of
from reparam.cli.reading import Loader
from reparam.cli.session import follow, say_next, train_with_progress
from reparam.cli.terminal import print_json
from reparam.data import DataConfig, ImageSet
from reparam.errors import ConfigError, UnknownOption
from reparam.fields import as_path, option
from reparam.printable import note, several
from reparam.runs import (
    AUTO,
    SOME_PICTURES,
    Run,
    RunConfig,
    Suited,
    check_free,
    command_line,
    follows_images,
    is_articles,
    named_recipe,
    preset_config,
    read_config_file,
    resolve,
    suited_recipe,
    to_mapping,
    writing,
)
from reparam.training import assemble, check_loggers, choose_device, resolve_processes
from reparam.types import Json

PROG = "reparam train"
OWN_OPTIONS = ("recipe", "out", "overwrite", "quiet")
"""Options of the command itself that a --config file may give too."""


@dataclass(frozen=True)
class TrainOptions:
    """Train a model on images and write one run folder.

    DATA is digits (5,000 handwritten digits, no download), mnist, fashion-mnist, an .npz or .npy
    file, or a folder of images. Options that are not given are chosen by the images (--recipe
    auto), and printed; the defaults below are those of digits. --help-all has the options of the
    chosen parts: those of others with, for instance, --encoder mlp.

    Examples:
      reparam train digits --model vae --latent-dim 8
      reparam train photos/ --image-size 64 --out runs/photos
    """

    run: RunConfig = field(default_factory=RunConfig)

    recipe: str = AUTO
    """A set of options: auto, pictures, quick, plain or article. In detail, auto: quick for the
    named sets and for two dimensions of small grey images, else pictures. pictures: residual
    networks, latent size and epochs that suit the images, --weight auto. quick: one cycle of Muon,
    30 epochs. plain: constant Adam. article: 2,000 images, 200 epochs."""

    out: Path | None = None
    """The run folder; by default runs/DATA-MODEL."""

    overwrite: bool = False
    """Replace the run that exists in --out."""

    config: Path | None = option(None, common=False)
    """A TOML or JSON file with options, any of these; a flag overrides it. The config.json of
    another run is one."""

    dry_run: bool = option(False, common=False)
    """Print the resolved configuration and stop."""

    quiet: bool = False
    """No progress."""


def resolve_options(
    args: Sequence[str], prog: str = PROG, suited: Suited | None = None
) -> TrainOptions:
    """The options of a command line: preset, then recipe, then --config, then flags.

    ``suited``: what a recipe that depends on the images has come to. Without it the options are
    known but for what the recipe decides; flags of the parts that it may choose are accepted.
    """
    return parse(before_flags(args, suited), args, prog=prog)


def before_flags(args: Sequence[str], suited: Suited | None = None) -> TrainOptions:
    """The options of preset, then recipe, then --config; what `resolve_options` starts from."""
    file = value_of("--config", args)
    model, flag = value_of("--model", args), value_of("--recipe", args)
    values: Json = {} if file is None else read_config_file(as_path(file))
    where = f"config file {file}"
    files_model = values.pop("preset", None)
    if model is not None and files_model not in (None, model):
        raise ConfigError(
            f"--model must be that of {where}, {files_model!r}, got {model!r}. Fix: omit one"
        )
    own = {name: values.pop(name) for name in OWN_OPTIONS if name in values}
    options = resolve(TrainOptions(), [(where, own)])
    options = replace(options, recipe=flag or options.recipe)
    named = named_recipe(options.recipe)  # also where the images decide: it must exist
    recipe = suited or named
    layers = [(f"recipe {recipe.recipe}", recipe.options), (where, values)]
    if flag is not None:  # a flag overrides the file
        layers.reverse()
    return replace(
        options, run=resolve(preset_config(model or files_model or "vae", "plain"), layers)
    )


Load = Callable[[DataConfig], ImageSet]


def before_images(args: Sequence[str], prog: str = PROG) -> tuple[TrainOptions, bool]:
    """The options before the images are known, of which data, preset, objective and what the
    command itself takes are right; and whether they are possible with the article's recipe.

    Flags may be of the parts that digits get or of those that pictures get.
    """
    try:
        return resolve_options(args, prog), True
    except ConfigError as error:
        try:
            return resolve_options(args, prog, SOME_PICTURES), False
        except ConfigError as other:
            # A flag that is known here, with a value that cannot be, is what to tell of.
            known_here = not isinstance(other, UnknownOption)
            raise (other if known_here and isinstance(error, UnknownOption) else error) from None


def suited_options(
    args: Sequence[str], first: tuple[TrainOptions, bool], load: Load, prog: str = PROG
) -> tuple[TrainOptions, Suited | None]:
    """The options with what the recipe decides by the images, and what it decided.

    ``first``: of ``before_images``. ``load``: reads images; only where they are needed.
    """
    options, can_be_articles = first
    if not follows_images(options.recipe, options.run):
        # Refuses what only pictures' parts have.
        return (options if can_be_articles else resolve_options(args, prog)), None
    can_be_articles = can_be_articles and options.recipe == AUTO
    images = load(options.run.data)
    suited = suited_recipe(options.run, images)
    try:
        found = resolve_options(args, prog, suited)
        suited = suited_recipe(options.run, images, found.run.model.latent_dim)
        found = resolve_options(args, prog, suited)
    except UnknownOption:
        if can_be_articles:  # options that only the article's networks have choose them
            return options, None
        raise
    if can_be_articles and is_articles(found.run, images):
        return options, None
    return found, suited


def describe(suited: Suited, config: RunConfig) -> tuple[str, str]:
    """What the recipe chose and why, in two lines, as it is after file and flags."""
    training, model = config.training, config.model
    linear = " from principal components on" if model.encoder.has_components else ""
    return (
        f"recipe {suited.recipe}, for {suited.reason}: {model.encoder.type} encoder, "
        f"{model.decoder.type} decoder{linear}, {model.describe_latent()}",
        f"{several(training.epochs, 'epoch')}, batches of {training.batch_size}, "
        f"{training.optimiser} at {training.learning_rate:g}; each is an option (--dry-run "
        "shows all; --recipe quick is the article's network)",
    )


def default_out(config: RunConfig) -> Path:
    source = Path(config.data.source)
    name = source.resolve().name if source.is_dir() else source.stem  # . has no name
    return Path("runs") / f"{name}-{config.preset}"


def run(args: Sequence[str]) -> int:
    found = train_run(args)
    if found is not None and not before_images(args)[0].quiet:
        say_next(found[0])
    return 0


def train_run(
    args: Sequence[str], prog: str = PROG, check: Callable[[ImageSet], object] = len
) -> tuple[Run, ImageSet] | None:
    """Trains a run as the words say, and gives it with its images.

    ``check`` sees the images before anything is written. None where there is nothing more to do:
    after --dry-run, and in processes that help another.
    """
    known = before_images(args, prog)
    first = known[0]

    load = Loader(quiet=first.quiet)
    if first.dry_run:
        print_json(to_mapping(_complete(suited_options(args, known, load, prog)[0].run, load)))
        return None
    out = first.out or default_out(first.run)
    team = assemble(resolve_processes(first.run.training))
    if not team.leads:
        follow(out, team)
        return None
    check_free(out, overwrite=first.overwrite)
    choose_device(first.run.training.device)
    check_loggers(first.run.training)
    options, suited = suited_options(args, known, load, prog)
    images = load(options.run.data)
    check(images)
    config = _complete(options.run, load).for_classes(images.class_names)
    config.check_for(images.image_shape)  # before a folder is there, and before anything is said
    if not options.quiet and not _names_data(args, suited, prog):
        note(
            f"{prog}: no DATA is named, so this trains on {options.run.data.source}. Fix: for your "
            f"own pictures, `{prog} FOLDER`"
        )
    if suited is not None and not options.quiet:
        for line in describe(suited, config):
            note(line)
    command = command_line("train", args)
    with writing(out):
        folder = Run.create(out, config, images, command=command, overwrite=options.overwrite)
        train_with_progress(folder, images, quiet=options.quiet, team=team)
    return folder, images


def _names_data(args: Sequence[str], suited: Suited | None, prog: str) -> bool:
    """Whether the words or a --config file say which images; else they are those of the default."""
    defaults = before_flags(args, suited)
    nothing = replace(defaults.run, data=replace(defaults.run.data, source=""))
    found = parse(replace(defaults, run=nothing), args, prog=prog)
    return found.config is not None or bool(found.run.data.source)


def _complete(config: RunConfig, load: Loader) -> RunConfig:
    """With what depends on defaults, on the pictures, and on how the command was started, written
    out.
    """
    return replace(
        config.resolve_defaults(),
        data=load.agreed(config.data),
        training=resolve_processes(config.training),
    )

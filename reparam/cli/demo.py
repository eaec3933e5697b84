"""reparam demo: the article from one command."""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from reparam.cli.existing import check_place, open_or_create_run, trained
from reparam.cli.flags import Compute, parse, value_of, words_for
from reparam.cli.progress import step_progress
from reparam.cli.reading import Loader
from reparam.cli.scoring import judge_with_progress, scored
from reparam.data import DataConfig, ImageSet
from reparam.errors import ConfigError, DataError, RunError
from reparam.evaluation import ScoreConfig
from reparam.extras import need
from reparam.model import build_autoencoder
from reparam.printable import note, say
from reparam.report import ReportChoices, check_page
from reparam.runs import (
    Run,
    RunConfig,
    check_free,
    command_line,
    is_incidental,
    options_of,
    preset_config,
    writing,
)

MODELS = ("ae", "vae")


@dataclass(frozen=True)
class DemoOptions:
    """Train the AE and the VAE on the same images, in the same order, and put them side by side.

    Writes OUT/report.html, the figures as PNG files, and one run folder for each model. A demo that
    was stopped continues when the same command is given again. --data DATA names the images too.

    Examples:
      reparam demo
      reparam demo photos/ --image-size 64 --out runs/photos
    """

    images: DataConfig = field(default_factory=DataConfig)

    recipe: Literal["quick", "article"] = "quick"
    """quick: one cycle of 30 epochs, better and faster; article: 2,000 images, 200 epochs."""

    out: Path = Path("runs/demo")
    """Folder for the runs, the figures and the report."""

    overwrite: bool = False
    """Replace the demo that exists in --out."""

    report: ReportChoices = field(default_factory=ReportChoices)

    seed: int = 0
    """Seed of both runs."""

    compute: Compute = Compute()

    quiet: bool = False
    """No progress."""


def run(args: Sequence[str]) -> int:
    began = time.monotonic()
    options = _options(args)
    need("reparam demo", "report")
    from reparam.report import write_report  # needs the extra

    out = options.out
    _check_room(options)
    load = Loader(quiet=options.quiet)
    options = replace(options, images=load.with_shape(options.images))
    configs = {model: _config(options, model) for model in MODELS}
    for name, config in configs.items():
        check_place(out / name, config, overwrite=options.overwrite)
    check_page(out / "report.html")
    device = options.compute.chosen()
    images = load(options.images)
    for config in configs.values():
        # Refused before anything is written.
        model = build_autoencoder(config.model, images.image_shape)
        options.report.check(model.latent_dim)
    again = command_line("demo", [word for word in args if word != "--overwrite"])
    with writing(out / "ae"), writing(out / "vae"):
        runs = [
            open_or_create_run(
                out / model,
                config,
                images,
                command=_train_command(config, options.recipe, out / model),
                overwrite=options.overwrite,
            )
            for model, config in configs.items()
        ]
        if options.overwrite:
            shutil.rmtree(out / "figures", ignore_errors=True)
            (out / "report.html").unlink(missing_ok=True)
        for folder in runs:
            trained(folder, images, quiet=options.quiet, again=again)
        _score(runs, images, quiet=options.quiet, device=device)
        with step_progress("drawing the figures", quiet=options.quiet) as drawing:
            report = write_report(
                runs,
                out / "report.html",
                choices=options.report,
                command=command_line("demo", args),
                seconds=time.monotonic() - began,
                figures=out / "figures",
                device=device,
                progress=drawing,
            )
    say(report)
    if not options.quiet:
        explore = command_line("explore", [str(out / model) for model in MODELS])
        explore = explore.replace("reparam", shlex.join(_program()), 1)
        note(f"to move through both latent spaces: {explore}")
    return 0


def _program() -> list[str]:
    """The words that start this program in the shell that started it."""
    own = Path(sys.argv[0])
    if own.stem != "reparam" or not own.exists():  # python -m reparam
        return [sys.executable, "-m", "reparam"]
    found = shutil.which("reparam")
    if found is not None and Path(found).samefile(own):
        return ["reparam"]
    return [os.path.relpath(own)]


def _score(runs: Sequence[Run], images: ImageSet, *, quiet: bool, device: str) -> None:
    """Scorecards for the report, which goes without where the images are too few for one."""
    try:
        judge = judge_with_progress(images, quiet=quiet, device=device)
        for folder in runs:
            scored(folder, images, ScoreConfig(), quiet=quiet, judge=judge, device=device)
    except DataError as error:
        note(f"the report goes without a scorecard: {error}")


def _options(args: Sequence[str]) -> DemoOptions:
    """The options; the recipe decides the defaults of the data's, and --data is its position."""
    for i, word in enumerate(args):
        if word == "--data" and (i + 1 == len(args) or args[i + 1].startswith("--")):
            raise ConfigError(
                "reparam demo: --data must have a value, got none. Fix: give a name, a file or a "
                "folder"
            )
    words = [w.removeprefix("--data=") for w in args if w != "--data"]
    recipe = value_of("--recipe", args)
    images = preset_config("vae", recipe or "quick").data
    return parse(DemoOptions(images=images), words, prog="reparam demo")


def _config(options: DemoOptions, model: str) -> RunConfig:
    config = preset_config(model, options.recipe)
    training = replace(config.training, device=options.compute.device)
    return replace(config, data=options.images, training=training, seed=options.seed)


def _check_room(options: DemoOptions) -> None:
    """Raises RunError where the folder must not be written to."""
    out = options.out
    if not out.exists():
        return
    if not out.is_dir():
        raise RunError(f"{out}: must be a folder, got a file. Fix: choose another --out")
    known = {*MODELS, "figures", "report.html", "site"}
    own = [entry for entry in out.iterdir() if not is_incidental(entry)]
    foreign = sorted(entry.name for entry in own if entry.name not in known)
    if foreign or out.is_symlink():
        what = f" ({foreign[0]})" if foreign else ""
        raise RunError(f"{out}: holds other files{what}. Fix: choose another --out")
    for model in MODELS:
        check_free(out / model, overwrite=True)
    figures = [p for p in (out / "figures").rglob("*") if p.is_file() and not is_incidental(p)]
    mine = sorted(p for p in figures if p.suffix != ".png")
    if mine:
        raise RunError(
            f"{mine[0]}: is among the demo's figures. Fix: move it, or choose another --out"
        )


def _train_command(config: RunConfig, recipe: str, out: Path) -> str:
    """The command that makes this run alone."""
    usual = options_of(preset_config(config.preset, recipe))
    words = [config.data.source, "--model", config.preset, "--recipe", recipe]
    for option in options_of(config).values():
        if option.positional is None and option.default != usual[option.name].default:
            words += words_for(option)
    return command_line("train", [*words, "--out", str(out)])

"""reparam demo: the article from one command."""

import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from reparam.cli.parse import parse
from reparam.cli.session import train_with_progress
from reparam.data import load_images
from reparam.errors import RunError
from reparam.report import Language, write_report
from reparam.training import Run, preset_config

MODELS = ("ae", "vae")


@dataclass(frozen=True)
class DemoOptions:
    """Train the AE and the VAE on the same images, in the same order, and put them side by side.

    Writes OUT/report.html, the figures as PNG files, and one run folder for each model.
    """

    recipe: Literal["quick", "article"] = "quick"
    """quick: one cycle of 30 epochs, better and sooner; article: 2,000 images, 200 epochs."""

    data: str = "digits"
    """digits (no download), mnist, fashion-mnist, an .npz or .npy file, or a folder of images."""

    data_dir: Path | None = None
    """Folder with the four IDX files of mnist or fashion-mnist."""

    out: Path = Path("runs/demo")
    """Folder for the runs, the figures and the report."""

    overwrite: bool = False
    """Replace the demo that stands in --out."""

    lang: Language = "en"
    """Language of the report: English or Korean."""

    seed: int = 0
    """Seed of both runs."""

    quiet: bool = False
    """No progress."""


def run(args: Sequence[str]) -> int:
    options = parse(DemoOptions, args, prog="reparam demo")
    began = time.monotonic()
    _make_room(options)
    images = None
    runs = []
    for model in MODELS:
        config = preset_config(model, options.recipe)
        data = replace(config.data, source=options.data, data_dir=options.data_dir)
        config = replace(config, data=data, seed=options.seed)
        images = images or load_images(data)
        folder = Run.create(
            options.out / model,
            config,
            images,
            command=_train_command(options, model),
            overwrite=options.overwrite,
        )
        train_with_progress(folder, images, quiet=options.quiet)
        runs.append(folder)
    if not options.quiet:
        print("drawing the figures ...", file=sys.stderr)
    report = write_report(
        runs,
        options.out / "report.html",
        lang=options.lang,
        command=f"reparam demo {shlex.join(args)}".strip(),
        seconds=time.monotonic() - began,
        figures=options.out / "figures",
    )
    print(f"{report}")
    return 0


def _make_room(options: DemoOptions) -> None:
    """Raises RunError where the folder must not be written to."""
    out = options.out
    if not out.exists():
        return
    if not out.is_dir():
        raise RunError(f"{out}: a file stands where the demo's folder should be; choose another")
    known = {*MODELS, "figures", "report.html"}
    foreign = sorted(entry.name for entry in out.iterdir() if entry.name not in known)
    if foreign:
        raise RunError(f"{out}: holds other files ({foreign[0]}); choose another --out")
    for model in MODELS:
        Run.check_free(out / model, overwrite=options.overwrite)
    if options.overwrite:
        shutil.rmtree(out)


def _train_command(options: DemoOptions, model: str) -> str:
    """The command that makes this run alone."""
    words = ["reparam", "train", options.data, "--model", model, "--recipe", options.recipe]
    if options.data_dir is not None:
        words += ["--data-dir", str(options.data_dir)]
    words += ["--seed", str(options.seed), "--out", str(options.out / model)]
    return shlex.join(words)

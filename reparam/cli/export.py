"""reparam export: runs as ONNX, as a web site, or as one web page."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from reparam.cli.parse import parse
from reparam.cli.reading import reading_progress
from reparam.errors import ConfigError
from reparam.explorer import check_page, single_file, site_files
from reparam.export.bundle import IMAGES, Bundle, held_out_views, make_bundle, run_ids
from reparam.export.onnx import BATCHES, TOLERANCE, OnnxModel, export_onnx
from reparam.export.place import (
    ONNX_FOLDER,
    SITE_FOLDER,
    check_file_free,
    check_folder_free,
    write_file,
    write_folder,
)
from reparam.training import Run

MOST_RUNS = 2
"""The page puts two runs side by side."""

Runs = Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN [RUN]")]


@dataclass(frozen=True)
class ExportOptions:
    """Hand finished runs on: as ONNX files, as the explorer's web site, or as one web page.

    With two runs the page puts them side by side. Every ONNX model is compared with PyTorch before
    it is written. The same runs give the same bytes.
    """

    runs: Runs
    """Run folders: one, or two."""

    onnx: Path | None = None
    """Folder for encoder.onnx and decoder.onnx, with a folder for each of two runs."""

    site: Path | None = None
    """Folder for the explorer, for any web server; it needs nothing but these files."""

    single_file: Path | None = None
    """The explorer as one .html file, which opens with a double click."""

    images: int = IMAGES
    """Held-out images in the explorer, at most."""

    overwrite: bool = False
    """Replace what stands there from an earlier export."""

    def __post_init__(self) -> None:
        check_images(self.images)


def run(args: Sequence[str]) -> int:
    options = parse(ExportOptions, args, prog="reparam export")
    runs = open_runs(options.runs)
    _check(options)
    models: Mapping[str, tuple[OnnxModel, OnnxModel]]
    if options.site is None and options.single_file is None:
        models = _models(runs)
    else:
        bundle = gathered(runs, options.images)
        models = bundle.onnx
        _write_page(options, bundle)
    _say_differences(models)
    if options.onnx is not None:
        files = {
            f"{name}/{half.part}.onnx" if len(models) > 1 else f"{half.part}.onnx": half.data
            for name, halves in models.items()
            for half in halves
        }
        write_folder(
            options.onnx, files, overwrite=options.overwrite, own=ONNX_FOLDER, option="--onnx"
        )
    for out in (options.onnx, options.site, options.single_file):
        if out is not None:
            print(out)
    return 0


def open_runs(paths: Sequence[Path]) -> list[Run]:
    """Raises ConfigError unless there are one or two, RunError for what is no run."""
    if not 1 <= len(paths) <= MOST_RUNS:
        found = len(paths) or "none"
        raise ConfigError(f"the explorer shows one run or two, found {found}: name one or two")
    return [Run.open(path) for path in paths]


def check_images(images: int) -> None:
    """Raises ConfigError for fewer than one."""
    if images < 1:
        raise ConfigError(f"images must be 1 or more, found {images}: raise it")


def gathered(runs: Sequence[Run], images: int) -> Bundle:
    """The bundle of the runs. Says on stderr what takes its time."""
    print("encoding the images, exporting the models ...", file=sys.stderr, flush=True)
    with reading_progress() as progress:
        return make_bundle(runs, images=images, progress=progress)


def _say_differences(models: Mapping[str, Sequence[OnnxModel]]) -> None:
    """How near to PyTorch every exported half is."""
    sizes = ", ".join(map(str, BATCHES))
    for name, halves in models.items():
        for half in halves:
            print(
                f"{name} {half.part}: onnxruntime's result differs from PyTorch's by "
                f"{half.difference:.1e} at most, in batches of {sizes} (allowed: {TOLERANCE:g}; "
                f"{'of pixels' if half.part == 'decoder' else 'of the largest latent, or of 1'})",
                file=sys.stderr,
            )


def _check(options: ExportOptions) -> None:
    """Raises before any work is done where something cannot be written."""
    if options.onnx is options.site is options.single_file is None:
        raise ConfigError(
            "reparam export needs somewhere to write to, found nothing: give --onnx DIR, "
            "--site DIR or --single-file FILE"
        )
    overwrite = options.overwrite
    if options.onnx is not None:
        check_folder_free(options.onnx, overwrite=overwrite, own=ONNX_FOLDER, option="--onnx")
    if options.site is not None:
        check_page()
        check_folder_free(options.site, overwrite=overwrite, own=SITE_FOLDER, option="--site")
    if options.single_file is not None:
        check_page()
        if options.single_file.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(
                f"{options.single_file}: the page is HTML, found "
                f"{options.single_file.suffix or 'no suffix'}; give --single-file a name that ends "
                "in .html"
            )
        check_file_free(options.single_file, overwrite=overwrite, option="--single-file")


def _models(runs: Sequence[Run]) -> dict[str, tuple[OnnxModel, OnnxModel]]:
    with reading_progress() as progress:
        views = held_out_views(runs, images=max(BATCHES), progress=progress)
    names = run_ids(runs)
    return {n: export_onnx(v.run, v.model, v.images) for n, v in zip(names, views, strict=True)}


def _write_page(options: ExportOptions, bundle: Bundle) -> None:
    if options.site is not None:
        files = site_files(bundle.files)
        write_folder(
            options.site, files, overwrite=options.overwrite, own=SITE_FOLDER, option="--site"
        )
    if options.single_file is not None:
        page = single_file(bundle.files)
        write_file(options.single_file, page, overwrite=options.overwrite, option="--single-file")

"""reparam export: runs as ONNX, as a web site, or as one web page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reparam.cli.flags import RUNS, Compute, parse
from reparam.cli.reading import reading_progress
from reparam.errors import ConfigError
from reparam.explorer import check_page, single_file, site_files
from reparam.export import (
    BUNDLE_IMAGES,
    ONNX_BATCHES,
    ONNX_FOLDER,
    ONNX_TOLERANCE,
    SITE_FOLDER,
    Bundle,
    OnnxModel,
    check_file_free,
    check_folder_free,
    export_onnx,
    held_out_views,
    make_bundle,
    run_ids,
    write_file,
    write_folder,
)
from reparam.printable import note, say
from reparam.runs import Run, ready_to_view

MOST_RUNS = 2
"""The page puts two runs side by side."""


@dataclass(frozen=True)
class ExportOptions:
    """Hand finished runs on: as ONNX files, as the explorer's web site, or as one web page.

    With two runs the page puts them side by side. Every ONNX model is compared with PyTorch before
    it is written. The same runs give the same bytes.
    """

    runs: tuple[Path, ...] = RUNS
    """Run folders: one, or two."""

    onnx: Path | None = None
    """Folder for encoder.onnx and decoder.onnx, with a folder for each of two runs."""

    site: Path | None = None
    """Folder for the explorer, for any web server; it needs nothing but these files."""

    single_file: Path | None = None
    """The explorer as one .html file, which opens with a double click."""

    anomaly: Path | None = None
    """File for the detector of a run that was calibrated, as one .onnx: pictures to scores,
    p-values, verdicts and maps."""

    false_alarms: float = 0.01
    """The threshold of its verdicts: the share of good pictures that may be called anomalous."""

    images: int = BUNDLE_IMAGES
    """Held-out images in the explorer, at most."""

    overwrite: bool = False
    """Replace what exists there from an earlier export."""

    compute: Compute = Compute("cpu")

    def __post_init__(self) -> None:
        check_images(self.images)


def run(args: Sequence[str]) -> int:
    options = parse(ExportOptions(), args, prog="reparam export")
    _check(options)
    runs = open_runs(options.runs)
    models: Mapping[str, tuple[OnnxModel, OnnxModel]]
    if options.onnx is options.site is options.single_file is None:
        models = {}
    elif options.site is None and options.single_file is None:
        models = _models(runs, options.compute.chosen())
    else:
        bundle = gathered(runs, options.images, options.compute.chosen())
        models = bundle.onnx
        _write_page(options, bundle)
    _say_differences(models)
    if options.anomaly is not None:
        _write_detector(options, runs[0])
    if options.onnx is not None:
        files = {
            f"{name}/{half.part}.onnx" if len(models) > 1 else f"{half.part}.onnx": half.data
            for name, halves in models.items()
            for half in halves
        }
        write_folder(
            options.onnx, files, overwrite=options.overwrite, own=ONNX_FOLDER, option="--onnx"
        )
    for out in (options.onnx, options.site, options.single_file, options.anomaly):
        if out is not None:
            say(out)
    return 0


def open_runs(paths: Sequence[Path]) -> list[Run]:
    """Raises ConfigError unless there are one or two, RunError for what is no finished run."""
    if not 1 <= len(paths) <= MOST_RUNS:
        found = len(paths) or "none"
        raise ConfigError(
            f"the explorer must have one run or two, got {found}. Fix: name one or two"
        )
    runs = [Run.open(path) for path in paths]
    for run in runs:
        ready_to_view(run)
    return runs


def check_images(images: int) -> None:
    """Raises ConfigError for fewer than one."""
    if images < 1:
        raise ConfigError(f"images must be 1 or more, got {images}. Fix: raise it")


def gathered(runs: Sequence[Run], images: int, device: str) -> Bundle:
    """The bundle of the runs. Says on stderr what takes its time."""
    note("encoding the images, exporting the models ...")
    with reading_progress() as progress:
        return make_bundle(runs, images=images, progress=progress, device=device)


def _say_differences(models: Mapping[str, Sequence[OnnxModel]]) -> None:
    """How near to PyTorch every exported half is."""
    sizes = ", ".join(map(str, ONNX_BATCHES))
    for name, halves in models.items():
        for half in halves:
            note(
                f"{name} {half.part}: onnxruntime's result differs from PyTorch's by "
                f"{half.difference:.1e} at most, in batches of {sizes} (allowed: "
                f"{ONNX_TOLERANCE:g}; "
                f"{'of pixels' if half.part == 'decoder' else 'of the largest latent, or of 1'})"
            )


def _check(options: ExportOptions) -> None:
    """Raises before any work is done where something cannot be written."""
    if options.onnx is options.site is options.single_file is options.anomaly is None:
        raise ConfigError(
            "reparam export must have somewhere to write to, got nothing. Fix: give --onnx DIR, "
            "--site DIR, --single-file FILE or --anomaly FILE"
        )
    overwrite = options.overwrite
    if options.anomaly is not None:
        if len(options.runs) > 1:
            raise ConfigError(
                f"--anomaly must have one run, got {len(options.runs)}. Fix: export each by itself"
            )
        if options.anomaly.suffix.lower() != ".onnx":
            raise ConfigError(f"--anomaly must end in .onnx, got {options.anomaly}. Fix: rename it")
        check_file_free(options.anomaly, overwrite=overwrite, option="--anomaly")
    if options.onnx is not None:
        check_folder_free(options.onnx, overwrite=overwrite, own=ONNX_FOLDER, option="--onnx")
    if options.site is not None:
        check_page()
        check_folder_free(options.site, overwrite=overwrite, own=SITE_FOLDER, option="--site")
    if options.single_file is not None:
        check_page()
        if options.single_file.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(
                f"--single-file must end in .html, got {options.single_file}. Fix: rename it"
            )
        check_file_free(options.single_file, overwrite=overwrite, option="--single-file")


def _models(runs: Sequence[Run], device: str) -> dict[str, tuple[OnnxModel, OnnxModel]]:
    note("encoding the images, exporting the models ...")
    with reading_progress() as progress:
        views = held_out_views(runs, images=max(ONNX_BATCHES), progress=progress, device=device)
    names = run_ids(runs)
    return {
        name: export_onnx(view.run, view.model, view.images, view.labels)
        for name, view in zip(names, views, strict=True)
    }


def _write_detector(options: ExportOptions, run: Run) -> None:
    from reparam.evaluation import load_detector  # not for those who export no detector
    from reparam.export import export_detector

    assert options.anomaly is not None
    found = export_detector(run, load_detector(run), options.false_alarms)
    note(
        f"{run.path} detector: onnxruntime's scores and maps differ from PyTorch's by "
        f"{found.difference:.1e} of the largest at most"
    )
    write_file(options.anomaly, found.data, overwrite=options.overwrite, option="--anomaly")


def _write_page(options: ExportOptions, bundle: Bundle) -> None:
    if options.site is not None:
        files = site_files(bundle.files)
        write_folder(
            options.site, files, overwrite=options.overwrite, own=SITE_FOLDER, option="--site"
        )
    if options.single_file is not None:
        page = single_file(bundle.files)
        write_file(options.single_file, page, overwrite=options.overwrite, option="--single-file")

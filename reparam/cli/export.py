"""reparam export: runs as ONNX, torch.export, a folder of diffusers, a web site or one page."""

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from reparam.cli.flags import RUNS, Compute, parse
from reparam.cli.reading import counted_progress, reading_progress
from reparam.errors import ConfigError, check_positive
from reparam.explorer import check_page, single_file, site_files
from reparam.export import (
    BUNDLE_IMAGES,
    DIFFUSERS_FOLDER,
    LARGE_BATCH,
    ONNX_FOLDER,
    ONNX_TOLERANCE,
    SITE_FOLDER,
    TORCH_FOLDER,
    Bundle,
    KlPart,
    OnnxModel,
    OwnFolder,
    TorchProgram,
    check_file_free,
    check_folder_free,
    check_table,
    compared_batches,
    export_diffusers,
    export_onnx,
    export_programs,
    held_out_views,
    kl_halves,
    make_bundle,
    run_ids,
    write_file,
    write_folder,
)
from reparam.extras import need
from reparam.printable import note, say
from reparam.runs import Run, RunView, ready_to_view

_Exported = OnnxModel | TorchProgram
"""One half of a model, as the bytes of a file."""

HTML = (".html", ".htm")

MOST_RUNS = 2
"""The page puts two runs side by side."""

ENCODING = "encoding the images, exporting the models ..."
"""What export and explore do first, and what takes most of their time."""


@dataclass(frozen=True)
class ExportOptions:
    """Write finished runs as ONNX files, as programs of torch.export, as a folder of diffusers,
    as the explorer's web site, or as one web page.

    With two runs the page puts them side by side; its models have weights of 16 bits. Every model
    is compared with PyTorch's before it is written. Whoever has the page has its images (--images,
    --training-images). The same runs give the same bytes, but for the classes of a kept judge.

    Examples:
      reparam export runs/digits-vae --onnx onnx/
      reparam export runs/digits-ae runs/digits-vae --single-file explorer.html
    """

    runs: tuple[Path, ...] = RUNS
    """Run folders: one, or two."""

    onnx: Path | None = None
    """Folder for encoder.onnx and decoder.onnx, with a folder for each of two runs."""

    torch: Path | None = None
    """Folder for encoder.pt2 and decoder.pt2, which torch.export.load reads without reparam."""

    diffusers: Path | None = None
    """Folder that AutoencoderKL.from_pretrained of diffusers reads; of one run whose networks are
    such: of --encoder kl --decoder kl --latent-channels 4."""

    site: Path | None = None
    """Folder for the explorer, for any web server. It needs nothing but these files; a browser does
    not open them from the disk."""

    single_file: Path | None = None
    """The explorer as one .html file, which opens with a double click."""

    anomaly: Path | None = None
    """File for the detector of a run that was calibrated, as one .onnx: pictures to scores,
    p-values, verdicts and maps."""

    false_alarms: float | None = None
    """The threshold of its verdicts: the share of good pictures that may be called anomalous. By
    default 0.01, or the lowest that the calibration can tell where it has fewer than 99 of them."""

    images: int = BUNDLE_IMAGES
    """Held-out images in the explorer, at most."""

    training_images: bool = True
    """Also the training images nearest to random draws (up to two for each of 256)."""

    columns: Path | None = None
    """A table (.csv, .parquet) to colour and filter the images by: its column file (or index, from
    0) says which image a row is of."""

    overwrite: bool = False
    """Replace what exists there from an earlier export."""

    quiet: bool = False
    """No progress."""

    compute: Compute = Compute("cpu")

    def __post_init__(self) -> None:
        check_positive(images=self.images)
        if self.columns is not None:
            check_table(self.columns)

    @property
    def folders(self) -> dict[str, Path | None]:
        """By the options that name them."""
        return {
            "--onnx": self.onnx,
            "--torch": self.torch,
            "--diffusers": self.diffusers,
            "--site": self.site,
        }

    @property
    def files(self) -> dict[str, Path | None]:
        """By the options that name them."""
        return {"--single-file": self.single_file, "--anomaly": self.anomaly}

    @property
    def has_page(self) -> bool:
        return self.site is not None or self.single_file is not None


def run(args: Sequence[str]) -> int:
    options = parse(ExportOptions(), args, prog="reparam export")
    _check(options)
    runs = open_runs(options.runs)
    if options.diffusers is not None:  # refused before anything is written
        kl_halves(runs[0], runs[0].load_model())
    if options.anomaly is not None:  # first, since a run may have none, or too few good pictures
        _write_detector(options, options.anomaly, runs[0])
    views: Mapping[str, RunView] = {}
    if options.has_page:
        bundle = gathered(runs, options, training_images=options.training_images)
        views = bundle.views
        _write_page(options, bundle)
        _say_differences(bundle.onnx, bundle.views, "onnxruntime")
        _write_halves(options, options.onnx, bundle.onnx, ONNX_FOLDER, "onnx", "--onnx")
    elif any(options.folders.values()):
        views = _views(runs, options.compute.chosen(), quiet=options.quiet)
        if options.onnx is not None:
            models = _exported(views, export_onnx)
            _say_differences(models, views, "onnxruntime")
            _write_halves(options, options.onnx, models, ONNX_FOLDER, "onnx", "--onnx")
    if options.torch is not None:
        programs = _exported(views, export_programs)
        _say_differences(programs, views, "torch.export")
        _write_halves(options, options.torch, programs, TORCH_FOLDER, "pt2", "--torch")
    if options.diffusers is not None:
        (view,) = views.values()
        folder = export_diffusers(view.run, view.model, view.images)
        _say_differences(dict.fromkeys(views, folder.parts), views, "AutoencoderKL")
        write_folder(
            options.diffusers,
            folder.files,
            overwrite=options.overwrite,
            own=DIFFUSERS_FOLDER,
            option="--diffusers",
        )
    for out in (*options.folders.values(), *options.files.values()):
        if out is not None:
            say(out)
    if options.site is not None:
        own = ["--bind", "127.0.0.1"]  # else everybody in the network could fetch the images
        words = shlex.join(["python", "-m", "http.server", *own, "--directory", str(options.site)])
        note(f"look at it with `{words}`, at http://127.0.0.1:8000")
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


@runtime_checkable
class _Shown(Protocol):
    """The options of what the page shows."""

    @property
    def images(self) -> int: ...
    @property
    def columns(self) -> Path | None: ...
    @property
    def quiet(self) -> bool: ...
    @property
    def compute(self) -> Compute: ...


def gathered(runs: Sequence[Run], options: _Shown, *, training_images: bool = True) -> Bundle:
    """The bundle of the runs. Says on stderr what takes its time."""
    quiet = options.quiet
    if not quiet:
        note(ENCODING)
    scoring = counted_progress("scoring", "images", quiet=quiet)
    with reading_progress(quiet=quiet) as progress, scoring as score_progress:
        return make_bundle(
            runs,
            images=options.images,
            progress=progress,
            score_progress=score_progress,
            device=options.compute.chosen(),
            columns=options.columns,
            training_images=training_images,
        )


def _say_differences(
    models: Mapping[str, Sequence[_Exported | KlPart]], views: Mapping[str, RunView], program: str
) -> None:
    """How near to PyTorch every exported half is."""
    for name, halves in models.items():
        values = math.prod(views[name].model.image_shape)
        sizes = ", ".join(map(str, compared_batches(values)))
        for half in halves:
            note(
                f"{name} {half.part}: {program}'s result differs from PyTorch's by "
                f"{half.difference:.1e} at most, in batches of {sizes} (allowed: "
                f"{ONNX_TOLERANCE:g}; "
                f"{'of pixels' if half.part == 'decoder' else 'of the largest latent, or of 1'})"
            )


def _check(options: ExportOptions) -> None:
    """Raises before any work is done where something cannot be written."""
    written = options.folders | options.files
    if not any(written.values()):
        raise ConfigError(
            "reparam export must have somewhere to write to, got nothing. Fix: give --onnx DIR, "
            "--torch DIR, --diffusers DIR, --site DIR, --single-file FILE or --anomaly FILE"
        )
    places: dict[Path, str] = {}
    for flag, place in written.items():
        if place is not None and (first := places.setdefault(place.resolve(), flag)) != flag:
            raise ConfigError(
                f"{first} and {flag} must be different places, got {place} twice. Fix: change one"
            )
    if options.columns is not None and not options.has_page:
        raise ConfigError(
            "--columns must be given with --site or --single-file, which show them. Fix: omit it"
        )
    if options.has_page:
        need("reparam export", "explore")
    elif options.onnx is not None:
        need("reparam export --onnx", "export")
    elif options.anomaly is not None:
        need("reparam export --anomaly", "export")
    if options.diffusers is not None:
        need("reparam export --diffusers", "diffusers")
    for flag in ("--diffusers", "--anomaly"):
        if written[flag] is not None and len(options.runs) > 1:
            found = len(options.runs)
            raise ConfigError(f"{flag} must have one run, got {found}. Fix: export each by itself")
    overwrite = options.overwrite
    owners = (ONNX_FOLDER, TORCH_FOLDER, DIFFUSERS_FOLDER, SITE_FOLDER)
    for (flag, folder), own in zip(options.folders.items(), owners, strict=True):
        if folder is not None:
            check_folder_free(folder, overwrite=overwrite, own=own, option=flag)
    if options.has_page:
        check_page()
    for (flag, file), ends in zip(options.files.items(), (HTML, (".onnx",)), strict=True):
        if file is not None:
            if file.suffix.lower() not in ends:
                raise ConfigError(f"{flag} must end in {ends[0]}, got {file}. Fix: rename it")
            check_file_free(file, overwrite=overwrite, option=flag)


def _views(runs: Sequence[Run], device: str, *, quiet: bool) -> dict[str, RunView]:
    """By the runs' ids, with as many images as are compared."""
    if not quiet:
        note(ENCODING)
    with reading_progress(quiet=quiet) as progress:
        views = held_out_views(runs, images=LARGE_BATCH, progress=progress, device=device)
    return dict(zip(run_ids(runs), views, strict=True))


def _exported(
    views: Mapping[str, RunView], export: Callable[..., Sequence[_Exported]]
) -> dict[str, Sequence[_Exported]]:
    return {
        name: export(view.run, view.model, view.images, view.labels) for name, view in views.items()
    }


def _write_halves(
    options: ExportOptions,
    folder: Path | None,
    models: Mapping[str, Sequence[_Exported]],
    own: OwnFolder,
    suffix: str,
    option: str,
) -> None:
    """Encoder and decoder as files, in a folder for each of two runs."""
    if folder is None:
        return
    files = {
        f"{name}/{half.part}.{suffix}" if len(models) > 1 else f"{half.part}.{suffix}": half.data
        for name, halves in models.items()
        for half in halves
    }
    write_folder(folder, files, overwrite=options.overwrite, own=own, option=option)


def _write_page(options: ExportOptions, bundle: Bundle) -> None:
    if options.site is not None:
        files = site_files(bundle.files)
        write_folder(
            options.site, files, overwrite=options.overwrite, own=SITE_FOLDER, option="--site"
        )
    if options.single_file is not None:
        page = single_file(bundle.files)
        write_file(options.single_file, page, overwrite=options.overwrite, option="--single-file")
        note(f"{options.single_file} has {len(page) / 1e6:,.1f} MB")


def _write_detector(options: ExportOptions, file: Path, run: Run) -> None:
    from reparam.cli.calibrating import asked_rate  # not for those who export no detector
    from reparam.evaluation import load_detector
    from reparam.export import export_detector

    detector = load_detector(run)
    rate = asked_rate(run, detector, options.false_alarms)
    found = export_detector(run, detector, rate)
    note(
        f"{run.path} detector: onnxruntime's scores and maps differ from PyTorch's by "
        f"{found.difference:.1e} of the largest at most"
    )
    write_file(file, found.data, overwrite=options.overwrite, option="--anomaly")

"""reparam fit-prior: a prior fitted to what the trained encoder does."""

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from rich.console import Console

from reparam.cli.parse import RunFolder, parse
from reparam.cli.reading import reading_progress
from reparam.cli.tables import new_table, print_table
from reparam.errors import ConfigError, RunError
from reparam.model import Told
from reparam.training import LatentFit, PriorFit, Run, fit_run_prior, writing


@dataclass(frozen=True)
class FitPriorOptions:
    """Fit a prior to the latents of a finished run's training images; the networks stay as they
    are.

    From then on sample, report and all else draw from it. It lies in the run folder, as
    prior.safetensors.
    """

    run: RunFolder
    """The run folder."""

    prior: Literal["gaussian", "mixture", "flow", "own"] = "mixture"
    """gaussian: one with a full covariance; mixture: as many as held-out latents ask for; flow: a
    neural spline flow; own: take the fitted one away, back to what the run was trained with."""

    seed: int = 0
    """Seed of the draws z ~ q(z|x) and of the fit."""

    overwrite: bool = False
    """Replace the prior that was fitted before."""

    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise ConfigError(
                f"seed must lie between 0 and 2^32 - 1, found {self.seed}: choose one, such as 0"
            )


def run(args: Sequence[str]) -> int:
    options = parse(FitPriorOptions, args, prog="reparam fit-prior")
    folder = Run.open(options.run)
    with writing(folder.path):
        if options.prior == "own":
            folder.forget_prior()
            print(f"{folder.path}: draws from {folder.load_model().prior.description}")
            return 0
        if folder.prior_file.exists() and not options.overwrite:
            raise RunError(
                f"{folder.path}: a prior was fitted already; replace it with --overwrite, or go "
                "back to the run's own with --prior own"
            )
        folder.check_finished("a prior is fitted to a finished run")
        with reading_progress(quiet=options.quiet) as progress:
            images = folder.images(progress)
        with _progress(options.prior, quiet=options.quiet) as told:
            found = fit_run_prior(folder, images, options.prior, options.seed, told)
    _print(found)
    print(folder.prior_file)
    return 0


@contextmanager
def _progress(prior: str, *, quiet: bool) -> Iterator[Told | None]:
    """The last line beside a spinner on a terminal, every line elsewhere; on stderr."""
    console = Console(stderr=True)
    if quiet:
        yield None
    elif console.is_terminal:
        with console.status(f"fitting: {prior}") as status:
            yield lambda line: status.update(f"fitting: {prior}: {line}")
    else:
        yield lambda line: print(f"{prior}: {line}", file=sys.stderr, flush=True)


def _print(found: PriorFit) -> None:
    table = new_table()
    table.add_column("prior")
    table.add_column("per image", justify="right")
    table.add_column("per dimension", justify="right")
    for fit in (*found.before, found.after):
        table.add_row(fit.prior, _nats(fit), f"{fit.nats_per_dimension:.3f}".replace("inf", "∞"))
    print_table(
        table,
        f"log p(z) in nats, mean ± standard error over the latents of {found.images:,} "
        f"{found.split} images (fitted to {found.fitted_to:,} training images)",
    )
    for fit in (*found.before, found.after):
        if fit.outside:
            print(f"{fit.outside:.2%} of them lie outside of {fit.prior}: a density of 0 there")


def _nats(fit: LatentFit) -> str:
    if not math.isfinite(fit.nats):
        return "-∞"
    return f"{fit.nats:.3f} ± {fit.standard_error:.3f}"

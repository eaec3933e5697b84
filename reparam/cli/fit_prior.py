"""reparam fit-prior: a prior fitted to what the trained encoder does."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.reading import reading_progress
from reparam.cli.tables import new_table, print_table
from reparam.cli.terminal import Terminal
from reparam.errors import ConfigError, RunError
from reparam.fields import MOST_SEED, check_options, option
from reparam.model import FitProgress, fittable_names
from reparam.printable import note, printable, say
from reparam.runs import Run, writing
from reparam.training import LatentFit, PriorFit, fit_run_prior

OWN = "own"
"""Instead of a prior to fit: the one that the run was trained with."""


@dataclass(frozen=True)
class FitPriorOptions:
    """Fit a prior to the latents of a finished run's training images; the networks stay as they
    are.

    From then on sample, report and all else draw from it. It lies in the run folder, as
    prior.safetensors.

    Examples:
      reparam fit-prior runs/digits-ae
      reparam fit-prior runs/digits-vae --prior flow --overwrite
    """

    run: Path = RUN
    """The run folder."""

    prior: str = "mixture"
    """gaussian: one with a full covariance; mixture: as many as held-out latents are best
    described by; flow: a neural spline flow; own: remove the fitted one, back to what the run was
    trained with."""

    seed: int = option(0, least=0, most=MOST_SEED)
    """Seed of the draws z ~ q(z|x) and of the fit."""

    overwrite: bool = False
    """Replace the prior that was fitted before."""

    quiet: bool = False
    """No progress."""

    compute: Compute = Compute()

    def __post_init__(self) -> None:
        known = (*fittable_names(), OWN)
        if self.prior not in known:
            raise ConfigError(
                f"prior must be one of {', '.join(known)}, got {self.prior!r}. Fix: choose one"
            )
        check_options(self)


def run(args: Sequence[str]) -> int:
    options = parse(FitPriorOptions(), args, prog="reparam fit-prior")
    folder = Run.open(options.run)
    with writing(folder.path):
        if options.prior == OWN:
            folder.forget_prior()
            say(f"{folder.path}: draws from {folder.load_model().prior.describe()}")
            return 0
        if folder.prior_file.exists() and not options.overwrite:
            raise RunError(
                f"{folder.path}: a prior was fitted already. Fix: replace it with --overwrite, or "
                "go back to the run's own with --prior own"
            )
        folder.finished("a prior is fitted to a finished run")
        folder.load_model(own_prior=True)  # refused before the images are read
        with reading_progress(quiet=options.quiet) as reading:
            images = folder.images(reading)
        with fitting_progress(options.prior, quiet=options.quiet) as progress:
            found = fit_run_prior(
                folder, images, options.prior, options.seed, progress, options.compute.chosen()
            )
    _print(found)
    say(folder.prior_file)
    return 0


@contextmanager
def fitting_progress(prior: str, *, quiet: bool) -> Iterator[FitProgress | None]:
    """The fit's last line beside a spinner on a terminal, every line elsewhere; on stderr."""
    console = Terminal(stderr=True)
    if quiet:
        yield None
    elif console.is_terminal:
        with console.status(f"fitting: {prior}") as status:  # Text: no markup
            yield lambda line: status.update(Text(printable(f"fitting: {prior}: {line}")))
    else:
        yield lambda line: note(f"{prior}: {line}")


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
            say(f"{fit.outside:.2%} of them lie outside of {fit.prior}: a density of 0 there")


def _nats(fit: LatentFit) -> str:
    if not math.isfinite(fit.nats):
        return "-∞"
    return f"{fit.nats:.3f} ± {fit.standard_error:.3f}"

"""reparam report: the figures and the report of runs that exist."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reparam.cli.flags import RUNS, Compute, parse
from reparam.cli.progress import step_progress
from reparam.extras import need
from reparam.printable import say
from reparam.report import ReportChoices
from reparam.runs import Run, command_line


@dataclass(frozen=True)
class ReportOptions:
    """Draw the figures of finished runs and write one self-contained page. Trains nothing.

    With an AE and a VAE the page puts them side by side.

    Examples:
      reparam report runs/digits-ae runs/digits-vae
      reparam report runs/digits-vae --out vae.html --figures figures/
    """

    runs: tuple[Path, ...] = RUNS
    """Run folders."""

    out: Path = Path("report.html")
    """The page."""

    figures: Path | None = None
    """Also write every figure as PNG into this folder."""

    report: ReportChoices = field(default_factory=ReportChoices)

    quiet: bool = False
    """No progress."""

    compute: Compute = Compute()


def run(args: Sequence[str]) -> int:
    options = parse(ReportOptions(), args, prog="reparam report")
    need("reparam report", "report")
    from reparam.report import write_report  # needs the extra

    runs = [Run.open(path) for path in options.runs]
    with step_progress("drawing the report", quiet=options.quiet) as progress:
        out = write_report(
            runs,
            options.out,
            choices=options.report,
            command=command_line("report", args),
            figures=options.figures,
            device=options.compute.chosen(),
            progress=progress,
        )
    say(out)
    return 0

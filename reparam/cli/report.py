"""reparam report: the figures and the report of runs that exist."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from reparam.cli.parse import parse
from reparam.report import ReportChoices, write_report
from reparam.training import Run


@dataclass(frozen=True)
class ReportOptions:
    """Draw the figures of finished runs and write one self-contained page. Trains nothing.

    With an AE and a VAE the page puts them side by side.
    """

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN ...")]
    """Run folders."""

    out: Path = Path("report.html")
    """The page."""

    figures: Path | None = None
    """Also write every figure as PNG into this folder."""

    choices: ReportChoices = field(default_factory=ReportChoices)


def run(args: Sequence[str]) -> int:
    options = parse(ReportOptions, args, prog="reparam report")
    out = write_report(
        [Run.open(path) for path in options.runs],
        options.out,
        choices=options.choices,
        command=f"reparam report {shlex.join(args)}",
        figures=options.figures,
    )
    print(out)
    return 0

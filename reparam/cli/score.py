"""reparam score: what the latent space of a trained model is like, in numbers."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from reparam.cli.parse import parse
from reparam.cli.reading import reading_progress
from reparam.cli.score_table import print_scorecards
from reparam.cli.scoring import scored
from reparam.errors import ConfigError
from reparam.evaluation import ScoreConfig
from reparam.evaluation.scoring.of_run import FILE as SCORECARD
from reparam.training import Run


@dataclass(frozen=True)
class ScoreOptions:
    """Measure trained models on their held-out images, and write RUN/scorecard.json.

    Where the latents lie, how they differ from the prior, which classes random draws decode to and
    how real they look, gaps, neighbours, reconstruction, likelihood: each figure with a 95 %
    interval and, as its reference, what an ideal model would score on as many images. An AE, which
    has no prior, is scored against N(0, I) and against the best it could be given. A scorecard
    that stands already is shown, not made again.
    """

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN ...")]
    """Run folders."""

    score: ScoreConfig = field(default_factory=ScoreConfig)

    again: bool = False
    """Measure anew where a scorecard of the same weights and options stands."""

    json: bool = False
    """Print the scorecards as JSON."""

    quiet: bool = False
    """No progress."""


def run(args: Sequence[str]) -> int:
    options = parse(ScoreOptions, args, prog="reparam score")
    if not options.runs:
        raise ConfigError("reparam score needs a run folder, found none: name one")
    folders = [Run.open(path) for path in options.runs]
    cards = []
    for folder in folders:
        with reading_progress(quiet=options.quiet) as reading:
            images = folder.images(reading)
        cards.append(
            scored(folder, images, options.score, again=options.again, quiet=options.quiet)
        )
    if options.json:
        print(json.dumps([card.to_mapping() for card in cards], indent=2, ensure_ascii=False))
    else:
        print_scorecards(cards)
        for folder in folders:
            print(folder.path / SCORECARD, file=sys.stderr)
    return 0

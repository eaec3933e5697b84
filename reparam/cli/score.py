"""reparam score: what the latent space of a trained model is like, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reparam.cli.flags import RUNS, Compute, parse
from reparam.cli.reading import reading_progress
from reparam.cli.score_table import print_scorecards
from reparam.cli.scoring import check_first, scored
from reparam.cli.terminal import print_json
from reparam.evaluation import SCORECARD_FILE, ScoreConfig
from reparam.printable import note
from reparam.runs import Run


@dataclass(frozen=True)
class ScoreOptions:
    """Measure trained models on their held-out images, and write RUN/scorecard.json.

    Where the latents lie, how they differ from the prior, which classes random draws decode to and
    how real they look, gaps, neighbours, reconstruction, likelihood: each figure with a 95 %
    interval and, as its reference, what an ideal model would score on as many images. An AE, which
    has no prior, is scored against N(0, I) and against the best it could be given. A scorecard
    that exists already is shown, not made again.
    """

    runs: tuple[Path, ...] = RUNS
    """Run folders."""

    score: ScoreConfig = field(default_factory=ScoreConfig)

    again: bool = False
    """Measure anew where a scorecard of the same weights and options exists."""

    json: bool = False
    """Print the scorecards as JSON."""

    quiet: bool = False
    """No progress."""

    compute: Compute = Compute()


def run(args: Sequence[str]) -> int:
    options = parse(ScoreOptions(), args, prog="reparam score")
    device = options.compute.chosen()
    folders = [Run.open(path) for path in options.runs]
    for folder in folders:
        check_first(folder, options.score, again=options.again)
    cards = []
    for folder in folders:
        with reading_progress(quiet=options.quiet) as reading:
            images = folder.images(reading)
        cards.append(
            scored(
                folder,
                images,
                options.score,
                again=options.again,
                quiet=options.quiet,
                device=device,
            )
        )
    if options.json:
        print_json([card.to_mapping() for card in cards])
    else:
        print_scorecards(cards)
        for folder in folders:
            note(folder.path / SCORECARD_FILE)
    return 0

"""reparam score: what the latent space of a trained model is like, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reparam.cli.flags import RUNS, Compute, parse
from reparam.cli.reading import reading_progress
from reparam.cli.score_table import print_differences, print_scorecards
from reparam.cli.scoring import check_first, scored
from reparam.cli.terminal import print_json
from reparam.evaluation import (
    Scorecard,
    ScoreConfig,
    check_same_images,
    check_same_judge,
    differences,
)
from reparam.printable import note
from reparam.runs import SCORECARD, Run


@dataclass(frozen=True)
class ScoreOptions:
    """Measure trained models on their held-out images, and write RUN/scorecard.json.

    Where the latents lie, how they differ from the prior, which classes random draws decode to and
    how real they look, gaps, neighbours, reconstruction, likelihood: each figure with a 95 %
    interval and, as its reference, what an ideal model would score. An AE, which has no prior, is
    scored against N(0, I) and against the best it could be given. A scorecard that exists already
    is shown, not made again.

    Examples:
      reparam score runs/digits-vae
      reparam score runs/digits-vae --against runs/digits-ae
    """

    runs: tuple[Path, ...] = RUNS
    """Run folders."""

    score: ScoreConfig = field(default_factory=ScoreConfig)

    again: bool = False
    """Measure anew where a scorecard of the same weights and options exists."""

    against: Path | None = None
    """Another run of the same images: say row by row how each RUN differs from it. Means over
    images are compared image by image."""

    json: bool = False
    """Print the scorecards, or with --against the differences, as JSON."""

    quiet: bool = False
    """No progress."""

    compute: Compute = Compute()


def run(args: Sequence[str]) -> int:
    options = parse(ScoreOptions(), args, prog="reparam score")
    folders = [Run.open(path) for path in options.runs]
    if options.against is not None:
        _compare(folders, Run.open(options.against), options)
        return 0
    cards = _scored(folders, options)
    if options.json:
        print_json([card.to_mapping() for card in cards])
    else:
        print_scorecards(cards)
        for folder in folders:
            note(folder.path / SCORECARD)
    return 0


def _compare(folders: Sequence[Run], other: Run, options: ScoreOptions) -> None:
    for folder in folders:
        check_same_images(folder, other)
    apart = [folder for folder in folders if folder.path.resolve() != other.path.resolve()]
    against, *rest = _scored([other, *apart], options)
    by_path = {folder.path: card for folder, card in zip(apart, rest, strict=True)}
    cards = [by_path.get(folder.path, against) for folder in folders]
    for card in cards:
        check_same_judge(card, against)
    found = [differences(card, against) for card in cards]
    if options.json:
        print_json(
            [
                {
                    "run": str(folder.path),
                    "against": str(other.path),
                    "rows": [row.to_mapping() for row in rows],
                }
                for folder, rows in zip(folders, found, strict=True)
            ]
        )
        return
    for folder, card, rows in zip(folders, cards, found, strict=True):
        print_differences(rows, card, *told_apart(folder.path, other.path))


def told_apart(first: Path, second: Path) -> tuple[str, str]:
    """What to call two folders: the ends of their paths, as long as they must be to differ."""
    one, two = (path.resolve().parts for path in (first, second))
    for count in range(1, max(len(one), len(two))):
        if one[-count:] != two[-count:]:
            return str(Path(*one[-count:])), str(Path(*two[-count:]))
    return str(first), str(second)


def _scored(folders: Sequence[Run], options: ScoreOptions) -> list[Scorecard]:
    by_image = options.against is not None
    device = options.compute.chosen()
    for folder in folders:
        check_first(folder, options.score, again=options.again, by_image=by_image)
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
                by_image=by_image,
                quiet=options.quiet,
                device=device,
            )
        )
    return cards

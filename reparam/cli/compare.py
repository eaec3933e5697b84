"""reparam compare: several runs, or several seeds of them, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reparam.cli.existing import check_place, open_or_create_run, trained
from reparam.cli.fit_prior import fitting_progress
from reparam.cli.flags import RUNS, Compute, parse
from reparam.cli.group_table import print_groups, print_verdicts
from reparam.cli.help_text import ABSENT, by_flag
from reparam.cli.reading import reading_progress
from reparam.cli.scoring import check_first, judge_with_progress, kept_scorecard, scored
from reparam.data import ImageSet
from reparam.errors import ConfigError, check_positive
from reparam.evaluation import Group, Judge, Scorecard, ScoreConfig
from reparam.extras import need
from reparam.printable import note, say
from reparam.report import check_page
from reparam.runs import Run, RunConfig, command_line, title_of, writing
from reparam.training import fit_run_prior
from reparam.types import Language


@dataclass(frozen=True)
class CompareOptions:
    """Put the scorecards of several runs side by side.

    Runs that differ in their seed alone are one column: mean and interval over seeds. Columns with
    the same seeds are compared seed by seed. With an AE and a VAE among them, each of the article's
    claims gets a verdict: confirmed, refuted, or undecided, corrected for the number of claims
    (Holm). What has no scorecard yet is scored, with the options of the scorecards that are there,
    unless they are given here. Writes a page with a chart of every measure.

    Examples:
      reparam compare runs/digits-ae runs/digits-vae
      reparam compare runs/digits-vae --seeds 3 --out seeds.html
    """

    runs: tuple[Path, ...] = RUNS
    """Run folders."""

    seeds: int = 1
    """Of each run that many seeds, its own and the next ones: those that are missing are trained,
    into RUN-seed-N beside it. Where a prior was fitted to the run, one of its kind is to them."""

    out: Path = Path("comparison.html")
    """The page."""

    score: ScoreConfig = field(default_factory=ScoreConfig)

    lang: Language = "en"
    """Language of the page: en or ko."""

    quiet: bool = False
    """No progress."""

    compute: Compute = Compute()

    def __post_init__(self) -> None:
        check_positive(seeds=self.seeds)


def run(args: Sequence[str]) -> int:
    options = parse(CompareOptions(), args, prog="reparam compare")
    need("reparam compare", "report")
    from reparam.report import write_comparison  # needs the extra

    device = options.compute.chosen()
    again = command_line("compare", args)
    judges: dict[str, Judge] = {}
    together: dict[str, list[tuple[Run, Scorecard]]] = {}
    check_page(options.out)
    firsts = _firsts([Run.open(path.resolve()) for path in options.runs], options.seeds)
    config = _score_options(firsts, options.score)
    for first in firsts:
        check_first(first, config)
        for path, of_seed in _siblings(first, options.seeds):
            check_place(path, of_seed)
    for first in firsts:
        with reading_progress(quiet=options.quiet) as progress:
            images = first.images(progress)
        mark = images.fingerprint()
        if mark not in judges:
            judges[mark] = judge_with_progress(images, quiet=options.quiet, device=device)
        for folder in _with_seeds(first, images, options, again):
            card = scored(
                folder,
                images,
                config,
                quiet=options.quiet,
                judge=judges[mark],
                device=device,
            )
            together.setdefault(_kind(folder, card), []).append((folder, card))
    _warn_of_others([card for runs in together.values() for _, card in runs])
    groups = groups_of(list(together.values()))
    print_groups(groups)
    print_verdicts(groups)
    report = write_comparison(groups, options.out, command=again, lang=options.lang)
    say(report)
    return 0


def _score_options(runs: Sequence[Run], given: ScoreConfig) -> ScoreConfig:
    """Where none are given, those of the runs' scorecards: to make one again may take hours.

    Raises ConfigError where these differ, and for those that no options here can be.
    """
    if given != ScoreConfig():
        return given
    made = []
    for run in runs:
        card, usual = kept_scorecard(run), ScoreConfig().to_mapping(run.facts.image_shape)
        if card is not None:
            made.append({n: v for n, v in card.options.items() if n in usual and v != usual[n]})
    names = {n for own in made for n in own if len({str(other.get(n)) for other in made}) > 1}
    if names:
        flags = ", ".join(sorted(f"--{name.replace('_', '-')}" for name in names))
        raise ConfigError(
            f"scorecards to compare must be made with the same options, got others for {flags}. "
            "Fix: score the runs alike (reparam score), or give them here, to score again where "
            "they differ"
        )
    return ScoreConfig.from_mapping(made[0]) if made else given


def _firsts(runs: Sequence[Run], seeds: int) -> list[Run]:
    """The runs, each once, without those that are of the next seeds of others: these come with
    them.
    """
    different = list({run.path: run for run in runs}.values())
    next_seeds = {path for run in different for path, _ in _siblings(run, seeds)}
    return [run for run in different if run.path not in next_seeds]


def _siblings(first: Run, seeds: int) -> list[tuple[Path, RunConfig]]:
    """The folders beside the run of the next seeds, with their configurations."""
    own = first.config.seed
    return [
        (first.path.with_name(f"{first.path.name}-seed-{seed}"), replace(first.config, seed=seed))
        for seed in range(own + 1, own + seeds)
    ]


def _with_seeds(first: Run, images: ImageSet, options: CompareOptions, again: str) -> list[Run]:
    """The run and its siblings of the next seeds, trained where they are missing."""
    runs = [first]
    prior = first.fitted_prior()
    for path, config in _siblings(first, options.seeds):
        if not options.quiet:
            note(f"{path}")
        command = f"{again}  # seed {config.seed}"
        with writing(path):
            sibling = open_or_create_run(path, config, images, command=command)
            trained(sibling, images, quiet=options.quiet, again=again)
            if prior is not None and not sibling.prior_file.exists():
                with fitting_progress(prior, quiet=options.quiet) as progress:
                    device = options.compute.chosen()
                    fit_run_prior(sibling, images, prior, config.seed, progress, device)
        runs.append(sibling)
    return runs


def _warn_of_others(cards: list[Scorecard]) -> None:
    """Figures compare where images and judge are the same."""
    marks = {(card.source, card.split, card.images, card.judge) for card in cards}
    if len(marks) > 1:
        note(
            "reparam: these runs were scored on different images or by different judges: their "
            "figures compare only in part"
        )


def _kind(run: Run, card: Scorecard) -> str:
    """What runs have in common that differ in their seed alone. A prior that was fitted after
    training is not in the configuration.
    """
    return repr((replace(run.config, seed=0), run.facts.fingerprint, card.own.kind))


def groups_of(several: list[list[tuple[Run, Scorecard]]]) -> list[Group]:
    """Titles say how the groups differ: by model, and by every other option that is not equal."""
    options = [{**by_flag(run.config), "prior": card.own.kind} for (run, card), *_ in several]
    names = dict.fromkeys(name for own in options for name in own if name not in NOT_COMPARED)
    apart = [name for name in names if len({own.get(name, ABSENT) for own in options}) > 1]
    groups = []
    for runs, own in zip(several, options, strict=True):
        values = {name: own.get(name, ABSENT) for name in apart}
        model = title_of(runs[0][0].config)
        seeds = tuple(run.config.seed for run, _ in runs)
        groups.append(Group(model, tuple(card for _, card in runs), values, seeds))
    return _distinct(groups, [runs[0][0].path.name for runs in several])


NOT_COMPARED = ("seed", "model")
"""Options that groups are not told apart by: runs of several seeds are one group, and a preset is
no more than its options."""


def _distinct(groups: list[Group], names: list[str]) -> list[Group]:
    """Groups of one title get the names of their first folders."""
    titles = [group.title for group in groups]
    return [
        replace(group, title=f"{group.title} ({name})") if titles.count(group.title) > 1 else group
        for group, name in zip(groups, names, strict=True)
    ]

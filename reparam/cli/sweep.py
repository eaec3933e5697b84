"""reparam sweep: a measure against an option."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reparam.cli.existing import check_place, open_or_create_run, trained
from reparam.cli.flags import Compute, PassedOn, flag_in, flags_of, parse, split_words, value_of
from reparam.cli.grid import OWN, Point, axes_of, points
from reparam.cli.group_table import print_groups, print_trends, print_verdicts
from reparam.cli.reading import Loader
from reparam.cli.scoring import judge_with_progress, scored
from reparam.cli.search_checks import check_comparable, check_figure
from reparam.cli.search_space import axes_of_search
from reparam.cli.searching import Search, best_loss
from reparam.cli.train import before_flags
from reparam.data import DataConfig, ImageSet
from reparam.errors import ConfigError, check_positive
from reparam.evaluation import MEASURES, Group, Judge, Scorecard, ScoreConfig, check_features
from reparam.extras import need
from reparam.fields import option
from reparam.printable import note, say
from reparam.report import check_page
from reparam.runs import Run, command_line, title_of, to_mapping, writing
from reparam.training import check_loggers
from reparam.types import Language


@dataclass(frozen=True)
class SweepOptions:
    """Train and score a model for every value of an option, and draw each measure against it.

    Takes every option of `reparam train`, and any number of values where that takes one. One run
    folder each in --out; what exists there is not trained again, and a sweep that was
    stopped continues when the same command is given again. Writes OUT/report.html with a chart of
    every measure, and OUT/sweep.json.

    Examples:
      reparam sweep digits --model ae vae --latent-dim 2 8 32 128 --seeds 3
      reparam sweep digits --recipe quick --search "latent_dim=2..64 log"
    """

    seeds: int = 3
    """Runs of each combination, with seeds 0, 1, ..."""

    search: tuple[str, ...] = ()
    """Let Optuna choose the values of these options instead: "latent_dim=2..64 log", "ema=0..0.99",
    "encoder=mlp,residual". One run of seed 0 for each trial, by the validation loss; the same
    command continues the search. Writes OUT/search.json and OUT/search.svg."""

    trials: int = 20
    """Trials of --search, with those that OUT has already."""

    prune: bool = option(True, common=False)
    """Stop a trial whose loss is worse than the median of earlier ones after as many epochs."""

    search_for: str | None = option(None, common=False)
    """The row of the scorecard that --search compares trials by, such as mse,
    instead of the validation loss; no trial is stopped early then."""

    out: Path = Path("runs/sweep")
    """Folder for the runs and the report."""

    score: ScoreConfig = field(default_factory=ScoreConfig)

    lang: Language = "en"
    """Language of the report: en or ko."""

    quiet: bool = False
    """No progress."""

    compute: Compute = Compute()

    def __post_init__(self) -> None:
        check_positive(seeds=self.seeds, trials=self.trials)
        if self.search_for is not None:
            check_figure(self.search_for)


def run(args: Sequence[str]) -> int:
    own, train_words = _split(args)
    train = PassedOn("reparam train", lambda: before_flags(train_words), train_words, OWN)
    options = parse(SweepOptions(), own, prog="reparam sweep", passed_on=train)
    need("reparam sweep", "report")
    from reparam.report import write_comparison  # needs the extra

    device = options.compute.chosen()
    again = command_line("sweep", args)
    check_features(options.score)
    if options.search:
        if value_of("--seeds", args) is not None:
            raise ConfigError(
                "seeds must not be given with --search, whose trials are of seed 0. Fix: omit it"
            )
        _search(options, train_words, again).run()
        return 0
    _check_no_search(own)
    report = options.out / "report.html"
    check_page(report)

    load = Loader(quiet=options.quiet)
    planned = [_agreed(point, load) for point in points(train_words, options.seeds, load)]
    for point in planned:
        check_place(options.out / point.name, point.config)
        check_loggers(point.config.training)
    for point in planned:
        found = load(point.config.data)
        config = point.config.for_classes(found.class_names)
        config.check_for(found.image_shape)  # refused before any training
    images: dict[DataConfig, tuple[ImageSet, Judge]] = {}
    for data in dict.fromkeys(point.config.data for point in planned):
        found = load(data)
        judge = judge_with_progress(found, quiet=options.quiet, device=device)
        images[data] = (found, judge)
    cards = []
    for number, point in enumerate(planned, 1):
        if not options.quiet:
            note(f"[{number} of {len(planned)}] {point.name}")
        cards.append(_card(point, *images[point.config.data], options, again))
    groups = grouped(planned, cards)
    print_groups(groups)
    print_verdicts(groups)
    print_trends(groups)
    write_comparison(
        groups,
        report,
        command=again,
        lang=options.lang,
        data=options.out / "sweep.json",
    )
    say(report)
    return 0


def _check_no_search(own: Sequence[str]) -> None:
    """Raises ConfigError for an option that only a search reads."""
    given = {flag_in(word) for word in own}
    for name in ("--trials", "--prune", "--no-prune", "--search-for"):
        if name in given:
            raise ConfigError(f"{name} must be given with --search, got it alone. Fix: omit it")


def _search(options: SweepOptions, words: Sequence[str], again: str) -> Search:
    """Raises ConfigError for values that cannot be, and losses that cannot be compared."""
    need("--search", "search")
    axes, several = axes_of_search(options.search), axes_of(words)[1]
    if several:
        raise ConfigError(
            f"{', '.join(several)} must have one value with --search, got several. Fix: give one, "
            "or name the option in --search"
        )
    load, device = Loader(quiet=options.quiet), options.compute.chosen()

    def point(chosen: Sequence[str]) -> Point:
        return _agreed(points([*words, *chosen], 1, load)[0], load)

    def measured(run: Run, images: ImageSet) -> float:
        card = scored(run, images, options.score, quiet=options.quiet, device=device)
        found = card.find(str(options.search_for))
        if found.value is None:
            raise ConfigError(f"{run.path}: has no {options.search_for}: {found.note}")
        return found.value

    first = [(axis.flag, axis.ends[0]) for axis in axes]
    base = point([word for pair in first for word in pair])
    for axis in axes:
        for end in axis.ends:
            chosen = {**dict(first), axis.flag: end}
            other = point([word for pair in chosen.items() for word in pair])
            check_loggers(other.config.training)
            if options.search_for is None:
                check_comparable(base.config, other.config)
    name = options.search_for
    measure = ["for", name, json.dumps(to_mapping(options.score), sort_keys=True)] if name else []
    return Search(
        axes=axes,
        trials=options.trials,
        out=options.out,
        prune=options.prune and name is None,
        maximise=name is not None and MEASURES[name].better == "higher",
        figure="validation loss, nats" if name is None else MEASURES[name].en,
        identity=command_line("sweep", [*words, "--search", *options.search, *measure]),
        point=point,
        images=lambda config: load(config.data),
        measure=best_loss if name is None else measured,
        quiet=options.quiet,
        again=again,
    )


def _agreed(point: Point, load: Loader) -> Point:
    """With what depends on the pictures written out."""
    config = replace(point.config, data=load.with_shape(point.config.data))
    return replace(point, config=config)


def _split(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of the sweep itself, and those of `reparam train`."""
    mine = {flag: words for flag, words in flags_of(SweepOptions()).items() if flag != "--device"}
    parts = split_words(args, mine)
    if device := value_of("--device", args):  # of both: where to train and where to score
        parts[0].extend(["--device", device])
    return parts


def _card(
    point: Point, images: ImageSet, judge: Judge, options: SweepOptions, again: str
) -> Scorecard:
    path = options.out / point.name
    with writing(path):
        folder = open_or_create_run(path, point.config, images, command=point.command)
        trained(folder, images, quiet=options.quiet, again=again)
    return scored(
        folder,
        images,
        options.score,
        quiet=options.quiet,
        judge=judge,
        device=options.compute.chosen(),
    )


def grouped(planned: Sequence[Point], cards: Sequence[Scorecard]) -> list[Group]:
    """The scorecards of one combination together, in the order of the sweep."""
    together: dict[tuple[tuple[str, str], ...], list[tuple[int, Scorecard]]] = {}
    models = {}
    for point, card in zip(planned, cards, strict=True):
        key = tuple(point.values.items())
        together.setdefault(key, []).append((point.seed, card))
        models[key] = title_of(point.config)
    groups = []
    for key, several in together.items():
        seeds, own = zip(*several, strict=True)
        groups.append(Group(_title(models[key], dict(key)), own, dict(key), seeds))
    return groups


def _title(model: str, values: dict[str, str]) -> str:
    rest = [f"{name} {value}" for name, value in values.items() if name != "model"]
    return ", ".join([model, *rest])

"""report.html: one self-contained page that explains the article with these runs."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from reparam.data import DataConfig, ImageSet, Progress
from reparam.errors import ConfigError
from reparam.evaluation import (
    MEASURES,
    TOPICS,
    Group,
    LatentFacts,
    Measured,
    Scorecard,
    claim_gains,
    claim_pair,
    current_scorecard,
    latent_facts,
    verdicts,
)
from reparam.model import Fittable, layer_table, parameter_counts
from reparam.report.choices import ReportChoices, check_figures, check_page
from reparam.report.environment import environment
from reparam.report.formulas import formulas
from reparam.report.pictures import FIGURES, Picture, draw_all, picture_of
from reparam.report.style import language_of_files, to_png
from reparam.runs import (
    Run,
    RunView,
    command_line,
    look_at,
    numbered,
    ready_to_view,
    to_mapping,
    with_distinct_titles,
    write_atomically,
)
from reparam.types import Language

SITE = "site/index.html"
"""Where the page of `reparam export --site` is, from the report's folder."""


@dataclass(frozen=True)
class Chapter:
    """One run as the page shows it."""

    view: RunView
    figures: Mapping[str, Picture]
    facts: LatentFacts
    parameters: Mapping[str, int]
    card: Scorecard | None
    """What `reparam score` measured of these weights; None without."""

    @property
    def title(self) -> str:
        return self.view.title

    @property
    def settings(self) -> str:
        """The configuration as JSON, to read."""
        run = self.view.run
        shown = {**to_mapping(run.config), "versions": run.facts.versions}
        return json.dumps(shown, indent=2, ensure_ascii=False)

    @property
    def losses(self) -> Mapping[str, float]:
        return self.view.losses

    def measured(self, name: str) -> Measured | None:
        """A measure as the scorecard has it, of draws from the model's own prior where it depends
        on one; None where it has no value, and without a scorecard.
        """
        found = None if self.card is None else self.card.find(name)
        return None if found is None or found.value is None else found

    @property
    def has_fitted_prior(self) -> bool:
        """Whether its prior was fitted to latents after training."""
        prior = self.view.model.prior
        return isinstance(prior, Fittable) and prior.fitted

    @property
    def has_only_rows(self) -> bool:
        """Whether every layer gives rows of numbers: there are no maps and no tokens."""
        return all(len(row.shape) == 1 for row in layer_table(self.view.model))


def chapter(
    view: RunView,
    figures_to: Path | None,
    lang: Language,
    tell: Callable[[str], None] = lambda _: None,
) -> Chapter:
    """Draws the run's figures; with ``figures_to`` they are also written there as PNG files, in
    English where no font here has the letters of ``lang``.

    ``tell`` hears the name of each before it is drawn.
    """
    card = current_scorecard(view.run, view.model)
    shown: dict[str, Picture] = {}

    def write(name: str, figure: Figure) -> None:
        if figures_to is not None:
            write_atomically(figures_to / f"{name}.png", to_png(figure))

    of_files = language_of_files(lang)
    for name, figure in draw_all(view, card, lang, tell):
        if of_files == lang:
            write(name, figure)
        shown[name] = picture_of(figure, lang)
    if figures_to is not None and of_files != lang:
        for name, figure in draw_all(view, card, of_files):
            write(name, figure)
    return Chapter(
        view=view,
        figures=shown,
        facts=latent_facts(view.mu),
        parameters=parameter_counts(view.model),
        card=card,
    )


def render(
    chapters: Sequence[Chapter],
    lang: Language,
    command: str,
    seconds: float | None,
    site: str | None = None,
) -> str:
    """The page as HTML. ``seconds``: how long everything took, where the caller knows it.

    ``site``: the address of the explorer's page of these runs, as the report links to it.
    """
    plain = [c for c in chapters if not c.view.is_variational]
    variational = [c for c in chapters if c.view.is_variational]
    scored = [c for c in chapters if c.card is not None]
    pair = claim_pair([Group(c.title, (c.card,), {}) for c in chapters if c.card is not None])
    judged = verdicts(*pair) if pair else ()
    return (
        environment(lang)
        .get_template(f"story.{lang}.html.j2")
        .render(
            lang=lang,
            chapters=chapters,
            ae=plain[0] if plain else None,
            vae=variational[0] if variational else None,
            first=chapters[0],
            alike=bool(plain and variational) and _alike(plain[0], variational[0]),
            article_ae=bool(plain) and _is_articles(plain[0]),
            math=formulas(),
            scored=scored,
            pair=pair,
            verdicts=judged,
            gains=claim_gains(judged),
            topics=TOPICS,
            measures=MEASURES,
            command=command,
            seconds=seconds,
            site=site,
            explore=command_line("explore", [str(c.view.run.path) for c in chapters[:2]]),
        )
    )


def _alike(one: Chapter, other: Chapter) -> bool:
    """Whether two runs have the same images, terms, and networks of a size: the article's two have
    their batch norm in another order.
    """

    def known(chapter: Chapter) -> tuple[object, ...]:
        view = chapter.view
        config = view.run.config
        networks = (
            config.model.encoder.type,
            config.model.decoder.type,
            chapter.parameters["decoder"],
        )
        return view.run.facts.fingerprint, view.latent_dim, networks, config.terms

    return known(one) == known(other)


def _is_articles(chapter: Chapter) -> bool:
    """Whether nothing in an AE's loss says where latents lie."""
    view = chapter.view
    return not view.run.config.terms and not view.model.prior.is_standard_normal


def write_report(
    runs: Sequence[Run],
    out: Path,
    *,
    command: str,
    choices: ReportChoices = ReportChoices(),  # noqa: B008
    seconds: float | None = None,
    figures: Path | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Path:
    """Draws and writes the report of finished runs; trains nothing.

    ``figures``: a folder that gets every figure as PNG too, in a sub-folder per run. ``device``:
    where the models compute. ``progress`` is called before each part of the work. Raises
    ConfigError without runs or where nothing can be written, and
    RunError for a run without weights or finished result, before images are read.
    """
    if not runs:
        raise ConfigError("a report must have at least one run, got none. Fix: name a run folder")
    check_page(out)
    if figures is not None:
        check_figures(figures)
    for run in runs:
        choices.check(ready_to_view(run)[2].latent_dim)
    steps = len(runs) * (1 + len(FIGURES)) + 2
    done = 0

    def tell(what: str) -> None:
        nonlocal done
        if progress is not None:
            progress(what, done, steps)
        done += 1

    views = []
    tell("reading images")
    for run, images in zip(runs, _images_of(runs), strict=True):
        tell(f"encoding the images of {run.path}")
        views.append(look_at(run, images, choices.axes, choices.projection, device=device))
    chapters = [
        chapter(view, figures / name if figures else None, choices.lang, tell)
        for view, name in zip(with_distinct_titles(views), _folder_names(views), strict=True)
    ]
    tell("the page")
    site = SITE if (out.parent / SITE).is_file() else None
    html = render(chapters, choices.lang, command, seconds, site)
    write_atomically(out, html.encode())
    return out


def _images_of(runs: Sequence[Run]) -> Iterator[ImageSet]:
    """The images of each run: runs that read the same images share them."""
    known: dict[tuple[DataConfig, str], ImageSet] = {}
    for run in runs:
        key = (run.config.data, run.facts.fingerprint)
        if key not in known:
            known[key] = run.images()
        yield known[key]


def _folder_names(views: Sequence[RunView]) -> list[str]:
    """The runs' names, numbered where two are the same."""
    return numbered([view.run.path.resolve().name for view in views])

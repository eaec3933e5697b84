"""report.html: one self-contained page that tells the article's story with these runs."""

import json
import shlex
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reparam.errors import ConfigError
from reparam.evaluation import (
    MEASURES,
    TOPICS,
    Group,
    Scorecard,
    Verdict,
    current_scorecard,
    read_scorecard,
    verdicts,
)
from reparam.evaluation.latents import LatentFacts, latent_facts
from reparam.model import parameter_counts
from reparam.report.environment import environment
from reparam.report.formulas import formulas
from reparam.report.pictures import Picture, draw_all, picture_of
from reparam.report.projection import check_umap, chosen_plane
from reparam.report.view import RunView, look_at
from reparam.training import Run
from reparam.training.files import write_atomically

Language = Literal["en", "ko"]

SITE = "site/index.html"
"""Where `reparam export --site` is looked for, from the report's folder."""

GENERATOR = b'<meta name="generator" content="reparam '
"""What a report says of itself near its beginning (layout.html.j2)."""


@dataclass(frozen=True)
class ReportChoices:
    """How a report is drawn."""

    lang: Language = "en"
    """Language of the page: English or Korean."""

    axes: tuple[int, int] | None = None
    """Two latent dimensions, from 1, to draw the plane of; by default the two principal axes where
    there are more than two."""

    projection: Literal["plane", "umap"] = "plane"
    """How the scatter plots bring more than two dimensions onto paper: the plane of two axes, or
    UMAP (needs the package umap-learn)."""

    def check(self, latent_dim: int) -> None:
        """Raises ConfigError for choices that cannot be drawn, before anybody waits for them."""
        if self.axes is not None:
            chosen_plane(np.zeros((1, latent_dim), np.float32), self.axes)
        if self.projection == "umap":
            check_umap()


@dataclass(frozen=True)
class Chapter:
    """One run as the page tells of it."""

    view: RunView
    figures: Mapping[str, Picture]
    facts: LatentFacts
    parameters: Mapping[str, int]
    record: Mapping[str, Any]
    card: Scorecard | None
    """What `reparam score` measured of these very weights, if it has."""

    @property
    def title(self) -> str:
        return self.view.title

    @property
    def settings(self) -> str:
        """The configuration as JSON, to read."""
        parts = ("data", "model", "objective", "training", "seed", "versions")
        return json.dumps({k: self.record[k] for k in parts}, indent=2, ensure_ascii=False)

    @property
    def losses(self) -> Mapping[str, float]:
        return self.view.losses


def chapter(view: RunView, figures_to: Path | None) -> Chapter:
    """Draws the run's figures; with ``figures_to`` they are also written there as PNG files."""
    shown: dict[str, Picture] = {}
    card = current_scorecard(view.run)
    if card is None and read_scorecard(view.run) is not None:
        warnings.warn(
            f"{view.run.path}: its scorecard is of other weights or of another prior and is left "
            "out; make it anew with `reparam score`",
            stacklevel=2,
        )
    for name, png in draw_all(view, card):
        if figures_to is not None:
            write_atomically(figures_to / f"{name}.png", png)
        shown[name] = picture_of(png)
    return Chapter(
        view=view,
        figures=shown,
        facts=latent_facts(view.mu, view.labels, view.class_names),
        parameters=parameter_counts(view.model),
        record=view.run.record(),
        card=card,
    )


def render(
    chapters: Sequence[Chapter],
    lang: Language,
    command: str,
    seconds: float | None,
    site: str | None = None,
) -> str:
    """The page as HTML. ``seconds`` is what everything took, where the caller knows it.

    ``site``: where the explorer's page of these runs stands, as the report links to it.
    """
    plain = [c for c in chapters if not c.view.is_variational]
    variational = [c for c in chapters if c.view.is_variational]
    scored = [c for c in chapters if c.card is not None]
    return (
        environment(lang)
        .get_template(f"story.{lang}.html.j2")
        .render(
            lang=lang,
            chapters=chapters,
            ae=plain[0] if plain else None,
            vae=variational[0] if variational else None,
            first=chapters[0],
            math=formulas(),
            scored=scored,
            verdicts=_verdicts(plain, variational),
            topics=TOPICS,
            measures=MEASURES,
            command=command,
            seconds=seconds,
            site=site,
            explore=shlex.join(
                ["reparam", "explore", *(str(c.view.run.path) for c in chapters[:2])]
            ),
        )
    )


def _verdicts(plain: Sequence[Chapter], variational: Sequence[Chapter]) -> tuple[Verdict, ...]:
    """The article's claims, where both kinds of model have a scorecard."""
    ae, vae = (next((c.card for c in several), None) for several in (plain, variational))
    if ae is None or vae is None:
        return ()
    return verdicts(Group("", (ae,), {}), Group("", (vae,), {}))


def write_report(
    runs: Sequence[Run],
    out: Path,
    *,
    command: str,
    choices: ReportChoices = ReportChoices(),
    seconds: float | None = None,
    figures: Path | None = None,
) -> Path:
    """Draws and writes the report of finished runs; trains nothing.

    ``figures``: a folder that gets every figure as PNG too, in a sub-folder per run. Raises
    ConfigError without runs, RunError for a run without weights or finished result.
    """
    if not runs:
        raise ConfigError("a report needs at least one run folder, found none: name one")
    check_page(out)
    views = [look_at(run, run.images(), choices.axes, choices.projection) for run in runs]
    chapters = [
        chapter(view, figures / name if figures else None)
        for view, name in zip(told_apart(views), _folder_names(views), strict=True)
    ]
    site = SITE if (out.parent / SITE).is_file() else None
    html = render(chapters, choices.lang, command, seconds, site)
    write_atomically(out, html.encode())
    return out


def check_page(out: Path) -> None:
    """Raises ConfigError where a page must not be written: over anything but an older report."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{out}: the report is a web page; give a name that ends in .html")
    if out.is_dir():
        raise ConfigError(f"{out}: a folder stands where the page should be; name a file")
    if out.exists() and GENERATOR not in out.read_bytes()[:2000]:
        raise ConfigError(f"{out}: exists and is no report of reparam's; choose another --out")


def told_apart(views: Sequence[RunView]) -> list[RunView]:
    """Two runs of one kind have their folders' names in their titles."""
    titles = [view.title for view in views]
    return [
        replace(view, title=f"{view.title} ({view.run.path.resolve().name})")
        if titles.count(view.title) > 1
        else view
        for view in views
    ]


def _folder_names(views: Sequence[RunView]) -> list[str]:
    """The runs' names, numbered where two are the same."""
    names = [view.run.path.resolve().name for view in views]
    return [
        f"{name}-{names[: i + 1].count(name)}" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]

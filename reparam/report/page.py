"""report.html: one self-contained page that tells the article's story with these runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from reparam._version import __version__
from reparam.errors import ConfigError
from reparam.evaluation.latents import LatentFacts, latent_facts
from reparam.model import parameter_counts
from reparam.report.formulas import formulas
from reparam.report.pictures import data_uri, draw_all, picture_size
from reparam.report.view import RunView, look_at
from reparam.training import Run
from reparam.training.weights import write_atomically

Language = Literal["en", "ko"]


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Chapter:
    """One run as the page tells of it."""

    view: RunView
    figures: Mapping[str, Picture]
    facts: LatentFacts
    parameters: Mapping[str, int]
    record: Mapping[str, Any]

    @property
    def title(self) -> str:
        return self.view.title

    @property
    def losses(self) -> Mapping[str, float]:
        return self.view.losses


def chapter(view: RunView, figures_to: Path | None) -> Chapter:
    """Draws the run's figures; with ``figures_to`` they are also written there as PNG files."""
    shown: dict[str, Picture] = {}
    for name, png in draw_all(view):
        if figures_to is not None:
            write_atomically(figures_to / f"{name}.png", png)
        shown[name] = Picture(data_uri(png), *picture_size(png))
    return Chapter(
        view=view,
        figures=shown,
        facts=latent_facts(view.mu, view.labels, view.class_names),
        parameters=parameter_counts(view.model),
        record=view.run.record(),
    )


def render(chapters: Sequence[Chapter], lang: Language, command: str, seconds: float | None) -> str:
    """The page as HTML. ``seconds`` is what everything took, where the caller knows it."""
    environment = Environment(
        loader=PackageLoader("reparam.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plain = [c for c in chapters if not c.view.is_variational]
    variational = [c for c in chapters if c.view.is_variational]
    return environment.get_template(f"story.{lang}.html.j2").render(
        lang=lang,
        chapters=chapters,
        ae=plain[0] if plain else None,
        vae=variational[0] if variational else None,
        first=chapters[0],
        math=formulas(),
        version=__version__,
        command=command,
        seconds=seconds,
    )


def write_report(
    runs: Sequence[Run],
    out: Path,
    *,
    lang: Language = "en",
    command: str,
    seconds: float | None = None,
    figures: Path | None = None,
) -> Path:
    """Draws and writes the report of finished runs; trains nothing.

    ``figures``: a folder that gets every figure as PNG too, in a sub-folder per run. Raises
    ConfigError without runs, RunError for a run without weights or finished result.
    """
    if not runs:
        raise ConfigError("a report needs at least one run folder, found none: name one")
    chapters = []
    for run in runs:
        view = look_at(run, run.images())
        chapters.append(chapter(view, figures / run.path.name if figures else None))
    html = render(chapters, lang, command, seconds)
    write_atomically(out, html.encode())
    return out

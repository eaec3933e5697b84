"""How a report is drawn and where it goes: what a command reads and checks before it draws."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from reparam.errors import ConfigError
from reparam.fields import check_options, option
from reparam.runs import check_umap, check_writable, chosen_plane
from reparam.types import Language

GENERATOR = b'<meta name="generator" content="reparam '
"""How a report is recognised, near its beginning (layout.html.j2)."""


@dataclass(frozen=True)
class ReportChoices:
    """How a report is drawn."""

    lang: Language = option("en", common=True)
    """Language of the page: English or Korean."""

    axes: tuple[int, int] | None = None
    """Two latent dimensions, from 1, to draw the plane of; by default the two principal axes where
    there are more than two."""

    projection: Literal["plane", "umap"] = "plane"
    """How the scatter plots bring more than two dimensions onto paper: the plane of two axes, or
    UMAP (needs the package umap-learn)."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a language or a projection that is not there."""
        check_options(self)

    def check(self, latent_dim: int) -> None:
        """Raises ConfigError for choices that cannot be drawn, before anything is computed."""
        if self.axes is not None:
            chosen_plane(np.zeros((1, latent_dim), np.float32), self.axes)
        if self.projection == "umap":
            check_umap()


def check_page(out: Path) -> None:
    """Raises ConfigError where no page can be written, or must not be: over anything but an older
    report.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--out must end in .html, got {out}. Fix: name a web page")
    if out.is_dir():
        raise ConfigError(f"--out must be a file, got the folder {out}. Fix: name a file")
    if out.exists() and GENERATOR not in out.read_bytes()[:2000]:
        raise ConfigError(
            f"--out must be new or an older report, got {out}, which is no report of reparam's. "
            "Fix: choose another name"
        )
    check_writable(out)


def check_figures(folder: Path) -> None:
    """Raises ConfigError where no figures can be written into the folder."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--figures must be a folder, got the file {folder}. Fix: name a folder")
    check_writable(folder / "figure.png", fix="choose another --figures")

"""The article's figures by name, drawn from a run, and as pictures of a page."""

import base64
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote

from matplotlib.figure import Figure
from PIL import Image

from reparam.evaluation import Scorecard, sample_latents
from reparam.printable import printable
from reparam.report.figures import decoded, gaussian, latent, network, prior, progress
from reparam.report.figures.scores import class_shares
from reparam.report.style import DPI, drawn
from reparam.report.words import svg, without_words
from reparam.runs import RunView
from reparam.types import Language

SAMPLES = 160
LOSSY_ABOVE = 300_000
"""Bytes of a PNG above which the page gets a lossy picture: sheets of photographs."""


class Draw(Protocol):
    def __call__(self, view: RunView, lang: Language = "en") -> Figure | None: ...


def _samples(view: RunView, lang: Language = "en") -> Figure:
    latents = sample_latents(view.model, SAMPLES, seed=view.run.config.seed)
    return decoded.random_samples(view, latents, lang)


FIGURES: Mapping[str, Draw] = {
    "01-encoder-decoder": network.encoder_decoder,
    "02-points-and-decoding": latent.points_and_decoding,
    "03-encoder-layers": lambda view, lang="en": network.layers(view, "encoder", lang),
    "04-transposed-convolution": network.transposed_convolution,
    "05-decoder-layers": lambda view, lang="en": network.layers(view, "decoder", lang),
    "06-leaky-relu": network.leaky_relu,
    "07-training": progress.training_curves,
    "08-reconstructions": decoded.reconstructions,
    "09-latents": latent.latent_scatter,
    "10-three-points": latent.three_points,
    "11-even-grid": decoded.even_grid,
    "12-point-or-distribution": latent.point_and_distribution,
    "13-marginals": gaussian.marginals,
    "15-covariance": gaussian.covariance,
    "17-reparametrisation": gaussian.reparametrisation,
    "19-kl": gaussian.kl_divergence,
    "21-quantile-grid": decoded.quantile_grid,
    "prior": prior.prior_over_latents,
    "noise-removed": decoded.noise_removed,
    "random-samples": _samples,
}
"""What is drawn of a run, by the number of the article's figure.

Figures 18, 20 and 22 are 3, 8 and 9 again, of the VAE; beside 13, 15 and 17 the page sets the
formulas of the article's 13 to 17.
"""


def draw_all(
    view: RunView,
    card: Scorecard | None,
    lang: Language,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[str, Figure]]:
    """Every figure that the run and its scorecard have, by name. ``tell`` hears what is drawn
    next.
    """
    names = tuple(map(printable, view.class_names))  # drawn where no formula is looked for
    shown = replace(view, title=drawn(view.title), class_names=names)
    for name, draw in FIGURES.items():
        tell(f"figure {name} of {view.title}")
        figure = draw(shown, lang)
        if figure is not None:
            yield name, figure
    shares = class_shares(card, lang) if card is not None else None
    if shares is not None:
        yield "class-shares", shares


def data_uri(picture: Image.Image) -> str:
    """The picture as the address that a self-contained page has for it."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")  # smaller by 5 % with all effort, in three times the time
    kind, content = "png", buffer.getvalue()
    if len(content) > LOSSY_ABOVE:
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=85, method=4)
        kind, content = "webp", buffer.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


@dataclass(frozen=True)
class Picture:
    """A figure of a page. With width and height the text does not move while it loads."""

    uri: str
    width: int
    height: int


def picture_of(figure: Figure, lang: Language = "en") -> Picture:
    """The figure, whose words the reader's browser draws. It is of no use after it."""
    picture, words = without_words(figure, DPI)
    drawing = svg(data_uri(picture), picture.size, words, lang)
    # by what is to be quoted: letter by letter it took longer than many a figure
    quoted = re.sub(r"[^\w./:;,=+() ~-]+", lambda found: quote(found[0]), drawing, flags=re.ASCII)
    return Picture(f"data:image/svg+xml,{quoted}", *picture.size)

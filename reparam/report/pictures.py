"""The article's figures by name, drawn from a run, and as pictures of a page."""

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from matplotlib.figure import Figure
from PIL import Image

from reparam.evaluation import Scorecard, sample_latents
from reparam.printable import printable
from reparam.report.figures import decoded, gaussian, latent, network, prior, progress
from reparam.report.figures.scores import class_shares
from reparam.report.style import drawn, to_png
from reparam.runs import RunView

SAMPLES = 160
LOSSY_ABOVE = 300_000
"""Bytes of a PNG above which the page gets a lossy picture: sheets of photographs."""

Draw = Callable[[RunView], Figure | None]

FIGURES: Mapping[str, Draw] = {
    "01-encoder-decoder": network.encoder_decoder,
    "02-points-and-decoding": latent.points_and_decoding,
    "03-encoder-layers": lambda view: network.layers(view, "encoder"),
    "04-transposed-convolution": network.transposed_convolution,
    "05-decoder-layers": lambda view: network.layers(view, "decoder"),
    "06-leaky-relu": network.leaky_relu,
    "07-training": lambda view: progress.training_curves([view]),
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
    "random-samples": lambda view: decoded.random_samples(
        view, sample_latents(view.model, SAMPLES, seed=view.run.config.seed)
    ),
}
"""What is drawn of a run, by the number of the article's figure.

Figures 18, 20 and 22 are 3, 8 and 9 again, of the VAE; beside 13, 15 and 17 the page sets the
formulas of the article's 13 to 17.
"""


def draw_all(
    view: RunView, card: Scorecard | None, tell: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[str, bytes]]:
    """Every figure that the run and its scorecard have, as name and PNG. ``tell`` hears what is
    drawn next.
    """
    names = tuple(map(printable, view.class_names))  # drawn where no formula is looked for
    shown = replace(view, title=drawn(view.title), class_names=names)
    for name, draw in FIGURES.items():
        tell(f"figure {name} of {view.title}")
        figure = draw(shown)
        if figure is not None:
            yield name, to_png(figure)
    shares = class_shares(card) if card is not None else None
    if shares is not None:
        yield "class-shares", to_png(shares)


def data_uri(png: bytes) -> str:
    """The picture as the address that a self-contained page has for it."""
    kind, content = "png", png
    if len(png) > LOSSY_ABOVE:
        buffer = io.BytesIO()
        Image.open(io.BytesIO(png)).convert("RGB").save(buffer, "WEBP", quality=85, method=4)
        kind, content = "webp", buffer.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


@dataclass(frozen=True)
class Picture:
    """A figure of a page. With width and height the text does not move while it loads."""

    uri: str
    width: int
    height: int


def picture_of(png: bytes) -> Picture:
    with Image.open(io.BytesIO(png)) as picture:
        return Picture(data_uri(png), *picture.size)

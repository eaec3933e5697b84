"""Every figure of every kind of run: drawn, from the run's own numbers, the same each time."""

import copy
import importlib.util
import math
import re
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from reparam.data import CLASS_COLOURS, class_colours
from reparam.errors import ConfigError
from reparam.evaluation import decode, noise_to_latents
from reparam.model import DiagonalNormal, Fittable, fittable_prior
from reparam.report import FIGURES
from reparam.report.figures.decoded import _titled
from reparam.report.figures.held_out import posterior_samples
from reparam.report.page import Chapter
from reparam.report.pictures import data_uri
from reparam.report.style import INK, to_png
from reparam.runs import RunView, chosen_plane, principal_plane, umap_scatter

from .conftest import with_other_parts

ONLY_CONVOLUTIONAL = {"04-transposed-convolution", "06-leaky-relu"}
ONLY_VARIATIONAL = {"17-reparametrisation", "19-kl"}
ONLY_FIXED_PRIOR = {"19-kl"}


SAME_IN_KOREAN = {
    "LeakyReLU",
    "tanh",
    "nat",
    "log",
    "var",
    "foo",
    "cat",
    "img",
    "src",
    "onerror",
    "alert",
}
"""Names of functions, units and parameters, and of the classes of the tests' images."""


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_can_be_drawn_in_korean(name: str, view: RunView, in_korean: Chapter) -> None:
    """And its words are Korean: the tests of the pages draw them in English too."""
    is_mixture = view.run.path.name == "vae-mixture"
    without = (
        (name in ONLY_VARIATIONAL and not view.is_variational)
        or (name in ONLY_CONVOLUTIONAL and view.run.config.preset == "burda")
        or (name in ONLY_FIXED_PRIOR and is_mixture)
        or (name == "prior" and not is_mixture)
    )
    assert (name in in_korean.figures) == (not without)
    if without:
        return
    picture = in_korean.figures[name]
    assert picture.width > 300
    assert picture.height > 150
    drawing = unquote(picture.uri).partition("<image")[2]
    shown = " ".join(re.findall("<text[^>]*>([^<]*)</text>", drawing)).replace(view.title, "")
    assert set(re.findall("[A-Za-z]{3,}", shown)) <= SAME_IN_KOREAN


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_a_fitted_prior_is_drawn(kind: str, view: RunView) -> None:
    """Its own figure, and those that show the prior that samples come from."""
    model = copy.deepcopy(view.model)
    prior = fittable_prior(kind, view.model.latent)
    assert isinstance(prior, Fittable)
    prior.fit(torch.randn(100, view.latent_dim, generator=torch.Generator().manual_seed(0)))
    model.prior = prior
    fitted = replace(view, model=model)
    for name in ("prior", "09-latents", "13-marginals", "21-quantile-grid", "random-samples"):
        assert isinstance(FIGURES[name](fitted), Figure)
    same = FIGURES["19-kl"](fitted)  # of the prior of the training
    assert (same is None) == (FIGURES["19-kl"](view) is None)


def test_parts_from_outside_are_drawn(views: list[RunView]) -> None:
    """A posterior that is not normal and a prior that no noise is mapped to: what needs more of
    them is omitted, and nothing else.
    """
    other = with_other_parts(views[1])
    omitted = {name for name, draw in FIGURES.items() if draw(other) is None}
    assert omitted == {"17-reparametrisation", "19-kl", "21-quantile-grid"}


def test_figures_are_deterministic_and_leave_matplotlib_alone(view: RunView) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    first = [to_png(draw(view)) for draw in (FIGURES["09-latents"], FIGURES["random-samples"])]
    again = [to_png(draw(view)) for draw in (FIGURES["09-latents"], FIGURES["random-samples"])]
    assert first == again
    assert dict(mpl.rcParams) == before


def test_axes_of_high_dimensional_runs_say_what_they_are(view: RunView) -> None:
    axes = FIGURES["09-latents"](view).axes[0]
    labels = (axes.get_xlabel(), axes.get_ylabel())
    if view.latent_dim > 2:
        assert all(f"of {view.latent_dim}" in label and "variance" in label for label in labels)
    else:
        assert labels[0] == "z₁"


def test_the_scatter_shows_every_held_out_image(view: RunView) -> None:
    axes = FIGURES["09-latents"](view).axes[0]
    shown = axes.collections[0].get_offsets()
    expected = view.plane.onto(view.mu)
    order = np.lexsort(expected.T)
    np.testing.assert_allclose(np.asarray(shown)[np.lexsort(np.asarray(shown).T)], expected[order])


def test_the_quantile_grid_decodes_quantiles(view: RunView) -> None:
    """The middle of an odd grid is the decoding of the prior's median."""
    from reparam.report.figures.decoded import quantile_grid

    sheet = quantile_grid(view, n=3).axes[0].images[0].get_array()
    height, width, _ = view.model.image_shape
    top = height if view.latent_dim > 1 else 0
    middle = np.asarray(sheet)[top : top + height, width : 2 * width]
    z = view.plane.back(np.zeros((1, 2), np.float32))
    if not view.model.prior.is_standard_normal:
        z = noise_to_latents(view.model, np.zeros((1, view.latent_dim), np.float32))
    expected = decode(view.model, z)[0]
    shown = expected if expected.shape[2] == 3 else expected[:, :, 0]
    np.testing.assert_allclose(middle / 255, shown, atol=1 / 255)


@given(st.integers(1, 12), st.integers(3, 40))
def test_projection_there_and_back(d: int, n: int) -> None:
    z = np.random.default_rng(d * 100 + n).normal(size=(n, d)).astype(np.float32)
    plane = principal_plane(z)
    points = plane.onto(z)
    np.testing.assert_allclose(plane.onto(plane.back(points)), points, atol=1e-4)
    if d <= 2:
        np.testing.assert_allclose(plane.back(points), z, atol=1e-6)
        np.testing.assert_allclose(points[:, :d], z)


def test_the_principal_plane_holds_the_most_variance() -> None:
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(500, 6)) * [5, 0.1, 3, 0.1, 0.1, 0.1]).astype(np.float32)
    points = principal_plane(z).onto(z)
    assert points.var(0).sum() > 0.99 * z.var(0).sum()


def test_marginals_are_densities_beyond_the_picture_too(views: list[RunView]) -> None:
    """Their area is the share of the latents within ±5, as the area below N(0, 1) is."""
    mean = torch.zeros(20_000, 2)
    for deviation, share in ((10.0, 0.383), (1.0, 1.0)):
        q = DiagonalNormal(mean, torch.full_like(mean, 2 * math.log(deviation)))
        figure = FIGURES["13-marginals"](replace(views[0], q=q))
        assert figure is not None
        for axes in figure.axes:
            area = sum(bar.get_width() * bar.get_height() for bar in axes.patches[:60])
            assert area == pytest.approx(share, abs=0.02)


def test_a_class_with_dollars_is_no_formula_in_a_title(views: list[RunView]) -> None:
    model = copy.deepcopy(views[1].model)
    model.classes = 3
    names = (r"$\x$0-$50", *views[1].class_names[1:])
    title = _titled(replace(views[1], model=model, class_names=names), "a grid", "en")
    figure = Figure()
    figure.subplots().set_title(title)
    figure.canvas.draw()
    assert r"\$\x\$0-\$50" in title


def test_posterior_samples_have_the_posteriors_moments(view: RunView) -> None:
    if view.q.variance is None:
        np.testing.assert_array_equal(posterior_samples(view), view.mu)
        return
    draws = np.stack([posterior_samples(view, seed) for seed in range(2000)])
    sigma = view.q.variance.sqrt().numpy()
    assert np.abs((draws.mean(0) - view.mu) / sigma).max() < 0.12
    assert np.abs(draws.std(0) / sigma - 1).max() < 0.1


def test_chosen_axes_and_their_names() -> None:
    z = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    plane = chosen_plane(z, (4, 2))
    np.testing.assert_array_equal(plane.onto(z), z[:, [3, 1]])
    assert plane.labels["ko"] == plane.labels["en"] == ("z₄", "z₂")
    back = plane.back(np.array([[1.0, 2.0]]))[0]
    np.testing.assert_allclose(back[[3, 1]], [1, 2])
    np.testing.assert_allclose(back[[0, 2, 4]], z.mean(0)[[0, 2, 4]], atol=1e-6)
    for wrong in ((0, 1), (2, 2), (1, 6)):
        with pytest.raises(ConfigError, match="two different dimensions from 1 to 5"):
            chosen_plane(z, wrong)


def test_umap_says_what_it_needs_or_does_it() -> None:
    z = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    if importlib.util.find_spec("umap") is None:
        with pytest.raises(ConfigError, match=r"pip install 'reparam\[umap\]'"):
            umap_scatter(z)
    else:
        scatter = umap_scatter(z)
        assert scatter.points.shape == (40, 2)
        assert all("UMAP" in names[0] for names in scatter.labels.values())


def test_every_class_has_a_colour_of_its_own() -> None:
    assert class_colours(3) == list(CLASS_COLOURS[:3])
    assert len(set(class_colours(37))) == 37


def test_large_pictures_are_made_smaller_for_the_page() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3)).astype(np.uint8)
    large = data_uri(Image.fromarray(noise))
    assert large.startswith("data:image/webp")
    assert len(large) < noise.size
    assert data_uri(Image.fromarray(noise[:100])).startswith("data:image/png")


def test_panels_of_the_training_have_one_size_and_start_at_the_same_height(
    views: list[RunView],
) -> None:
    """Figure 7 of two runs, side by side: in inches from the upper left."""
    boxes = []
    for view in views:
        figure = FIGURES["07-training"](view)
        height = figure.get_figheight()
        first = figure.axes[0].get_position()
        size = np.array([figure.get_figwidth(), height])
        boxes.append([(1 - first.y1) * height, *(first.p0 * size)[:1], *(first.size * size)])
    assert len(FIGURES["07-training"](views[1]).axes) == 2
    np.testing.assert_allclose(boxes[0], boxes[1])


def test_a_map_has_a_legend_of_its_colours_and_names_apart_in_ink(views: list[RunView]) -> None:
    named = replace(views[1], class_names=("0", "1", "2"))
    axes = FIGURES["09-latents"](named).axes[0]
    legend = axes.get_legend()
    colours = [line.get_color() for line in legend.get_lines()]
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2"]
    assert colours == class_colours(3)
    names = [text for text in axes.texts if text.get_text() in ("0", "1", "2")]
    assert names
    assert {text.get_color() for text in names} == {INK}
    places = np.array([text.get_position() for text in names])
    reach = np.ptp(named.dots().points, axis=0).max()
    for i, place in enumerate(places):
        assert (np.linalg.norm(places[:i] - place, axis=1) >= 0.05 * reach).all()


@pytest.mark.parametrize(("ground", "is_ink"), [(0, True), (90, False)])
def test_grey_photographs_are_not_drawn_as_negatives(
    ground: int, is_ink: bool, views: list[RunView]
) -> None:
    """Digits on black are ink on paper; what is grey all over is shown as it is."""
    images = np.full_like(views[1].images, ground)
    images[:, 2:4, 2:4] = 255
    view = replace(views[1], images=images)
    assert view.is_ink == is_ink
    above, _ = FIGURES["08-reconstructions"](view).axes
    (sheet,) = above.images
    shown = sheet.cmap(sheet.norm(np.array([ground, 255])))[:, 0]
    assert shown == pytest.approx([1, 0] if is_ink else [ground / 255, 1], abs=0.01)

"""One image through encoder, draw and decoder: what is shown is what the command computes."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from reparam.evaluation import as_floats, decode, moments_of
from reparam.model import posteriors_of
from reparam.runs import Run, RunView, look_at

from .bundles import command
from .driver import Explorer

Small = Callable[..., Run]
Opened = Callable[..., Explorer]

KINDS: dict[str, dict[str, Any]] = {
    "plane": {},
    "six": {"latent_dim": 6},
    "colour": {"shape": (12, 28, 3), "labelled": False},
    "conditional": {"preset": "cvae", "shape": (16, 12, 3), "latent_dim": 3},
    "bernoulli": {"likelihood": "bernoulli", "latent_dim": 1},
    "ae": {"preset": "ae", "latent_dim": 6},
}


def seen(run: Run) -> RunView:
    """The held-out images of the bundle."""
    return look_at(run, run.images())


def shown(page: Explorer) -> dict[str, Any]:
    """The panel's numbers, once the image of its z is decoded."""
    return page.until(
        "((m) => m?.decoded && String(m.z) === String(m.decoded.z) && m)(reparam.mechanism())"
    )


def again(page: Explorer) -> dict[str, Any]:
    """A new draw."""
    before = len(shown(page)["draws"])
    page.page.get_by_role("button", name="Draw again").first.click()
    page.when(lambda: len(shown(page)["draws"]) > before)
    return shown(page)


def close(found: object, expected: object, tolerance: float = 1e-4) -> None:
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_is_what_pytorch_computes(small: Small, opened: Opened, kind: str) -> None:
    """Of draws by the button: μ and σ, z = μ + σ ⊙ ε, the KL, the image of z and its distortion."""
    run = small(**KINDS[kind])
    view = seen(run)
    page = opened(run, panel="mechanism", image="7", lang="en")
    d = view.model.latent_dim
    dimensions = f" · {d} latent dimension{'s' if d > 1 else ''} · "
    assert dimensions in page.page.locator(".facts-line").inner_text()
    x, label = view.images[7:8], None if view.labels is None else view.labels[7:8]
    mu, more = moments_of(posteriors_of(view.model, x, label))
    variational = view.is_variational
    for _ in range(3 if variational else 1):
        values = again(page) if variational else shown(page)
        assert values["index"] == 7
        close(values["mu"], mu[0], 1e-3)
        z = np.array([values["z"]], np.float32)
        if variational:
            log_var = more["log_var"][0].astype(float)
            sigma, epsilon = np.array(values["sigma"]), np.array(values["epsilon"])
            close(sigma, np.exp(log_var / 2), 1e-3)
            close(z[0], values["mu"] + sigma * epsilon)
            own = np.array(values["mu"])
            kl = 0.5 * (own**2 + sigma**2 - 1 - 2 * np.log(sigma)).sum()
            assert values["kl"] == pytest.approx(kl, rel=1e-5)
        else:
            assert values["sigma"] is None
            assert values["kl"] is None
            close(z[0], mu[0], 1e-3)
        expected = decode(view.model, z, label)
        image = np.array(page.read("reparam.decoded('run').image"))
        close(image, expected[0].transpose(2, 0, 1).ravel(), 1e-3)
        pixels = torch.from_numpy(expected.transpose(0, 3, 1, 2).copy())
        real = torch.from_numpy(as_floats(x).transpose(0, 3, 1, 2).copy())
        if kind == "bernoulli":
            error = torch.nn.functional.binary_cross_entropy(pixels, real, reduction="sum").item()
        else:
            weight = view.model.likelihood.weight
            assert weight is not None
            error = weight.r_loss_factor * (pixels - real).square().mean().item()
        assert values["decoded"]["distortion"] == pytest.approx(error, rel=2e-3)


def test_the_shown_kl_is_the_encode_tables_and_the_runs(
    small: Small, opened: Opened, tmp_path: Path
) -> None:
    """And μ and σ are that table's; its mean over images is the rate of result.json."""
    run = small(latent_dim=6)
    command("encode", run.path, "--scores", "--out", tmp_path / "z.csv")
    with (tmp_path / "z.csv").open() as file:
        table = list(csv.DictReader(file))
    page = opened(run, panel="mechanism", image="3", lang="en")
    found = []
    for index in (3, 11):
        field = page.page.get_by_label("Image", exact=True)
        field.fill(str(index))
        field.press("Enter")
        page.until("reparam.mechanism()?.index === argument", index)
        values, row = shown(page), table[index]
        close(values["mu"], [float(row[f"z{j}"]) for j in range(1, 7)], 1e-3)
        log_var = [float(row[f"log_var{j}"]) for j in range(1, 7)]
        close(values["sigma"], np.exp(np.array(log_var) / 2), 1e-3)
        assert values["kl"] == pytest.approx(float(row["rate_nats"]), rel=1e-3)
        text = page.page.locator(".costs > div", has_text="to N(0, I)").inner_text()
        assert f"{values['kl']:.2f}" in text
        found.append(values["kl"])
    assert found[0] != pytest.approx(found[1], rel=1e-3)
    rates = [float(row["rate_nats"]) for row in table]
    view = seen(run)
    assert np.mean(rates) == pytest.approx(view.losses["rate_nats"], rel=1e-3)


def test_the_image_of_z_is_what_the_command_decodes(
    small: Small, opened: Opened, tmp_path: Path
) -> None:
    run = small()
    page = opened(run, panel="mechanism", image="5", lang="en")
    values = again(page)
    (tmp_path / "z.csv").write_text("z1,z2\n" + ",".join(map(repr, values["z"])) + "\n")
    command("decode", run.path, tmp_path / "z.csv", "--out", tmp_path / "images")
    file = tmp_path / "images" / "images" / "00000.png"
    image = np.array(page.read("reparam.decoded('run').image")).reshape(16, 16)
    close(image, np.array(Image.open(file).convert("L")) / 255, 0.5 / 255 + 1e-3)


def test_the_draws_are_standard_normal(small: Small, opened: Opened) -> None:
    """Over the 200 that stay: mean, variance, and no bond between the dimensions or in time."""
    page = opened(small(latent_dim=6), panel="mechanism", image="5", lang="en")
    shown(page)
    page.read(
        "{ const b = [...document.querySelectorAll('.mechanism button')]"
        ".find((b) => b.innerText === 'Draw again'); for (let i = 0; i < 200; i++) b.click(); }"
    )
    values = shown(page)
    z = (np.array(values["draws"]) - values["mu"]) / values["sigma"]
    assert z.shape == (200, 6)
    assert np.abs(z.mean(0)).max() < 5 / np.sqrt(200)
    assert np.abs((z**2).mean(0) - 1).max() < 5 * np.sqrt(2 / 200)
    bonds = np.corrcoef(z.T) - np.eye(6)
    assert np.abs(bonds).max() < 5 / np.sqrt(200)
    assert np.abs((z[1:] * z[:-1]).mean(0)).max() < 5 / np.sqrt(200)


def test_noise_is_dragged_and_set_by_keyboard(small: Small, opened: Opened) -> None:
    """In the plane, z follows from where ε is put; μ, σ and KL stay."""
    page = opened(small(), panel="mechanism", image="5", lang="en")
    before = shown(page)
    box = page.page.locator(".plane.draggable").bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    unit = box["width"] / 2 / 3.6
    page.drag(middle, (middle[0] + unit, middle[1] + 2 * unit))
    page.until("Math.abs(reparam.mechanism().epsilon[1] + 2) < 0.1")
    values = shown(page)
    close(values["epsilon"], [1, -2], 0.05)
    close(values["z"], np.array(values["mu"]) + values["sigma"] * np.array(values["epsilon"]))
    slider = page.page.get_by_label("ε1", exact=True)
    slider.focus()
    page.page.keyboard.press("Home")
    page.until("Math.abs(reparam.mechanism().epsilon[0] + 3.5) < 1e-3")
    after = shown(page)
    close(after["epsilon"][1], values["epsilon"][1], 1e-3)
    for name in ("mu", "sigma", "kl"):
        assert after[name] == before[name]


def test_one_dimension_of_many_is_dragged(small: Small, opened: Opened) -> None:
    page = opened(small(latent_dim=6), panel="mechanism", image="5", lang="en")
    before = np.array(shown(page)["epsilon"])
    chart = page.page.locator(".dims.draggable")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    page.drag(
        (box["x"] + 0.9 * box["width"], box["y"] + 30),
        (box["x"] + 0.95 * box["width"], box["y"] + 1),
    )
    page.until("Math.max(...reparam.mechanism().epsilon) > 3.4")
    after = np.array(shown(page)["epsilon"])
    assert (np.abs(after - before) > 1e-4).sum() == 1


def test_it_plays_and_pauses(small: Small, opened: Opened) -> None:
    """Each draw is new; another tab ends it."""
    page = opened(small(), panel="mechanism", image="5", lang="en")
    shown(page)
    page.page.locator(".mechanism").get_by_role("button", name="Play").click()
    page.until("reparam.mechanism().draws.length >= 4")
    page.page.locator(".mechanism").get_by_role("button", name="Pause").click()
    count = len(shown(page)["draws"])
    page.page.wait_for_timeout(1600)
    values = shown(page)
    assert len(values["draws"]) == count
    assert len({tuple(one) for one in values["draws"]}) == count
    page.page.locator(".mechanism").get_by_role("button", name="Play").click()
    page.page.click("#tab-look")
    assert page.read("reparam.mechanism()") is None
    z = page.z("run")
    page.page.wait_for_timeout(1600)
    close(page.z("run"), z, 0)


def test_the_map_holds_the_posterior_and_its_draws(small: Small, opened: Opened) -> None:
    """The ellipse lies around μ also where another image is nearer to z; a click there is an ε."""
    page = opened(small(), panel="mechanism", image="5", lang="en", ellipse="0")
    values = shown(page)
    ellipse = page.page.locator(".map .mark-posterior")
    assert ellipse.is_visible()
    x, y = page.client("run", values["mu"])
    page.page.mouse.click(x + 40, y - 25)
    page.when(lambda: np.abs(np.array(shown(page)["z"]) - values["z"]).max() > 1e-6)
    moved = shown(page)
    close(moved["z"], np.array(moved["mu"]) + moved["sigma"] * np.array(moved["epsilon"]))
    box = page.page.locator(".map").bounding_box()
    assert box
    centre = [float(ellipse.get_attribute(name) or "nan") for name in ("cx", "cy")]
    close([box["x"] + centre[0], box["y"] + centre[1]], [x, y], 1)
    page.page.click("#tab-look")
    page.when(lambda: not ellipse.is_visible())


def test_a_plain_autoencoder_says_what_it_lacks(small: Small, opened: Opened) -> None:
    page = opened(small(preset="ae"), panel="mechanism", image="5", lang="en")
    shown(page)
    panel = page.page.locator(".mechanism")
    text = panel.inner_text()
    assert "draws nothing" in text
    assert "no KL" in text
    assert not panel.get_by_role("button", name="Draw again").is_visible()
    assert panel.locator(".plane.draggable").count() == 0


def test_a_posterior_of_another_form_is_named(small: Small, opened: Opened) -> None:
    """A flow carries z on: z is not μ + σ ⊙ ε, and no step is shown."""
    page = opened(small(preset="iaf", latent_dim=2), panel="mechanism", lang="en")
    page.when(lambda: "(its posterior is flow)" in page.page.locator(".mechanism").inner_text())
    assert not page.page.locator(".steps").is_visible()
    assert page.read("reparam.mechanism()") is None


def test_another_prior_has_no_closed_form(small: Small, opened: Opened, tmp_path: Path) -> None:
    """The panel shows the command's KL of the image, and says whose it is."""
    run = small(prior="vamp", epochs=2)
    command("encode", run.path, "--scores", "--out", tmp_path / "z.csv")
    with (tmp_path / "z.csv").open() as file:
        rate = float(list(csv.DictReader(file))[5]["rate_nats"])
    page = opened(run, panel="mechanism", image="5", lang="en")
    assert shown(page)["kl"] is None
    kl = page.page.locator(".costs > div", has_text="KL")
    page.when(lambda: f"{rate:.2f}".replace("-", "−") in kl.inner_text())
    assert "from reparam" in kl.inner_text()


def mean_of_draws(page: Explorer) -> tuple[str, str]:
    """The line of the mean: its number, and of how many draws it is."""
    line = page.page.locator(".costs > div", has_text="mean of")
    return line.locator("strong").inner_text(), line.locator("span").inner_text()


def test_a_mean_is_of_one_class(small: Small, opened: Opened) -> None:
    """A draw that waits for its image while the class changes counts with the new one alone."""
    run = small(**KINDS["conditional"], epochs=20)
    page = opened(run, panel="mechanism", image="7", lang="en")
    shown(page)
    before = again(page)["decoded"]["distortion"]
    page.when(lambda: mean_of_draws(page)[1] == "mean of 2 draws")
    classes = page.page.locator(".of-class")
    other = str((int(classes.input_value()) + 1) % 5)
    page.read(
        "{ [...document.querySelectorAll('.mechanism button')]"
        ".find((b) => b.innerText === 'Draw again').click();"
        " const c = document.querySelector('.of-class'); c.value = argument;"
        " c.dispatchEvent(new Event('change')); }",
        other,
    )
    page.until("reparam.decoded('run').ofClass === Number(argument)", other)
    errors = [shown(page)["decoded"]["distortion"]]
    assert abs(errors[0] - before) > 1
    errors.append(again(page)["decoded"]["distortion"])
    page.when(lambda: mean_of_draws(page)[1] == "mean of 2 draws")
    assert float(mean_of_draws(page)[0]) == pytest.approx(np.mean(errors), rel=1e-3, abs=0.006)
    assert classes.input_value() == other


def test_a_small_error_and_its_mean_have_the_same_digits(small: Small, opened: Opened) -> None:
    page = opened(small(weight=1), panel="mechanism", image="7", lang="en")
    errors = [shown(page)["decoded"]["distortion"], again(page)["decoded"]["distortion"]]
    page.when(lambda: mean_of_draws(page)[1] == "mean of 2 draws")
    line = page.page.locator(".costs > div", has_text="Reconstruction error")
    assert line.locator("span").inner_text() == "mean squared error"
    found = (line.locator("strong").inner_text(), mean_of_draws(page)[0])
    for text, value in zip(found, (errors[-1], np.mean(errors)), strict=True):
        assert value < 1
        assert len(text.lstrip("0.")) == 3
        assert float(text) == pytest.approx(value, rel=6e-3)


def test_another_language_renames_the_choice_of_a_dimension(small: Small, opened: Opened) -> None:
    page = opened(small(latent_dim=6), panel="mechanism", image="5", lang="en")
    shown(page)
    choice = page.page.locator(".noise-slider select")
    assert choice.get_attribute("aria-label") == "Dimension"
    page.page.click('[data-action="language"]')
    assert choice.get_attribute("aria-label") == "차원"


def test_an_address_holds_image_and_draw(small: Small, opened: Opened) -> None:
    page = opened(small(), panel="mechanism", image="5", lang="en")
    values = again(page)
    page.page.wait_for_timeout(600)
    page.page.reload()
    page.until("'reparam' in window")
    after = shown(page)
    assert after["index"] == 5
    close(after["z"], values["z"])
    close(after["epsilon"], values["epsilon"], 1e-2)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("options", [{}, {"latent_dim": 6}], ids=["plane", "six"])
def test_it_fits_its_column(
    small: Small, opened: Opened, options: dict[str, int], language: str
) -> None:
    """No element reaches out of the panel, and no text out of its element."""
    draw = {"en": "Draw again", "ko": "다시 뽑기"}[language]
    page = opened(small(**options), panel="mechanism", image="5", lang=language)
    for size in ((1280, 860), (390, 844)):
        page.page.set_viewport_size({"width": size[0], "height": size[1]})
        shown(page)
        page.page.locator(".mechanism").get_by_role("button", name=draw).click()
        page.until("document.querySelectorAll('.costs > div').length === 4")
        assert page.read("document.documentElement.scrollWidth") <= size[0]
        wide = page.read(
            "[...document.querySelectorAll('.mechanism *')].filter((e) => e.offsetParent"
            " && e.getBoundingClientRect().right"
            " > document.querySelector('.mechanism').getBoundingClientRect().right + 1)"
            ".map((e) => e.outerHTML.slice(0, 80))"
        )
        assert wide == []
        long = page.read(
            "[...document.querySelectorAll('.costs :is(dt, dd), .step :is(p, h2), .mech-brief,"
            " .tab, .mechanism button')].filter((e) => e.scrollWidth > e.clientWidth + 1)"
            ".map((e) => e.outerHTML.slice(0, 80))"
        )
        assert long == []

"""A conditional model in the page: the class is chosen there, and is the decoder's second input."""

from collections.abc import Callable

import numpy as np
import torch

from reparam.model import Autoencoder
from reparam.runs import Run

from .bundles import manifest
from .driver import Explorer
from .small import site_of

CLOSE = "reparam.decoded('run').image.every((v, i) => Math.abs(v - argument[i]) <= 1 / 255)"
"""The image shown is the argument."""


def expected_of(model: Autoencoder, z: np.ndarray, label: int) -> np.ndarray:
    with torch.no_grad():
        rows = torch.tensor(z, dtype=torch.float32)[None]
        return model.decode(rows, torch.tensor([label]))[0, 0].clamp(0, 1).numpy()


def test_the_chosen_class_is_decoded(explorer: Explorer, serve, small: Callable[..., Run]) -> None:
    """As PyTorch decodes it, by the menu and by the address; golden images are met."""
    run = small(preset="cvae", classes=10, epochs=8)
    site = site_of([run])
    model = run.load_model()
    page = explorer.open(serve(site))
    page.until("Number.isFinite(reparam.golden('run'))")
    (entry,) = manifest(site)["runs"]
    assert page.read("reparam.golden('run')") <= entry["golden"]["tolerance"]
    assert entry["golden"]["label"] == 9
    images = []
    for label in (0, 7):
        page.page.select_option(".of-class", str(label))
        expected = expected_of(model, page.z("run"), label)
        page.until(CLOSE, expected.ravel().tolist())
        images.append(expected)
    assert np.abs(images[0] - images[1]).max() > 0.05
    page.until("location.hash.includes('class=7')")
    again = explorer.open(serve(site), **{"class": "3"})
    assert again.page.locator(".of-class").input_value() == "3"
    expected = expected_of(model, again.z("run"), 3)
    again.until(CLOSE, expected.ravel().tolist())
    assert again.page.locator(".banner").count() == 0
    assert again.errors == []


def test_other_models_have_no_menu(demo: Explorer) -> None:
    assert demo.page.locator(".of-class").count() == 0

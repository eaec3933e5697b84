"""A conditional model in the page: the class is chosen there, and is the decoder's second input."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from reparam.model import Autoencoder
from reparam.runs import Run

from .bundles import Files, command, exported, manifest
from .driver import Explorer

CLOSE = "reparam.decoded('cvae').image.every((v, i) => Math.abs(v - argument[i]) <= 1 / 255)"
"""The image shown is the argument."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cvae") / "cvae"
    digits = load_digits()
    pixels = np.kron(digits.images[:300], np.ones((1, 2, 2))) * (255 / 16)
    source = out.with_name("digits.npz")
    np.savez(source, images=pixels.round().astype(np.uint8), labels=digits.target[:300])
    recipe = ("--recipe", "quick", "--epochs", "8", "--batch-size", "16")
    command("train", source, "--model", "cvae", "--out", out, "--quiet", *recipe)
    return out


@pytest.fixture(scope="module")
def site(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return exported(tmp_path_factory.mktemp("site"), run)


def expected_of(model: Autoencoder, z: np.ndarray, label: int) -> np.ndarray:
    with torch.no_grad():
        rows = torch.tensor(z, dtype=torch.float32)[None]
        return model.decode(rows, torch.tensor([label]))[0, 0].clamp(0, 1).numpy()


def test_the_chosen_class_is_decoded(explorer: Explorer, serve, site: Files, run: Path) -> None:
    """As PyTorch decodes it, by the menu and by the address; golden images are met."""
    model = Run.open(run).load_model()
    page = explorer.open(serve(site))
    page.until("Number.isFinite(reparam.golden('cvae'))")
    (entry,) = manifest(site)["runs"]
    assert page.read("reparam.golden('cvae')") <= entry["golden"]["tolerance"]
    assert entry["golden"]["label"] == 9
    images = []
    for label in (0, 7):
        page.page.select_option(".of-class", str(label))
        expected = expected_of(model, page.z("cvae"), label)
        page.until(CLOSE, expected.ravel().tolist())
        images.append(expected)
    assert np.abs(images[0] - images[1]).max() > 0.05
    page.until("location.hash.includes('class=7')")
    again = explorer.open(serve(site), **{"class": "3"})
    assert again.page.locator(".of-class").input_value() == "3"
    expected = expected_of(model, again.z("cvae"), 3)
    again.until(CLOSE, expected.ravel().tolist())
    assert again.page.locator(".banner").count() == 0
    assert again.errors == []


def test_other_models_have_no_menu(demo: Explorer) -> None:
    assert demo.page.locator(".of-class").count() == 0

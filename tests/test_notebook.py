"""explore's widget without a browser, and what a notebook shows of an estimator."""

import base64
import io
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import sklearn
import torch
from PIL import Image

import reparam
from reparam.data import DataConfig, image_set_from_arrays
from reparam.explorer.built import PAGE

SMALL: dict[str, Any] = {
    "epochs": 2,
    "encoder_filters": (8, 16),
    "encoder_kernels": (3, 3),
    "encoder_strides": (2, 2),
    "decoder_filters": (8,),
    "decoder_kernels": (3, 3),
    "decoder_strides": (2, 2),
}
RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (60, 16, 16), np.uint8)
Y = np.arange(60) % 3


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> reparam.VAE:
    out = tmp_path_factory.mktemp("fitted") / "run"
    return reparam.VAE(out=out, seed=7, **SMALL).fit(X, Y)


@pytest.fixture(scope="module")
def widget(fitted: reparam.VAE) -> Any:
    pytest.importorskip("anywidget")
    if not (PAGE / "single.html").is_file():
        pytest.skip("the page is not built: run make page")
    return reparam.explore(fitted, X[:40], Y[:40])


def test_importing_reparam_brings_no_widgets() -> None:
    code = "import sys, reparam, reparam.estimators; assert 'anywidget' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reparam.extras.EXTRAS, "notebook", ("no_such_module",))
    with pytest.raises(reparam.ConfigError, match=r"pip install 'reparam\[notebook\]'"):
        reparam.explore("run")


def test_selection_and_z_are_arrays_that_can_be_observed(widget: Any) -> None:
    seen: list[list[int]] = []
    widget.observe(lambda change: seen.append(change["new"].tolist()), "selection")
    widget.selection = [3, 5]
    widget.selection = np.array([3, 5])  # no change
    widget.selection = Y[:40] == 2
    widget.set_state({"selection": [1], "z": [0.5, -1]})  # as from the page
    assert seen == [[3, 5], np.flatnonzero(Y[:40] == 2).tolist(), [1]]
    assert widget.selection.dtype == np.int64
    np.testing.assert_array_equal(widget.z, [0.5, -1])
    assert widget.get_state(["selection", "z"]) == {"selection": [1], "z": [0.5, -1.0]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("selection", [40]),
        ("selection", [-1]),
        ("selection", [[1]]),
        ("z", [1.0]),
        ("z", [1.0, np.nan]),
        ("z", ["a", "b"]),
    ],
)
def test_what_the_page_cannot_show_is_refused(widget: Any, name: str, value: object) -> None:
    before = getattr(widget, name).tolist()
    with pytest.raises(reparam.ConfigError, match=f"{name} must be"):
        setattr(widget, name, value)
    assert getattr(widget, name).tolist() == before


def bundle_of(widget: Any) -> dict[str, bytes]:
    import json

    found = re.search(rb'id="bundle">(.*?)</script>', widget._page, re.S)
    assert found
    return {name: base64.b64decode(data) for name, data in json.loads(found[1]).items()}


@pytest.mark.parametrize("what", ["estimator", "model", "run", "path"])
def test_everything_that_is_a_model_gives_the_same_points(
    widget: Any, fitted: reparam.VAE, what: str
) -> None:
    run = reparam.Run.open(fitted.run_.path)
    kinds: dict[str, Callable[[], Any]] = {
        "estimator": lambda: fitted,
        "model": lambda: fitted.model_,
        "run": lambda: run,
        "path": lambda: str(run.path),
    }
    made = bundle_of(reparam.explore(kinds[what](), X[:40], Y[:40]))
    first = bundle_of(widget)
    for file in ("mu.bin", "labels.bin"):
        ours, theirs = (
            next(data for name, data in files.items() if name.endswith(file))
            for files in (made, first)
        )
        assert ours == theirs, file


def test_images_without_labels_of_a_model_with_a_classifier(widget: Any, tmp_path: Path) -> None:
    """It finds their classes, as where they are encoded."""
    options = {"epochs": 1, "classes": "auto", "classifier": True, "objective": "semi-supervised"}
    fitted = reparam.VAE(**(SMALL | options), out=tmp_path / "run").fit(X, Y)
    pixels = torch.from_numpy(X[:40, None].astype(np.float32) / 255)
    with torch.no_grad():
        classes = fitted.model_.labels_of(pixels).numpy()
    bundles = [bundle_of(reparam.explore(fitted, X[:40], labels)) for labels in (None, classes)]
    first, second = (
        next(data for name, data in files.items() if name.endswith("mu.bin")) for files in bundles
    )
    assert first == second


def test_labels_of_ones_own_colour_a_set_of_images_too(widget: Any, fitted: reparam.VAE) -> None:
    """As they do an array's; alone they are refused."""
    config = DataConfig(source="x")
    images = image_set_from_arrays(X[:40], Y[:40], name="x", config=config)
    clusters = np.array(["left", "right"])[np.arange(40) % 2]
    bundles = [bundle_of(reparam.explore(fitted, of, clusters)) for of in (images, X[:40])]
    first, second = (
        next(data for name, data in files.items() if name.endswith("labels.bin"))
        for files in bundles
    )
    assert first == second
    with pytest.raises(reparam.ConfigError, match="labels must come with images"):
        reparam.explore(fitted.run_.path, labels=clusters)


def test_an_estimator_or_a_model_needs_images(widget: Any, fitted: reparam.VAE) -> None:
    for vae in (fitted, fitted.model_):
        with pytest.raises(reparam.ConfigError, match="images must be given"):
            reparam.explore(vae)
    with pytest.raises(reparam.ConfigError, match="got int"):
        reparam.explore(3, X)


def test_a_fitted_estimator_shows_itself(fitted: reparam.VAE) -> None:
    shown = fitted._repr_html_()
    own = sum(p.numel() for p in fitted.model_.parameters())
    assert f"{own:,} parameters" in shown
    assert shown == fitted._repr_mimebundle_()["text/html"] or "sk-" in shown
    svg = re.search(r"<svg.*?</svg>", shown[shown.index("parameters") :], re.S)
    assert svg
    train, valid = ElementTree.fromstring(svg[0]).findall("polyline")
    assert len(train.attrib["points"].split()) == len(valid.attrib["points"].split()) == 2
    png = re.search(r"data:image/png;base64,([^\"]+)", shown)
    assert png
    picture = Image.open(io.BytesIO(base64.b64decode(png[1])))
    assert picture.width > 2 * picture.height  # two rows of a few images


def test_an_unfitted_estimator_shows_its_options() -> None:
    shown = reparam.VAE(latent_dim=5)._repr_html_()
    assert "latent_dim" in shown
    assert "data:image/png" not in shown


def test_the_display_option_of_scikit_learn_is_kept(fitted: reparam.VAE) -> None:
    with sklearn.config_context(display="text"):
        assert not hasattr(fitted, "_repr_html_")


def test_a_pickled_estimator_has_no_images(fitted: reparam.VAE) -> None:
    assert fitted._shown is not None
    written = pickle.dumps(fitted)
    assert fitted._shown.images[0].tobytes() not in written
    assert "decoded draws" in pickle.loads(written)._repr_html_()  # noqa: S301


def test_a_loaded_run_shows_itself(fitted: reparam.VAE) -> None:
    assert "decoded draws" in reparam.load(Path(fitted.run_.path))._repr_html_()

"""Likelihoods that read more than a mean from the decoder, through the commands that use it."""

import json
import math
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from manifests import read_manifest

from reparam import load
from reparam.evaluation import as_bytes
from reparam.explorer import built
from reparam.runs import Run

from .conftest import shapes, train_tiny

LIKELIHOODS = {
    "pixel": ("--likelihood", "gaussian-learned"),
    "image": ("--likelihood", "gaussian-learned", "--scale", "image"),
    "levels": ("--likelihood", "discretised-logistic", "--components", "3"),
}
CHANNELS = {"pixel": (2, 6), "image": (2, 4), "levels": (9, 21)}
"""What the decoder gives for grey images and for colours."""


slow = pytest.mark.slow
CASES = [
    pytest.param(("pixel", 1)),
    pytest.param(("levels", 3)),
    pytest.param(("pixel", 3), marks=slow),
    pytest.param(("image", 1), marks=slow),
    pytest.param(("image", 3), marks=slow),
    pytest.param(("levels", 1), marks=slow),
]


@pytest.fixture(scope="module")
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A run on 60 labelled images of 28 × 28, grey or in colours."""
    name, channels = request.param
    folder = tmp_path_factory.mktemp(name)
    images, labels = shapes(60, 28)
    np.savez(folder / "images.npz", images=np.stack([images] * channels, -1), labels=labels)
    return name, train_tiny(folder / "images.npz", folder / "run", "vae", *LIKELIHOODS[name])


each = pytest.mark.parametrize("trained", CASES, indirect=True)


@each
def test_losses_compare_between_likelihoods(trained: tuple[str, Path]) -> None:
    """In bits of 8-bit pixels and in dB; the probability of a level costs more than 0 bits."""
    name, path = trained
    run = Run.open(path)
    result = run.result()
    assert result is not None
    losses = result.splits["test"]
    assert losses["psnr"] == pytest.approx(-10 * math.log10(losses["mse"]))
    assert 0 < losses["loss_bits_per_dim"] < 12
    channels = run.facts.image_shape[2]
    model = run.load_model()
    assert model.likelihood.dimensions == 28 * 28 * channels
    decoded = model.decoder(model.prior.sample(2))
    assert decoded.shape == (2, CHANNELS[name][channels > 1], 28, 28)
    bits = losses["loss_nats"] / (model.likelihood.dimensions * math.log(2))
    extra = 0 if name == "levels" else math.log2(255)
    assert losses["loss_bits_per_dim"] == pytest.approx(bits + extra)


@each
def test_score_and_sample(reparam, trained: tuple[str, Path], tmp_path: Path) -> None:
    _, run = trained
    few = ("--draws", "40", "--likelihood-images", "1", "--likelihood-samples", "10")
    said = reparam("score", run, *few, "--quiet")
    assert said.status == 0, said.err
    card = json.loads((run / "scorecard.json").read_text())
    assert 0 < card["measures"]["bits_per_dimension"]["value"] < 12
    assert reparam("sample", run, "-n", 3, "--out", tmp_path / "s.npy").status == 0
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), as_bytes(load(run).sample(3)))


@each
def test_exports_decode_to_the_mean(
    reparam, trained: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = trained
    (tmp_path / "page").mkdir()
    for name in ("index.html", "single.html"):
        (tmp_path / "page" / name).write_text("<!doctype html><!--BUNDLE-->")
    monkeypatch.setattr(built, "PAGE", tmp_path / "page")
    site = tmp_path / "site"
    said = reparam("export", run, "--onnx", tmp_path / "onnx", "--site", site, "--images", 8)
    assert said.status == 0, said.err
    estimator, z = load(run), np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    decoder = onnxruntime.InferenceSession(tmp_path / "onnx" / "decoder.onnx")
    (decoded,) = decoder.run(["images"], {"latents": z})
    expected = estimator.inverse_transform(z).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(decoded, expected, rtol=0, atol=1e-5)
    (entry,) = read_manifest((site / "data" / "manifest.json").read_bytes())["runs"]
    assert entry["image"]["channels"] == Run.open(run).facts.image_shape[2]
    golden = np.frombuffer((site / entry["golden"]["images"]["file"]).read_bytes(), "<f4")
    assert golden.size == 5 * math.prod(Run.open(run).facts.image_shape)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("discretised-logistic", "--binarise", "dynamic"), "must have grey levels .* bernoulli"),
        (("gaussian-learned", "--binarise", "threshold"), "must have grey levels .* bernoulli"),
        (("discretised-logistic", "--target-mse", "0.1"), "belongs to likelihood gaussian"),
        (("gaussian-learned", "--weight", "auto"), "belongs to likelihood gaussian"),
        (("gaussian-learned", "--output-activation", "tanh"), "must be sigmoid for a likelihood"),
        (("discretised-logistic", "--components", "0"), "components must be 1 or more, got 0"),
    ],
)
def test_what_cannot_work_is_refused(refused, shapes_file, tmp_path, options, reason) -> None:
    line = refused("train", shapes_file, "--likelihood", *options, "--out", tmp_path / "run")
    assert re.search(reason, line), line

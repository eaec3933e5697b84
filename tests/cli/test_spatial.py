"""A run whose latents are maps, through every command that writes or reads latents."""

from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from reparam import load
from reparam.evaluation import as_bytes
from reparam.runs import Run

from .conftest import train_kl, train_tiny

D = 2 * 3 * 3
"""Two channels, of the size of the encoder's last maps: 12 / 2 / 2 = 3."""


@pytest.fixture(scope="module", params=["convolutional", "kl"])
def spatial_run(
    request: pytest.FixtureRequest, shapes_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("runs") / request.param
    if request.param == "kl":
        return train_kl(shapes_file, out)
    return train_tiny(shapes_file, out, "vae", "--latent-channels", "2")


def test_latents_go_out_and_in_as_rows(reparam, spatial_run: Path, tmp_path: Path) -> None:
    for command, file in (("encode", "z.csv"), ("reconstruct", "r.npy")):
        said = reparam(command, spatial_run, "--out", tmp_path / file)
        assert said.status == 0, said.err
    table = pd.read_csv(tmp_path / "z.csv")
    names = [f"z{i}" for i in range(1, D + 1)]
    assert list(table) == ["index", "label", *names, *(f"log_var{i}" for i in range(1, D + 1))]
    images = Run.open(spatial_run).images().split_images("test")
    mu = load(spatial_run).transform(images)
    np.testing.assert_array_equal(table[names].to_numpy(np.float32), mu)
    assert (
        reparam("decode", spatial_run, tmp_path / "z.csv", "--out", tmp_path / "d.npy").status == 0
    )
    np.testing.assert_array_equal(np.load(tmp_path / "d.npy"), np.load(tmp_path / "r.npy"))


def test_samples(reparam, spatial_run: Path, tmp_path: Path) -> None:
    said = reparam("sample", spatial_run, "-n", 3, "--out", tmp_path / "s.npy")
    assert said.status == 0, said.err
    expected = as_bytes(load(spatial_run).sample(3))
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), expected)


def test_info_says_that_latents_are_maps(reparam, spatial_run: Path) -> None:
    assert "latents of 2 channels" in reparam("info", spatial_run).out


def test_onnx(reparam, spatial_run: Path, tmp_path: Path) -> None:
    said = reparam("export", spatial_run, "--onnx", tmp_path / "onnx")
    assert said.status == 0, said.err
    estimator = load(spatial_run)
    images = Run.open(spatial_run).images().split_images("test")
    encoder, decoder = (
        onnxruntime.InferenceSession(tmp_path / "onnx" / f"{half}.onnx")
        for half in ("encoder", "decoder")
    )
    x = images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    mu = estimator.transform(images)
    (found,) = encoder.run(["mu"], {"images": x})
    np.testing.assert_allclose(found, mu, rtol=0, atol=1e-5 * max(1, np.abs(mu).max()))
    (decoded,) = decoder.run(["images"], {"latents": mu})
    expected = estimator.inverse_transform(mu).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(decoded, expected, rtol=0, atol=1e-5)


def test_score(reparam, spatial_run: Path) -> None:
    few = ("--draws", "60", "--likelihood-images", "1", "--likelihood-samples", "10")
    said = reparam("score", spatial_run, *few, "--quiet")
    assert said.status == 0, said.err
    assert (spatial_run / "scorecard.json").is_file()


def test_an_encoder_without_maps_is_refused(refused, shapes_file: Path, tmp_path: Path) -> None:
    args = ("train", shapes_file, "--encoder", "mlp", "--latent-channels", "2")
    said = refused(*args, "--out", tmp_path / "run")
    assert "latent_channels needs an encoder that gives maps, got mlp" in said
    assert not (tmp_path / "run").exists()

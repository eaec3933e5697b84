"""The open house: parts from outside the package work with every command."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from safetensors.numpy import load_file

ROOT = Path(__file__).parents[2]
HOUSE = Path(__file__).parent / "house.py"
LONGEST = 100

PARTS = (
    *("--encoder", "vit", "--encoder-patch", "4", "--posterior", "logistic", "--prior", "ring"),
    *("--likelihood", "laplace", "--objective", "renyi", "--alpha", "0.3"),
    *("--terms", "latent-range", "--latent-range-weight", "0.01"),
)
SMALL = ("--batch-size", "16", "--epochs", "2", "--precision", "float32", "--device", "cpu")
SCORE = ("--draws", "40", "--likelihood-images", "2", "--likelihood-samples", "10")

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from reparam.cli import main
from reparam.explorer import built

folder = Path(sys.argv[1])
page = folder / "page"  # stands in for the built one, which takes npm
page.mkdir()
(page / "index.html").write_text("<!doctype html><title>page</title>")
(page / "single.html").write_text("<!doctype html><!--BUNDLE-->")
built.PAGE = page
for words in json.loads(sys.argv[2]):
    assert main.run([*words, "--plugin", sys.argv[3]]) == 0, words

import reparam
model = reparam.load(folder / "run")
z = np.random.default_rng(0).standard_normal((5, model.model_.latent_dim)).astype(np.float32)
np.savez(folder / "python.npz", z=z, decoded=model.inverse_transform(z), sample=model.sample(4, 7))
"""


def python(*words: str) -> "subprocess.CompletedProcess[str]":
    """A process of its own: what a plug-in registers stays in the process."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, *words], env=env, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the plug-in's parts, taken through every command."""
    folder = tmp_path_factory.mktemp("house")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (80, 8, 8, 1), np.uint8)
    np.savez(folder / "images.npz", images=images, labels=np.arange(80) % 4)
    run, data = str(folder / "run"), str(folder / "images.npz")
    commands = [
        ["train", data, "--recipe", "quick", *PARTS, *SMALL, "--out", run],
        ["resume", run, "--epochs", "3"],
        ["info", run],
        ["score", run, *SCORE],
        ["sample", run, "--count", "4", "--seed", "7", "--out", str(folder / "sample.npz")],
        ["encode", run, "--scores", "--out", str(folder / "latents.csv")],
        ["reconstruct", run, "--out", str(folder / "reconstructed.npz")],
        ["report", run, "--out", str(folder / "report.html")],
        ["export", run, "--onnx", str(folder / "onnx"), "--site", str(folder / "site")],
        ["fit-prior", run, "--prior", "mixture"],
        ["fit-prior", run, "--prior", "own"],
    ]
    done = python("-c", SCRIPT, str(folder), json.dumps(commands), str(HOUSE))
    assert done.returncode == 0, done.stderr
    return folder


def test_the_plug_in_is_short() -> None:
    lines = [line for line in HOUSE.read_text().splitlines() if line.strip()]
    assert len(lines) <= LONGEST


def test_the_documentation_shows_the_plug_in() -> None:
    page = (ROOT / "docs" / "extending.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert HOUSE.read_text() in blocks


def test_the_run_has_the_parts(folder: Path) -> None:
    config = json.loads((folder / "run" / "config.json").read_text())
    assert config["model"]["encoder"] == {"type": "vit", "patch": 4}
    assert config["model"]["prior"] == {"type": "ring", "modes": 8}
    assert config["objective"] == {"type": "renyi", "alpha": 0.3}
    assert config["terms"] == [{"type": "latent-range", "weight": 0.01}]
    assert list(config["plugins"]) == [str(HOUSE)]


def test_training_went_to_its_end(folder: Path) -> None:
    lines = (folder / "run" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert json.loads(lines[-1])["train_latent_range"] > 0
    assert all(np.isfinite(v).all() for v in load_file(folder / "run/model.safetensors").values())


def test_the_scorecard_measures_them(folder: Path) -> None:
    card = json.loads((folder / "run" / "scorecard.json").read_text())
    assert card["variational"]
    assert card["priors"][0]["kind"] == "ring"
    for name in ("rate", "elbo", "log_likelihood", "mse"):
        assert np.isfinite(card["measures"][name]["value"]), name
    bound, likelihood = (card["measures"][n]["value"] for n in ("elbo", "log_likelihood"))
    assert bound < likelihood + 5


def test_the_table_has_a_column_for_each_term(folder: Path) -> None:
    table = pd.read_csv(folder / "latents.csv")
    names = {"z1", "log_var2", "distortion_nats", "rate_nats", "squared_error", "latent_range"}
    assert names <= set(table.columns)
    result = json.loads((folder / "run" / "result.json").read_text())
    mean = table["distortion_nats"].mean()
    assert mean == pytest.approx(result["test"]["distortion_nats"], rel=1e-5)


def test_python_and_onnx_and_the_site_decode_alike(folder: Path) -> None:
    with np.load(folder / "python.npz") as file:
        z, decoded, sample = file["z"], file["decoded"], file["sample"]
    session = onnxruntime.InferenceSession(folder / "onnx" / "decoder.onnx")
    (found,) = session.run(None, {"latents": z})
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), decoded, atol=1e-5)
    with np.load(folder / "sample.npz") as file:
        np.testing.assert_array_equal(file["images"], np.round(sample * 255).astype(np.uint8))
    manifest = json.loads((folder / "site" / "data" / "manifest.json").read_text())
    (entry,) = manifest["runs"]
    golden = np.frombuffer(
        (folder / "site" / entry["golden"]["images"]["file"]).read_bytes(), "<f4"
    ).reshape(5, 1, 8, 8)
    latents = np.array(entry["golden"]["latents"], np.float32)
    session = onnxruntime.InferenceSession(folder / "site" / entry["decoder"]["file"])
    np.testing.assert_allclose(session.run(None, {"latents": latents})[0], golden, atol=1e-5)


def test_the_report_tells_of_them(folder: Path) -> None:
    assert "a ring" in (page := (folder / "report.html").read_text()) or "ring" in page


def test_help_explains_the_new_options() -> None:
    words = ("train", "--help-all", "--plugin", str(HOUSE), *PARTS)
    done = python("-m", "reparam", *words)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    for flag, text in {
        "--encoder-patch": "Side of a patch, in pixels.",
        "--prior-modes": "How many.",
        "--alpha": "0 is the importance-weighted bound",
        "--latent-range-weight": "Weight of the term in the loss.",
    }.items():
        assert flag in said
        assert text in said


def test_without_the_plug_in_the_run_is_refused_by_name(folder: Path) -> None:
    done = python("-m", "reparam", "sample", str(folder / "run"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "unknown encoder 'vit'" in line
    assert f"--plugin {HOUSE}" in line

"""Every preset through every command, on a handful of images: each works, and its values are right.

The presets are those of the package, in their own sizes but for the latent dimensions, so that a
new one is tested when it is added.
"""

import _thread
import base64
import contextlib
import io
import json
import math
import os
import shutil
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import manifests
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from hub_server import used_hub
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from reparam import load
from reparam.cli import main
from reparam.data import DataConfig, ImageSet, load_images
from reparam.errors import ConfigError
from reparam.evaluation import (
    MEASURES,
    add_noise,
    as_bytes,
    good_pictures,
    load_detector,
    sample_latents,
)
from reparam.explorer import built
from reparam.objective import InputConfig
from reparam.runs import PRESETS, Run
from reparam.training import Event, Interrupted, StepDone, train

COMMANDS = {
    "train",
    "resume",
    "info",
    "score",
    "compare",
    "sweep",
    "report",
    "reconstruct",
    "denoise",
    "encode",
    "decode",
    "neighbours",
    "sample",
    "fit-prior",
    "anomaly",
    "explore",
    "export",
    "push",
    "pull",
}

SMALL = ("--latent-dim", 3, "--batch-size", 16, "--precision", "float32", "--quiet")
SCORE = ("--draws", 40, "--likelihood-images", 1, "--likelihood-samples", 10, "--quiet")
SHOWN = 8
"""Images in the explorer."""

OF_TRAINING_IMAGES = {"exemplar", "vamp", "chain-vamp"}
"""Presets whose prior is made of some: they are sent on request alone."""

ONNX_TOLERANCE = 1e-5
"""Of a pixel, and of a latent for each unit of the largest one."""


def reparam(*args: object) -> str:
    """Runs a command in this process; what it printed. Raises ReparamError where it refuses."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main.run([str(arg) for arg in args]) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 labelled digits of 8 × 8, of which 12 are held out for testing."""
    digits = load_digits()
    pixels = np.rint(digits.images[:60] * (255 / 16)).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, images=pixels, labels=digits.target[:60])
    return path


@pytest.fixture(scope="module")
def images(source: Path) -> ImageSet:
    return load_images(DataConfig(source=str(source)))


@pytest.fixture(scope="module", params=list(PRESETS))
def preset(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def run(preset: str, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs by the default recipe."""
    out = tmp_path_factory.mktemp("runs") / preset
    more = ("--epochs", 2, "--sample-every", 2)
    reparam("train", source, "--model", preset, "--out", out, *SMALL, *more)
    return out


@pytest.fixture(scope="module")
def fitted(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run after fit-prior."""
    copy = shutil.copytree(run, tmp_path_factory.mktemp("fitted") / run.name)
    reparam("fit-prior", copy, "--prior", "gaussian", "--overwrite", "--quiet")
    return copy


@pytest.fixture(params=["own prior", "fitted prior"])
def either(request: pytest.FixtureRequest, run: Path, fitted: Path) -> Path:
    return run if request.param == "own prior" else fitted


@pytest.fixture(scope="module", autouse=True)
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A page that stands in for the built one, which takes npm."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "single.html").write_text("<!doctype html><!--BUNDLE-->")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(built, "PAGE", folder)
        yield


@pytest.fixture(scope="module")
def scored(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The same run after score, and what that printed."""
    copy = shutil.copytree(run, tmp_path_factory.mktemp("scored") / run.name)
    return copy, reparam("score", copy, *SCORE, "--json")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run in every form that export has."""
    out = tmp_path_factory.mktemp("exported")
    places = ("--onnx", out / "onnx", "--site", out / "site", "--single-file", out / "one.html")
    reparam("export", run, *places, "--images", SHOWN)
    return out


def all_files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def assert_same_weights(first: Path, second: Path) -> None:
    """To the last bit."""
    for name in ("model.safetensors", "checkpoints/last.safetensors"):
        ours, theirs = load_file(first / name), load_file(second / name)
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            assert value.tobytes() == theirs[key].tobytes(), f"{name}: {key}"


def test_every_command_is_here() -> None:
    # demo is train, score, report and export; cache is of no run; relocate of no part of one
    assert {*COMMANDS, "demo", "cache", "relocate"} == set(main.COMMANDS)


def test_train_writes_a_finished_run(preset: str, run: Path) -> None:
    opened = Run.open(run)
    result = opened.result()
    assert result is not None
    assert opened.config.preset == preset
    assert result.epochs == len(opened.metrics()) == 2
    for split in ("train", "valid", "test"):
        assert math.isfinite(result.splits[split]["loss_nats"])
    assert len(list(opened.samples.glob("*.png"))) > 0


def test_resume_of_a_finished_run_changes_nothing(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / run.name)
    reparam("resume", copy, "--quiet")
    assert_same_weights(run, copy)
    assert all_files(copy).keys() == all_files(run).keys()
    for name in ("config.json", "metrics.jsonl"):
        assert (copy / name).read_bytes() == (run / name).read_bytes()
    assert Run.open(copy).result() == Run.open(run).result()


def test_a_resumed_run_is_the_uninterrupted_one(
    run: Path, images: ImageSet, tmp_path: Path
) -> None:
    """Stopped by Ctrl-C in the middle of the first epoch."""

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and (event.epoch, event.batch) == (1, 2):
            os.kill(os.getpid(), signal.SIGINT)

    config = Run.open(run).config
    stopped = Run.create(tmp_path / "run", config, images, command="", overwrite=False)
    with pytest.raises(Interrupted):
        train(stopped, images, [stop])
    assert stopped.result() is None
    reparam("resume", stopped.path, "--quiet")
    assert_same_weights(run, stopped.path)


def test_info(preset: str, run: Path) -> None:
    facts = json.loads(reparam("info", run, "--json"))
    assert facts["config"]["preset"] == facts["model"] == preset
    assert facts["finished"]
    assert facts["epochs_done"] == 2
    assert facts["prior"] == load(run).model_.prior.describe()
    assert str(run) in "".join(reparam("info", run).split())


def test_encode(run: Path, images: ImageSet, tmp_path: Path) -> None:
    reparam("encode", run, "--out", tmp_path / "z.npz")
    table = arrays_of(tmp_path / "z.npz")
    pixels, labels = images.split_images("test"), images.split_labels("test")
    np.testing.assert_array_equal(table["z"], load(run).transform(pixels, labels))
    np.testing.assert_array_equal(table["index"], images.splits["test"])


def test_decode(run: Path, tmp_path: Path) -> None:
    z, labels = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32), np.arange(6)
    np.savez(tmp_path / "z.npz", z=z, labels=labels.astype(str))
    reparam("decode", run, tmp_path / "z.npz", "--out", tmp_path / "x.npy")
    expected = as_bytes(load(run).inverse_transform(z, labels))
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), expected)


def test_reconstruct(run: Path, images: ImageSet, tmp_path: Path) -> None:
    reparam("reconstruct", run, "--out", tmp_path / "x.npz")
    found = arrays_of(tmp_path / "x.npz")
    pixels, labels = images.split_images("test"), images.split_labels("test")
    expected = as_bytes(load(run).reconstruct(pixels, labels=labels))
    np.testing.assert_array_equal(found["images"], expected)
    np.testing.assert_array_equal(found["labels"], labels)


def test_denoise(run: Path, images: ImageSet, tmp_path: Path) -> None:
    noise = ("--corrupt", "masking", "--corrupt-amount", 0.2, "--seed", 3)
    reparam("denoise", run, *noise, "--out", tmp_path / "x.npy")
    masking = InputConfig(corrupt="masking", corrupt_amount=0.2)
    noisy = add_noise(images.split_images("test"), masking, 3)
    expected = as_bytes(load(run).reconstruct(noisy, labels=images.split_labels("test")))
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), expected)


def test_anomaly(run: Path, source: Path, images: ImageSet, tmp_path: Path) -> None:
    """The held-out images have the p-values that their ranks among themselves give."""
    copy = shutil.copytree(run, tmp_path / run.name)
    choice = ("--scores", "squared-error", "elbo", "--decide-by", "squared-error")
    reparam("anomaly", "calibrate", copy, *choice, "--quiet")
    detector = load_detector(Run.open(copy))
    assert ("elbo" in detector.calibration.omitted) != detector.model.is_variational
    out = tmp_path / "verdicts"
    reparam("anomaly", "score", copy, source, "--out", out, "--false-alarms", 0.2, "--quiet")
    table = pd.read_csv(out / "verdicts.csv")
    good = good_pictures(images).calibrate.index
    n, ranks = len(good), table["score"][good].rank(ascending=False)
    np.testing.assert_allclose(table["p_value"][good], (1 + ranks) / (n + 1), atol=1.01 / (n + 1))
    assert len(list((out / "maps").glob("*.png"))) == len(images)


def test_neighbours(run: Path, images: ImageSet, tmp_path: Path) -> None:
    """Each held-out image and its nearest two of all others, as the public latents have them."""
    reparam("neighbours", run, "-k", 2, "--out", tmp_path / "near")
    table = pd.read_csv(tmp_path / "near" / "neighbours.csv")
    test = images.splits["test"]
    assert table["query"].tolist() == np.repeat(test, 2).tolist()
    z = load(run).transform(images).astype(float)
    distance = np.linalg.norm(z[test, None] - z[None], axis=2)
    distance[np.arange(len(test)), test] = np.inf
    expected = np.sort(distance, 1)[:, :2].ravel()
    rounding = 1e-5 * np.abs(z).max()  # of float32 latents, which depends on the batch
    np.testing.assert_allclose(table["distance"], expected, rtol=0, atol=rounding)
    at = distance[np.repeat(np.arange(len(test)), 2), table["index"]]
    np.testing.assert_allclose(at, expected, rtol=0, atol=rounding)
    assert table["label"].tolist() == images.labels[table["index"]].tolist()


def test_sample(either: Path, tmp_path: Path) -> None:
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        reparam("sample", either, "-n", 7, "--seed", seed, "--out", tmp_path / f"{name}.npy")
    first, again, other = (np.load(tmp_path / f"{n}.npy") for n in ("first", "again", "other"))
    np.testing.assert_array_equal(first, as_bytes(load(either).sample(7, seed=5)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_folder_of_samples_is_a_set_of_images(run: Path, tmp_path: Path) -> None:
    """And its latents decode to them."""
    out = tmp_path / "samples"
    reparam("sample", run, "-n", 5, "--out", out)
    everything = DataConfig(str(out / "images"), valid_fraction=0, test_fraction=0)
    shown = load_images(everything).images
    np.testing.assert_array_equal(shown, as_bytes(load(run).sample(5)))
    reparam("decode", run, out / "latents.csv", "--out", tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), shown)


def test_fit_prior_changes_the_prior_and_nothing_else(run: Path, fitted: Path) -> None:
    assert load(run).model_.prior.kind != load(fitted).model_.prior.kind == "gaussian"
    assert_same_weights(run, fitted)


def test_score(scored: tuple[Path, str]) -> None:
    """Every measure has a value or says why not; what was measured is not measured again."""
    check_score(*scored)


@pytest.mark.parametrize("preset", ["vae"], indirect=True)
def test_score_with_a_fitted_prior(fitted: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(fitted, tmp_path / fitted.name)
    check_score(copy, reparam("score", copy, *SCORE, "--json"))


def check_score(run: Path, said: str) -> None:
    (card,) = json.loads(said)
    assert card["priors"][0]["kind"] == load(run).model_.prior.kind
    for name, entry in MEASURES.items():
        places = [s["measures"] for s in card["priors"]] if entry.by_prior else [card["measures"]]
        if entry.on_request:  # of --features, of images with known factors, of a conditional model
            is_there = name == "class_accuracy" and bool(load(run).model_.classes)
            assert [name in place for place in places] == [is_there] * len(places)
            continue
        for place in places:
            assert place[name]["value"] is not None or place[name]["note"], name
    written = (run / "scorecard.json").read_bytes()
    assert "mean squared error" in reparam("score", run, *SCORE)
    assert (run / "scorecard.json").read_bytes() == written


def test_compare_shows_the_scorecard(scored: tuple[Path, str], tmp_path: Path) -> None:
    run, _ = scored
    out = tmp_path / "comparison.html"
    assert reparam("compare", run, *SCORE, "--out", out).endswith(f"{out}\n")
    assert judge_of(run) in out.read_text(encoding="utf-8")


def test_report_shows_the_scorecard(scored: tuple[Path, str], tmp_path: Path) -> None:
    run, _ = scored
    reparam("report", run, "--out", tmp_path / "report.html")
    assert judge_of(run) in (tmp_path / "report.html").read_text(encoding="utf-8")


def judge_of(run: Path) -> str:
    return json.loads((run / "scorecard.json").read_text())["judge"]


def test_sweep(preset: str, source: Path, tmp_path: Path) -> None:
    swept = ("sweep", source, "--model", preset, "--latent-dim", 2, "--epochs", 1, "--seeds", 1)
    training = ("--batch-size", 16, "--precision", "float32", "--sample-every", 0)
    reparam(*swept, *training, *SCORE, "--out", tmp_path / "sweep")
    groups = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert [len(group["measures"]["psnr"]["each"]) for group in groups] == [1]
    assert (tmp_path / "sweep" / "report.html").exists()


def test_onnx_is_the_public_encode_and_decode(run: Path, images: ImageSet, exported: Path) -> None:
    estimator, pixels = load(run), images.split_images("test")
    encoder, decoder = (
        onnxruntime.InferenceSession(exported / "onnx" / f"{half}.onnx")
        for half in ("encoder", "decoder")
    )
    x = pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    labels = images.split_labels("test")
    classes = {"labels": labels} if len(encoder.get_inputs()) == 2 else {}
    mu = estimator.transform(pixels, labels)
    (found,) = encoder.run(["mu"], {"images": x, **classes})
    np.testing.assert_allclose(found, mu, rtol=0, atol=ONNX_TOLERANCE * max(1, np.abs(mu).max()))
    (decoded,) = decoder.run(["images"], {"latents": mu, **classes})
    expected = estimator.inverse_transform(mu, labels).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(decoded, expected, rtol=0, atol=ONNX_TOLERANCE)


def test_the_site_says_what_python_says(run: Path, images: ImageSet, exported: Path) -> None:
    site, estimator = exported / "site", load(run)
    entry = read_manifest(site)
    golden = entry["golden"]
    latents = np.array(golden["latents"], np.float32)
    label = golden["label"]
    expected = estimator.inverse_transform(latents, label).transpose(0, 3, 1, 2)
    pixels = np.frombuffer((site / golden["images"]["file"]).read_bytes(), "<f4")
    np.testing.assert_allclose(pixels.reshape(expected.shape), expected, rtol=0, atol=1e-6)
    decoder = onnxruntime.InferenceSession(site / entry["decoder"]["file"])
    feed = {entry["decoder"]["input"]: latents}
    if entry["decoder"]["labels"] is not None:
        feed[entry["decoder"]["labels"]] = np.full(len(latents), label)
    (found,) = decoder.run(None, feed)
    np.testing.assert_allclose(found, expected, rtol=0, atol=ONNX_TOLERANCE)
    shown = images.splits["test"][:SHOWN]
    assert entry["points"]["count"] == len(shown)
    mu = estimator.transform(images.images[shown], images.labels[shown])
    encoded = golden["encoded"]
    assert encoded is not None  # the digits are grey
    expected = mu[encoded["image_index"]]
    np.testing.assert_allclose(encoded["mu"], expected, rtol=1e-5, atol=1e-6)
    result = Run.open(run).result()
    assert result is not None
    assert entry["figures"]["loss"]["loss_nats"] == result.splits["test"]["loss_nats"]


def test_one_file_holds_the_same_bundle_as_the_site(exported: Path) -> None:
    text = (exported / "one.html").read_text()
    inlined = json.loads(text[text.index(">", text.index("<script")) + 1 : text.index("</script>")])
    assert {name: base64.b64decode(data) for name, data in inlined.items()} == {
        name: data for name, data in all_files(exported / "site").items() if name != "index.html"
    }


def test_what_is_exported_names_the_prior_in_use(run: Path, exported: Path) -> None:
    assert_exported_prior(run, exported / "site")


@pytest.mark.parametrize("preset", ["vae"], indirect=True)
def test_what_is_exported_names_the_fitted_prior(fitted: Path, tmp_path: Path) -> None:
    reparam("export", fitted, "--site", tmp_path / "site", "--images", SHOWN)
    assert_exported_prior(fitted, tmp_path / "site")


def assert_exported_prior(run: Path, site: Path) -> None:
    """The manifest's and the models' prior is the one that `reparam sample` draws from."""
    model, entry = load(run).model_, read_manifest(site)
    prior = entry["prior"]
    assert prior["form"] == model.prior.form
    assert prior["description"] == model.prior.describe()
    steps = np.frombuffer((site / prior["draws"]["file"]).read_bytes(), "<u2")
    low, high = np.array(prior["draws"]["low"]), np.array(prior["draws"]["high"])
    draws = low + (high - low) * steps.reshape(-1, model.latent_dim) / 65535
    expected = sample_latents(model, len(draws))
    assert (np.abs(draws - expected) <= (high - low) / 65535 * 0.501 + 1e-6).all()
    for half in ("encoder", "decoder"):
        facts = onnx.load(site / entry[half]["file"]).metadata_props
        assert {prop.key: prop.value for prop in facts}["reparam.prior"] == model.prior.kind


def test_explore_serves_the_bundle_until_ctrl_c(run: Path, exported: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found: list[bytes] = []
    visitor = threading.Thread(target=visit_and_stop, args=(port, found), daemon=True)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        visitor.start()
        said = reparam("explore", run, "--no-browser", "--images", SHOWN, "--port", port)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert said == f"http://127.0.0.1:{port}/\n"
    assert found == [(exported / "site" / "data" / "manifest.json").read_bytes()]


def visit_and_stop(port: int, found: list[bytes]) -> None:
    """Reads the manifest as soon as it is there, and presses Ctrl-C."""
    for _ in range(6000):
        with contextlib.suppress(OSError):
            address = f"http://127.0.0.1:{port}/data/manifest.json"
            with urllib.request.urlopen(address, timeout=60) as answer:
                found.append(answer.read())
            _thread.interrupt_main()
            return
        time.sleep(0.1)


def test_a_run_goes_to_the_hub_and_back(
    fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes, and the same samples."""
    pulled = tmp_path / "pulled"
    with used_hub(monkeypatch, tmp_path):
        words = ("push", fitted, "someone/model", "--reconstructions", "yes")
        if Run.open(fitted).config.preset in OF_TRAINING_IMAGES:
            with pytest.raises(ConfigError, match="Fix: --training-images"):
                reparam(*words)
            words = (*words, "--training-images")
        reparam(*words)
        reparam("pull", "someone/model", "--out", pulled)
    for name in ("model.safetensors", "prior.safetensors", "metrics.jsonl", "result.json"):
        assert (pulled / name).read_bytes() == (fitted / name).read_bytes(), name
    np.testing.assert_array_equal(load(pulled).sample(5, seed=1), load(fitted).sample(5, seed=1))


def read_manifest(site: Path) -> dict[str, Any]:
    """The one run's entry."""
    (entry,) = manifests.read_manifest((site / "data" / "manifest.json").read_bytes())["runs"]
    return entry

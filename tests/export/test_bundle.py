"""The explorer's bundle says what Python says."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from manifests import read_manifest
from PIL import Image

from reparam.data import ImageSet
from reparam.errors import ConfigError, RunError
from reparam.evaluation import (
    Judge,
    ScoreConfig,
    decode,
    encode,
    moments_of,
    sample_latents,
    score_run,
)
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.export import entry as entry_of_run
from reparam.export import judge_onnx
from reparam.export.bundle import MANIFEST, Bundle, make_bundle
from reparam.export.judge_onnx import export_judge
from reparam.model import fittable_names, posteriors_of
from reparam.runs import Run
from reparam.training import fit_run_prior

from .conftest import CLASSES, Finished


def manifest(bundle: Bundle) -> dict[str, Any]:
    return read_manifest(bundle.files[MANIFEST])


def values(bundle: Bundle, entry: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """A quantised array as the page reads it."""
    steps = np.frombuffer(bundle.files[entry["file"]], "<u2").reshape(shape)
    low, high = np.array(entry["low"]), np.array(entry["high"])
    return low + (high - low) * steps / 65535


def half_step(entry: dict[str, Any]) -> np.ndarray:
    return (np.array(entry["high"]) - np.array(entry["low"])) / 65535 * 0.501 + 1e-7


def held_out(run: Run) -> tuple[ImageSet, np.ndarray]:
    images = run.images()
    return images, images.splits["test"]


@pytest.fixture(scope="module")
def both(finished: Finished) -> tuple[Bundle, list[Run]]:
    runs = [finished("ae"), finished("vae")]
    return make_bundle(runs), runs


def entries(value: Any) -> list[dict[str, Any]]:
    """Every mapping in the manifest that describes a file."""
    if isinstance(value, dict):
        mine = [value] if "file" in value else []
        return mine + [e for v in value.values() for e in entries(v)]
    return [e for v in value for e in entries(v)] if isinstance(value, list) else []


def test_every_file_is_listed_with_its_size_and_hash(both) -> None:
    bundle, _ = both
    listed = entries(manifest(bundle))
    assert {entry["file"] for entry in listed} == set(bundle.files) - {MANIFEST}
    for entry in listed:
        data = bundle.files[entry["file"]]
        assert entry["bytes"] == len(data)
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()


def test_points_are_the_encoders(both) -> None:
    bundle, runs = both
    for run, entry in zip(runs, manifest(bundle)["runs"], strict=True):
        images, index = held_out(run)
        model = run.load_model()
        points = entry["points"]
        assert (points["count"], points["split"]) == (len(index), "test")
        mu, more = moments_of(posteriors_of(model, images.images[index]))
        expected = {"mu": mu, **more}
        assert entry["variational"] == (set(expected) == {"mu", "log_var"})
        assert entry["encoder"]["outputs"] == list(expected)
        for name, theirs in expected.items():
            coded = points[name]
            found = values(bundle, coded, theirs.shape)
            # Of one thread here and one there: a sum's last digits at most.
            assert (np.abs(found - theirs) <= half_step(coded) + 1e-5 * np.abs(theirs)).all()
        labels = np.frombuffer(bundle.files[points["labels"]["file"]], "<u2")
        np.testing.assert_array_equal(labels, images.labels[index])


def test_thumbnails_are_the_images_and_both_runs_share_them(both) -> None:
    bundle, runs = both
    images, index = held_out(runs[0])
    first, second = (entry["points"] for entry in manifest(bundle)["runs"])
    assert first["images_sha256"] == second["images_sha256"]
    thumbs = first["thumbnails"]
    assert thumbs == second["thumbnails"]
    assert (thumbs["height"], thumbs["width"]) == images.image_shape[:2]
    (sheet,) = thumbs["sheets"]
    pixels = np.asarray(Image.open(io.BytesIO(bundle.files[sheet["file"]])))
    for i, image in enumerate(images.images[index]):
        row, column = divmod(i, thumbs["columns"])
        top, left = row * thumbs["height"], column * thumbs["width"]
        cut = pixels[top : top + thumbs["height"], left : left + thumbs["width"]]
        np.testing.assert_array_equal(cut, image[:, :, 0])


def test_golden_images_and_the_models_in_the_bundle(both) -> None:
    bundle, runs = both
    for run, entry in zip(runs, manifest(bundle)["runs"], strict=True):
        model, golden = run.load_model(), entry["golden"]
        latents = np.array(golden["latents"], np.float32)
        assert latents.shape == (5, model.latent_dim)
        shape = (5, 1, 9, 7)
        pixels = np.frombuffer(bundle.files[golden["images"]["file"]], "<f4").reshape(shape)
        expected = decode(model, latents).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(pixels, expected, atol=1e-6)
        decoder = onnxruntime.InferenceSession(bundle.files[entry["decoder"]["file"]])
        names = [entry["decoder"]["output"]]
        (found,) = decoder.run(names, {entry["decoder"]["input"]: latents})
        np.testing.assert_allclose(found, pixels, atol=1e-5)
        images, index = held_out(run)
        image = images.images[index[[golden["encoded"]["image_index"]]]]
        encoder = onnxruntime.InferenceSession(bundle.files[entry["encoder"]["file"]])
        x = image.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
        mu = encoder.run(["mu"], {entry["encoder"]["input"]: x})[0][0]
        expected = golden["encoded"]["mu"]
        np.testing.assert_allclose(mu, expected, atol=1e-5 * max(1, np.abs(mu).max()))


def test_the_prior_and_its_moments(both) -> None:
    bundle, runs = both
    ae, vae = manifest(bundle)["runs"]
    assert (ae["prior"]["form"], vae["prior"]["form"]) == ("uniform", "normal")
    for run, entry in zip(runs, (ae, vae), strict=True):
        prior, model = entry["prior"], run.load_model()
        draws = values(bundle, prior["draws"], (prior["draws"]["count"], 2))
        expected = sample_latents(model, 4096, 0)
        assert (np.abs(draws - expected) <= half_step(prior["draws"])).all()
        # Within five standard errors, of draws that are always the same ones.
        spread = np.sqrt(np.diag(prior["covariance"]))
        assert (np.abs(draws.mean(0) - prior["mean"]) < 5 * spread / 64).all()
        np.testing.assert_allclose(draws.std(0), spread, rtol=0.06)
    low, high = np.array(ae["prior"]["low"]), np.array(ae["prior"]["high"])
    inside = values(bundle, ae["prior"]["draws"], (4096, 2))
    assert (inside >= low).all()
    assert (inside <= high).all()
    assert vae["prior"]["low"] is None
    np.testing.assert_array_equal(vae["prior"]["covariance"], np.eye(2))


@pytest.mark.parametrize("kind", fittable_names())
def test_a_fitted_prior_is_the_one_that_is_shown(
    finished: Finished, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page draws quantiles by the prior's form: Gaussian ones of a Gaussian alone."""
    monkeypatch.setattr("reparam.model.priors.flow.STEPS", 20)
    run = Run.open(shutil.copytree(finished("vae").path, tmp_path / "run"))
    fit_run_prior(run, run.images(), kind)
    bundle = make_bundle([run])
    (entry,) = manifest(bundle)["runs"]
    model, prior = run.load_model(), entry["prior"]
    form = "normal" if kind == "gaussian" else "other"
    assert (prior["form"], prior["description"]) == (form, model.prior.describe())
    assert prior["description_ko"] == model.prior.describe("ko")
    draws = values(bundle, prior["draws"], (4096, 2))
    assert (np.abs(draws - sample_latents(model, 4096, 0)) <= half_step(prior["draws"])).all()
    error = np.sqrt(np.diag(prior["covariance"]) / 4096)
    assert (np.abs(draws.mean(0) - prior["mean"]) < 5 * error).all()
    np.testing.assert_allclose(np.cov(draws.T), prior["covariance"], rtol=0.1, atol=5 * error.max())


def test_a_gaussian_priors_moments_are_exact(finished: Finished, tmp_path: Path) -> None:
    """Those of the training latents, which it was fitted to."""
    run = Run.open(shutil.copytree(finished("ae").path, tmp_path / "run"))
    images = run.images()
    fit_run_prior(run, images, "gaussian")
    (entry,) = manifest(make_bundle([run]))["runs"]
    z = encode(run.load_model(), images.split_images("train")).astype(np.float64)
    np.testing.assert_allclose(entry["prior"]["mean"], z.mean(0), rtol=1e-4, atol=1e-5)
    covariance = np.cov(z.T, ddof=0)
    np.testing.assert_allclose(
        entry["prior"]["covariance"], covariance, rtol=1e-3, atol=1e-5 * covariance.max()
    )


def test_kl_of_each_dimension_adds_up_to_the_rate(both) -> None:
    bundle, runs = both
    ae, vae = manifest(bundle)["runs"]
    assert ae["kl_per_dimension"] is None
    images, index = held_out(runs[1])
    model = runs[1].load_model()
    x = torch.from_numpy(images.images[index]).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        rate = model.prior.kl(model.infer(x)).mean().item()
    assert sum(vae["kl_per_dimension"]) == pytest.approx(rate, rel=1e-4)


def test_principal_axes(finished: Finished) -> None:
    run = finished("vae", latent_dim=5)
    bundle = make_bundle([run])
    (entry,) = manifest(bundle)["runs"]
    found, axes = entry["principal"], np.array(entry["principal"]["axes"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(5), atol=1e-7)
    assert found["variances"] == sorted(found["variances"], reverse=True)
    mu = values(bundle, entry["points"]["mu"], (entry["points"]["count"], 5))
    along = (mu - found["mean"]) @ axes.T
    np.testing.assert_allclose(
        np.cov(along.T, ddof=0), np.diag(found["variances"]), atol=1e-3 * found["variances"][0]
    )


def test_names_of_classes_stay_data(both) -> None:
    bundle, _ = both
    for entry in manifest(bundle)["runs"]:
        assert tuple(c["name"] for c in entry["classes"]) == CLASSES
        assert len({c["colour"] for c in entry["classes"]}) == len(CLASSES)


def test_identifiers_may_stand_in_an_address_and_differ(both) -> None:
    bundle, runs = both
    assert [run.path.name for run in runs] == ["My run!", "My run!"]
    assert [entry["id"] for entry in manifest(bundle)["runs"]] == ["my-run", "my-run-2"]


def test_without_labels_and_with_channels_that_no_picture_has(finished: Finished) -> None:
    run = finished("ae", shape=(6, 8, 2))
    (entry,) = manifest(make_bundle([run]))["runs"]
    assert entry["golden"]["encoded"] is None
    assert entry["image"]["channels"] == 2


@pytest.mark.parametrize("preset", ["ae", "vae", "burda"])
def test_the_losses_of_any_likelihood(finished: Finished, preset: str) -> None:
    """By name and unit, as the run has them."""
    run = finished(preset)
    (entry,) = manifest(make_bundle([run]))["runs"]
    result = run.result()
    assert result is not None
    losses = entry["figures"]["loss"]
    assert losses == {k: v for k, v in result.splits["test"].items() if k != "images"}
    assert losses["loss_nats"] == pytest.approx(losses["distortion_nats"] + losses["rate_nats"])


def test_fewer_images(finished: Finished) -> None:
    run = finished("vae")
    bundle = make_bundle([run], images=5)
    (entry,) = manifest(bundle)["runs"]
    assert entry["points"]["count"] == 5
    with pytest.raises(ConfigError, match="images must be 1 or more, got 0"):
        make_bundle([run], images=0)


@pytest.fixture
def scored(finished: Finished, tmp_path: Path) -> Run:
    """A run with a scorecard, by a judge that has learned nothing."""
    run = Run.open(shutil.copytree(finished("vae").path, tmp_path / "run"))
    images = run.images()
    network = JudgeNetwork(images.image_shape, len(CLASSES)).eval().requires_grad_(False)
    names = images.class_names
    judge = Judge(network, images.image_shape, names, 0.1, None, "none", 0.0, from_cache=False)
    score_run(run, images, ScoreConfig(draws=20, likelihood_images=0), judge=judge)
    return run


def test_a_scorecard_goes_along_and_a_damaged_one_is_refused(scored: Run) -> None:
    (entry,) = manifest(make_bundle([scored]))["runs"]
    file = scored.path / "scorecard.json"
    values = json.loads(file.read_text())
    del values["digest"]
    assert entry["scorecard"] == values
    values["measures"]["psnr"]["value"] = float("inf")
    scored.write_json(file.name, values)
    (entry,) = manifest(make_bundle([scored]))["runs"]
    assert entry["scorecard"]["measures"]["psnr"]["value"] is None
    for damaged in ('{"schema": 2, "judge"', "[1]"):
        file.write_text(damaged)
        with pytest.raises(RunError, match=r"scorecard\.json"):
            make_bundle([scored])


def test_a_scorecard_of_another_prior_is_omitted(scored: Run) -> None:
    fit_run_prior(scored, scored.images(), "gaussian")
    with pytest.warns(UserWarning, match="scorecard is omitted: it was made with other prior"):
        (entry,) = manifest(make_bundle([scored]))["runs"]
    assert entry["scorecard"] is None


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (17, 40, 3)])
def test_the_exported_judge_gives_the_judges_classes(shape: tuple[int, int, int]) -> None:
    """Also of maps that 3 x 3 cells do not divide."""
    torch.manual_seed(0)
    network = JudgeNetwork(shape, 5).train()
    images = np.random.default_rng(0).integers(0, 256, (64, *shape), np.uint8)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    network(pixels)  # batch norms of their own
    names = tuple("abcde")
    network.eval().requires_grad_(False)
    network.head.bias -= network(pixels).mean(0)  # else all are of one class
    judge = Judge(network, shape, names, 0.1, None, "none", 0.0, from_cache=False)
    exported = export_judge(judge, images)
    assert exported.data == export_judge(judge, images).data
    session = onnxruntime.InferenceSession(exported.data, providers=["CPUExecutionProvider"])
    x = (images / 255).transpose(0, 3, 1, 2).astype(np.float32)
    (logits,) = session.run(["logits"], {"images": x})
    assert len(set(logits.argmax(1))) > 1
    np.testing.assert_array_equal(logits.argmax(1), judge.labels(images))


def test_a_judge_is_asked_of_its_own_classes_only(both, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view may show other images than the run's, which the judge of the run's cannot name."""
    bundle, _ = both
    view = list(bundle.views.values())[1]
    shape, names = view.images.shape[1:], view.class_names
    network = JudgeNetwork(shape, len(names))
    kept = Judge(network, shape, names, 0.1, None, "none", 0.0, from_cache=False)
    monkeypatch.setattr(judge_onnx, "kept_judge", lambda *_: kept)
    assert judge_onnx.judge_of(view) is kept
    for others in ((), names[:-1], tuple(f"a {name}" for name in names)):
        assert judge_onnx.judge_of(replace(view, class_names=others)) is None


def test_nearest_training_images_by_a_second_computation(both) -> None:
    bundle, runs = both
    for run, entry in zip(runs, manifest(bundle)["runs"], strict=True):
        nearest = entry["prior"]["nearest"]
        found = json.loads(bundle.files[nearest["file"]])
        images, model = run.images(), run.load_model()
        train = images.splits["train"]
        assert nearest["searched"] == len(train)
        draws = sample_latents(model, entry["prior"]["draws"]["count"], 0)[: nearest["draws"]]
        far = np.linalg.norm(draws[:, None] - encode(model, images.images[train])[None], axis=2)
        np.testing.assert_allclose(found["latent_distance"], far.min(1), rtol=1e-4, atol=1e-5)
        chosen = np.array(found["index"])[found["latent"]]
        at = (train[None] == chosen[:, None]).argmax(1)
        np.testing.assert_array_equal(train[at], chosen)
        np.testing.assert_allclose(far[np.arange(len(far)), at], far.min(1), rtol=1e-4, atol=1e-5)
        pixels = images.images[train] / 255.0
        off = [np.sqrt(((pixels - x) ** 2).mean((1, 2, 3))).min() for x in decode(model, draws)]
        np.testing.assert_allclose(found["pixel_distance"], off, rtol=1e-4)
        assert found["label"] == images.labels[found["index"]].tolist()


def test_training_images_can_stay_at_home(both) -> None:
    """Whoever sends the page away need not send what the model was trained on."""
    bundle, runs = both
    without = make_bundle(runs, training_images=False)
    assert [entry["prior"]["nearest"] for entry in manifest(without)["runs"]] == [None, None]
    left_out = set(bundle.files) - set(without.files)
    assert {f"data/{e['id']}/nearest.json" for e in manifest(bundle)["runs"]} <= left_out
    shown = [e["points"]["thumbnails"] for e in manifest(without)["runs"]]
    sheets = {s["file"] for table in shown for s in table["sheets"]}
    assert sheets == {f for f in without.files if f.endswith(".png")}


PRINT_HASHES = """
import hashlib, sys, torch
from pathlib import Path
from reparam.export.bundle import make_bundle
from reparam.runs import Run
torch.set_num_threads(int(sys.argv[1]))
files = make_bundle([Run.open(Path(p)) for p in sys.argv[2:]]).files
for name, data in files.items():
    print(name, hashlib.sha256(data).hexdigest())
assert torch.get_num_threads() == int(sys.argv[1])
"""


def test_another_process_with_other_threads_writes_the_same_bytes(both) -> None:
    bundle, runs = both
    paths = [str(run.path) for run in runs]
    command = [sys.executable, "-c", PRINT_HASHES, "2", *paths]
    root = Path(__file__).parents[2]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout
    mine = {name: hashlib.sha256(data).hexdigest() for name, data in bundle.files.items()}
    assert dict(line.rsplit(" ", 1) for line in said.splitlines()) == mine


def test_a_page_of_very_many_dimensions_is_refused(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has their squares, as text."""
    monkeypatch.setattr(entry_of_run, "MOST_DIMENSIONS", 1)
    with pytest.raises(ConfigError, match=r"at most 1 latent dimensions, got 2.* --onnx"):
        make_bundle([finished("ae")])

"""reparam score, compare and sweep on tiny runs, end to end."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reparam.cli.compare import groups_of
from reparam.cli.score import told_apart
from reparam.cli.scoring import scored
from reparam.evaluation import MEASURES, ScoreConfig, as_floats, decode_bytes, sample_latents
from reparam.runs import Run

from .conftest import Command, shapes, train_tiny

SMALL = ["--draws", "200", "--likelihood-images", "2", "--likelihood-samples", "20", "--quiet"]
TINY = ["--encoder-filters", "8", "8", "--encoder-kernels", "3", "3", "--encoder-strides", "2", "2"]
TINY += ["--decoder-filters", "8", "--decoder-kernels", "3", "3", "--decoder-strides", "2", "2"]
TINY += ["--epochs", "1", "--precision", "float32", "--sample-every", "0"]


def test_every_measure_is_there_or_says_why_not(
    reparam: Command, ae_run: Path, vae_run: Path
) -> None:
    said = reparam("score", ae_run, vae_run, *SMALL, "--json")
    assert said.status == 0, said.err
    ae, vae = json.loads(said.out)
    assert [scores["kind"] for scores in vae["priors"]] == ["standard-normal"]
    assert {scores["kind"] for scores in ae["priors"]} == {"box", "standard-normal", "gaussian"}
    assert ae["priors"][0]["kind"] == "box"
    for card in (ae, vae):
        for name, entry in MEASURES.items():
            places = (
                [s["measures"] for s in card["priors"]] if entry.by_prior else [card["measures"]]
            )
            for place in places:
                if entry.on_request:
                    assert name not in place
                    continue
                found = place[name]
                assert found["value"] is not None or found["note"], name
                if found["low"] is not None:
                    assert found["low"] <= found["value"] + 1e-9, name
                    assert found["high"] >= found["value"] - 1e-9, name
    assert vae["measures"]["elbo"]["value"] < 0 or vae["measures"]["elbo"]["value"] > 0
    assert ae["measures"]["elbo"]["value"] is None
    assert sum(vae["priors"][0]["class_counts"].values()) == 200


def test_what_is_not_measured_is_named_with_the_reason(
    reparam: Command, ae_run: Path, vae_run: Path
) -> None:
    """Also of rows that each prior has: no row is left with dashes alone."""
    said = reparam("score", ae_run, vae_run, *SMALL, "--json")
    missing = {
        found["note"]
        for card in json.loads(said.out)
        for place in (card["measures"], *(scores["measures"] for scores in card["priors"]))
        for name, found in place.items()
        if found["value"] is None and name in MEASURES
    }
    assert any("images" in why for why in missing)  # a Fréchet distance needs 192 of them
    shown = " ".join(reparam("score", ae_run, vae_run, *SMALL).out.split())
    for why in missing:
        assert f": {why}" in shown


def test_fid_in_the_features_of_a_file(reparam: Command, vae_run: Path, tmp_path: Path) -> None:
    """A network that means over the pixels: one feature, whose FID one can compute by hand."""
    import onnx
    from onnx import TensorProto, helper

    mean = helper.make_node("GlobalAveragePool", ["x"], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, "h", "w"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1, 1, 1])
    graph = helper.make_graph([mean], "mean", [x], [y])
    file = tmp_path / "mean.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, file)
    said = reparam("score", vae_run, *SMALL, "--features", file, "--json")
    assert said.status == 0, said.err
    found = json.loads(said.out)[0]["priors"][0]["measures"]["own_fid"]
    run = Run.open(vae_run)
    model = run.load_model()
    draws = decode_bytes(model, sample_latents(model, 20_000))
    test = run.images().split_images("test")
    real, fake = (as_floats(images).mean((1, 2, 3)) for images in (test, draws))
    by_hand = (real.mean() - fake.mean()) ** 2 + (real.std(ddof=1) - fake.std(ddof=1)) ** 2
    assert found["low"] < by_hand < found["high"]
    assert found["high"] < 3 * by_hand
    assert found["reference"] == 0
    assert found["note"].startswith("features of mean.onnx; 12 real and ")


MEAN = "def features(images):\n    return images.mean((2, 3))\n"


def test_features_of_a_python_file_are_measured_and_known_by_its_content(
    reparam: Command, vae_run: Path, tmp_path: Path
) -> None:
    run, file = shutil.copytree(vae_run, tmp_path / "run"), tmp_path / "mean.py"
    file.write_text(MEAN)
    said = reparam("score", run, *SMALL, "--features", file, "--json")
    assert said.status == 0, said.err
    measures = json.loads(said.out)[0]["priors"][0]["measures"]
    own = [measures[f"own_{name}"]["value"] for name in ("fid", "kid", "precision", "recall")]
    assert None not in own
    assert measures["own_kid"]["note"].startswith("features of mean.py; ")
    card = (run / "scorecard.json").read_bytes()
    reparam("score", run, *SMALL, "--features", file)
    assert (run / "scorecard.json").read_bytes() == card
    file.write_text(MEAN.replace("mean", "amax"))  # another network of the same name
    other = reparam("score", run, *SMALL, "--features", file, "--json")
    found = json.loads(other.out)[0]["priors"][0]["measures"]["own_fid"]["value"]
    assert found != measures["own_fid"]["value"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x = 1\n", "must define a function features(images)"),
        ("import nothing_like_it\n", "ModuleNotFoundError"),
        ("def features(images):\n    return images\n", "must give an array"),
        ("def features(images):\n    raise ValueError('too small')\n", "ValueError: too small"),
    ],
)
def test_a_python_file_without_features_is_refused(
    refused: Command, vae_run: Path, tmp_path: Path, content: str, said: str
) -> None:
    run, file = shutil.copytree(vae_run, tmp_path / "run"), tmp_path / "mine.py"
    file.write_text(content)
    assert said in refused("score", run, *SMALL, "--features", file)


def test_a_features_file_that_is_none_is_refused(refused: Command, vae_run: Path) -> None:
    assert "no ONNX network" in refused(
        "score", vae_run, *SMALL, "--features", vae_run / "config.json"
    )


def without_times(card: dict[str, object]) -> dict[str, object]:
    return {**card, "seconds": 0, "digest": ""}


def test_a_scorecard_is_made_once_and_is_the_same_again(reparam: Command, vae_run: Path) -> None:
    reparam("score", vae_run, *SMALL)
    file = vae_run / "scorecard.json"
    first = json.loads(file.read_text())
    stamp = file.stat().st_mtime_ns
    reparam("score", vae_run, *SMALL)
    assert file.stat().st_mtime_ns == stamp
    reparam("score", vae_run, *SMALL, "--again")
    second = json.loads(file.read_text())
    assert file.stat().st_mtime_ns != stamp
    assert without_times(first) == without_times(second)


def test_a_scorecard_of_another_schema_or_a_damaged_one_is_made_anew(
    reparam: Command, vae_run: Path
) -> None:
    reparam("score", vae_run, *SMALL)
    file = vae_run / "scorecard.json"
    whole = json.loads(file.read_text())
    for broken in (json.dumps({**whole, "schema": 0}), "{", "[]"):
        file.write_text(broken)
        assert reparam("score", vae_run, *SMALL).status == 0
        assert without_times(json.loads(file.read_text())) == without_times(whole)


def test_the_table_has_verdicts_where_an_ae_stands_beside_a_vae(
    reparam: Command, ae_run: Path, vae_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    said = reparam("score", ae_run, vae_run, *SMALL)
    assert "the article's claims: AE beside VAE" in said.out
    assert "intervals over images, taken as normal" in said.out
    assert "classifier AUC against prior draws" in said.out
    alone = reparam("score", vae_run, *SMALL)
    assert "claims" not in alone.out


def test_a_run_that_is_not_finished_is_refused(
    refused: Command, reparam: Command, shapes_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    reparam("train", shapes_file, "--out", folder, *TINY, "--quiet")
    Run.open(folder).forget_result()
    assert "finished run, got an unfinished one" in refused("score", folder, *SMALL)


def test_a_proposal_that_a_sphere_cannot_have_is_refused_before_images_are_read(
    reparam: Command, refused: Command, shapes_file: Path, tmp_path: Path
) -> None:
    source = tmp_path / "shapes.npz"
    shutil.copyfile(shapes_file, source)
    run = tmp_path / "svae"
    small = ("--encoder-widths", 8, "--decoder-widths", 8, "--epochs", 1, "--quiet")
    assert reparam("train", source, "--model", "svae", "--out", run, *small).status == 0
    source.unlink()
    words = ("score", run, "--likelihood-proposal", "defensive")
    assert "a defensive proposal needs posteriors that can be made wider" in refused(*words)
    assert "shapes.npz" in refused(*words, "--likelihood-images", "0"), "it reads images"


def test_compare_trains_the_seeds_that_are_missing_and_groups_them(
    reparam: Command, shapes_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    for model in ("ae", "vae"):
        out = tmp_path / model
        said = reparam("train", shapes_file, "--model", model, "--out", out, *TINY, "--quiet")
        assert said.status == 0, said.err
    page = tmp_path / "comparison.html"
    args = ("compare", tmp_path / "ae", tmp_path / "vae", "--seeds", "2", "--out", page, *SMALL)
    said = reparam(*args)
    assert said.status == 0, said.err
    assert Run.open(tmp_path / "vae-seed-1").config.seed == 1
    assert "over 2 seeds" in said.out
    assert "better by: paired by seed" in said.out
    assert "the article's claims" in said.out
    assert "the VAE's gain: paired by seed" in said.out
    assert re.search(r"undecided at this sample size, p [\d.]+, Holm [\d.]+", said.out)
    stamp = (tmp_path / "vae-seed-1" / "model.safetensors").stat().st_mtime_ns
    once = reparam(*args[:3], tmp_path / "vae-seed-1", *args[3:])  # as `compare runs/*` has it
    assert once.status == 0, once.err
    assert once.out == said.out
    assert not (tmp_path / "vae-seed-1-seed-2").exists()
    assert reparam(*args).status == 0
    assert (tmp_path / "vae-seed-1" / "model.safetensors").stat().st_mtime_ns == stamp
    html = page.read_text()
    assert "The article’s claims" in html or "The article's claims" in html
    assert re.search(r"p [\d.]+</small> <small>Holm [\d.]+", html)
    assert "Differences: paired by seed." in html


def test_compare_keeps_scorecards_with_options_of_their_own(
    reparam: Command, refused, ae_run: Path, vae_run: Path, tmp_path: Path
) -> None:
    """One that was made with other options than the usual ones may have taken hours."""
    ae, vae = (shutil.copytree(run, tmp_path / run.name) for run in (ae_run, vae_run))
    (ae / "scorecard.json").unlink(missing_ok=True)
    own = ("--draws", "30", "--likelihood-images", "1", "--likelihood-samples", "9", "--quiet")
    assert reparam("score", vae, *own).status == 0
    kept = (vae / "scorecard.json").read_bytes()
    page = ("--out", tmp_path / "page.html", "--quiet")
    assert reparam("compare", ae, vae, *page).status == 0
    assert (vae / "scorecard.json").read_bytes() == kept
    options = [json.loads((run / "scorecard.json").read_text())["options"] for run in (ae, vae)]
    assert options[0] == options[1]
    assert options[0]["draws"] == 30
    assert reparam("score", ae, *own, "--draws", "40").status == 0
    said = refused("compare", ae, vae, *page)
    assert "must be made with the same options, got others for --draws. Fix: " in said
    assert (vae / "scorecard.json").read_bytes() == kept
    assert reparam("compare", ae, vae, *page, *own, "--draws", "40").status == 0
    assert (vae / "scorecard.json").read_bytes() != kept


def test_compare_draws_the_rate_against_the_distortion_of_weights(
    reparam: Command, shapes_file: Path, tmp_path: Path
) -> None:
    """Options are called as on the command line, so that a chart knows the weight."""
    runs = [tmp_path / weight for weight in ("100", "1000")]
    for run in runs:
        args = (shapes_file, "--weight", run.name, "--out", run, *TINY, "--quiet")
        assert reparam("train", *args).status == 0
    page = tmp_path / "comparison.html"
    said = reparam("compare", *runs, "--out", page, *SMALL)
    assert said.status == 0, said.err
    html = page.read_text()
    assert "Measures against weight" in html
    assert "Distortion over rate" in html


def test_compare_names_options_that_only_the_second_run_has(
    reparam: Command, shapes_file: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    common = ("--quiet", "--epochs", "1", "--sample-every", "0", "--encoder", "mlp")
    common += ("--precision", "float32", "--encoder-widths", "8")
    decoder = ("--decoder-filters", "8", "--decoder-kernels", "3", "3", "--decoder-strides", "2")
    reparam("train", shapes_file, "--out", first, *common, *decoder, "2")
    said = reparam("train", shapes_file, "--out", second, *common, "--decoder", "mlp")
    assert said.status == 0, said.err
    runs = [Run.open(path) for path in (first, second)]
    cards = [
        scored(run, run.images(), ScoreConfig(draws=200, likelihood_images=2), quiet=True)
        for run in runs
    ]
    values = [
        group.values for group in groups_of([[pair] for pair in zip(runs, cards, strict=True)])
    ]
    assert values[0]["decoder-filters"] == "8"
    assert values[0]["decoder-widths"] == values[1]["decoder-filters"] == "–"
    assert values[1]["decoder-widths"] == "200 200"


def test_a_sweep_makes_a_run_for_each_value_and_draws_them(
    reparam: Command, shapes_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    out = tmp_path / "sweep"
    args = ["sweep", shapes_file, "--latent-dim", "2", "3", "--seeds", "1", "--out", out]
    said = reparam(*args, *TINY, *SMALL)
    assert said.status == 0, said.err
    assert {p.name for p in out.iterdir()} == {
        "latent-dim-2-seed-0",
        "latent-dim-3-seed-0",
        "report.html",
        "sweep.json",
    }
    assert "worse with latent-dim" in said.out
    assert "decides at 0.05; unpaired" in said.out, "of one seed there are no pairs"
    table = json.loads((out / "sweep.json").read_text())
    assert [group["values"] for group in table] == [{"latent-dim": "2"}, {"latent-dim": "3"}]
    assert [group["seeds"] for group in table] == [[0], [0]]
    stamp = (out / "latent-dim-3-seed-0" / "model.safetensors").stat().st_mtime_ns
    assert reparam(*args, *TINY, *SMALL).status == 0
    assert (out / "latent-dim-3-seed-0" / "model.safetensors").stat().st_mtime_ns == stamp


def test_scorecards_of_other_weights_are_not_shown(
    reparam: Command, shapes_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    reparam("train", shapes_file, "--out", folder, *TINY, "--quiet")
    reparam("score", folder, *SMALL)
    before = json.loads((folder / "scorecard.json").read_text())
    reparam("resume", folder, "--epochs", "2", "--quiet")
    reparam("score", folder, *SMALL)
    after = json.loads((folder / "scorecard.json").read_text())
    assert before["subject"]["weights"] != after["subject"]["weights"]


def compared(said_out: str) -> dict[str, dict[str, Any]]:
    (found,) = json.loads(said_out)
    return {row["measure"]: row for row in found["rows"]}


BY_IMAGE = {
    *("mse", "psnr", "ssim", "feature_distance", "noise_removed", "elbo", "bits_per_dimension"),
    *("log_likelihood", "rate", "mutual_information", "aggregate_kl", "knn_accuracy", "silhouette"),
}
"""Trustworthiness and continuity need more images than these runs have."""


def test_a_run_does_not_differ_from_itself(reparam: Command, vae_run: Path) -> None:
    """Nor do its figures when they are read from its files from those that were just measured."""
    said = reparam("score", vae_run, "--against", vae_run, *SMALL, "--json", "--again")
    assert said.status == 0, said.err
    assert reparam("score", vae_run, "--against", vae_run, *SMALL, "--json").out == said.out
    found = compared(said.out)
    for name, row in found.items():
        assert row["word"] not in ("better", "worse", "higher", "lower"), name
        assert row["gain"] is None or row["gain"]["value"] == 0, name
    paired = {name for name, row in found.items() if row["images"]}
    assert paired == BY_IMAGE
    # Twelve images that both get right, or both wrong, say little of all others.
    assert found["knn_accuracy"]["word"] == "undecided"
    assert {found[name]["word"] for name in BY_IMAGE - {"knn_accuracy"}} == {"same"}
    assert found["mse"]["images"] == 12
    assert found["log_likelihood"]["images"] == 2


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("runs/ae", "runs/vae", ("ae", "vae")),
        ("runs/a/vae", "runs/b/vae", ("a/vae", "b/vae")),
        ("vae", "runs/vae", None),
        ("runs/vae", "runs/vae", ("runs/vae", "runs/vae")),
    ],
)
def test_runs_are_called_by_what_their_paths_end_with(first, second, names) -> None:
    one, two = told_apart(Path(first), Path(second))
    assert Path(first).resolve().as_posix().endswith(one)
    assert Path(second).resolve().as_posix().endswith(two)
    assert names is None or (one, two) == names


def test_what_is_not_measured_is_said_once_for_each_reason(reparam: Command, ae_run: Path) -> None:
    said = reparam("score", ae_run, *SMALL)
    assert said.status == 0, said.err
    assert said.out.count("needs a distribution over latents") == 1
    (line,) = [line for line in said.out.splitlines() if "needs a distribution" in line]
    assert "ELBO" in line
    assert "I(x; z)" in line


def test_two_runs_are_compared_image_by_image(
    reparam: Command, ae_run: Path, vae_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    said = reparam("score", ae_run, "--against", vae_run, *SMALL)
    assert said.status == 0, said.err
    lines = [line.strip() for line in said.out.splitlines()]
    head = next(line for line in lines if line.startswith("measure"))
    assert head.split()[1:3] == [ae_run.name, vae_run.name], "not the whole paths"
    (mse,) = [line for line in lines if line.startswith("mean squared error")]
    assert re.search(r" \S+ to \S+ +\S+", mse)
    (paired,) = [line for line in lines if line.startswith("paired image by image: ")]
    assert "mean squared error" in paired
    assert "‖mean‖² / d" not in paired
    assert any(line.startswith("reconstruction") for line in lines), "a topic"
    found = compared(reparam("score", ae_run, "--against", vae_run, *SMALL, "--json").out)
    back = compared(reparam("score", vae_run, "--against", ae_run, *SMALL, "--json").out)
    assert found["mse"]["gain"]["value"] == -back["mse"]["gain"]["value"]
    by_hand = found["mse"]["against"] - found["mse"]["value"]
    assert found["mse"]["gain"]["value"] == pytest.approx(by_hand)
    assert found["elbo"]["word"] == "absent"


def test_a_scorecard_without_figures_of_each_image_is_made_again(
    reparam: Command, vae_run: Path, tmp_path: Path
) -> None:
    """Also where they are another scorecard's, or damaged."""
    run = Path(shutil.copytree(vae_run, tmp_path / "run"))
    loud = [word for word in SMALL if word != "--quiet"]
    file, card = run / "scorecard.safetensors", run / "scorecard.json"
    reparam("score", run, *SMALL)
    first = file.read_bytes()
    assert "scored again" not in reparam("score", run, "--against", run, *loud).err
    file.write_bytes(b"x" + first[1:])
    stamp = card.stat().st_mtime_ns
    assert reparam("score", run, *SMALL).status == 0
    assert card.stat().st_mtime_ns == stamp, "the scorecard itself needs none"
    assert "scorecard.safetensors: damaged" in reparam("score", run, "--against", run, *loud).err
    assert card.stat().st_mtime_ns != stamp
    file.write_bytes(first)
    assert "no figures of each image" in reparam("score", run, "--against", run, *loud).err


def test_a_run_of_other_images_is_refused_before_any_is_read(
    refused: Command, vae_run: Path, tmp_path: Path
) -> None:
    images, labels = shapes(60, seed=1)
    np.savez(tmp_path / "others.npz", images=images, labels=labels)
    other = train_tiny(tmp_path / "others.npz", tmp_path / "other", "vae")
    (tmp_path / "others.npz").unlink()
    said = refused("score", vae_run, "--against", other, *SMALL)
    assert "must be of the same images and splits to be compared" in said

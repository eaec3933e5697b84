import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from reparam import AE
from reparam.evaluation import moments_of
from reparam.model import posteriors_of
from reparam.objective import Loss, terms_of_each
from reparam.runs import Run

from .conftest import CLASSES, shapes


def test_test_split_of_the_runs_own_images_by_default(reparam, vae_run, tmp_path) -> None:
    out = tmp_path / "z.csv"
    said = reparam("encode", vae_run, "--out", out)
    assert said.status == 0
    assert said.out.strip() == str(out)
    assert "12 images of shapes (test)" in said.err
    table = pd.read_csv(out)
    assert list(table) == ["index", "label", "z1", "z2", "log_var1", "log_var2"]
    images = Run.open(vae_run).images()
    assert table["index"].tolist() == images.splits["test"].tolist()
    labels = images.split_labels("test")
    assert labels is not None
    assert table["label"].tolist() == [CLASSES[i] for i in labels]
    q = posteriors_of(Run.open(vae_run).load_model(), images.split_images("test"))
    mu, more = moments_of(q)
    np.testing.assert_array_equal(table[["z1", "z2"]].to_numpy(np.float32), mu)
    np.testing.assert_array_equal(
        table[["log_var1", "log_var2"]].to_numpy(np.float32), more["log_var"]
    )


def test_ae_has_no_log_var(reparam, ae_run, tmp_path) -> None:
    assert reparam("encode", ae_run, "--out", tmp_path / "z.parquet").status == 0
    assert list(pd.read_parquet(tmp_path / "z.parquet")) == ["index", "label", "z1", "z2"]


SCORES = ["distortion_nats", "rate_nats", "loss_nats", "squared_error"]


def test_scores_are_the_losses_of_each_image(reparam, vae_run, tmp_path) -> None:
    """Term by term; their means are those of result.json."""
    for suffix in ("csv", "npz"):
        assert reparam("encode", vae_run, "--scores", "--out", tmp_path / f"z.{suffix}").status == 0
    table = pd.read_csv(tmp_path / "z.csv", float_precision="round_trip")
    assert list(table)[-5:] == [*SCORES, "log_likelihood_bound_nats"]
    run = Run.open(vae_run)
    images, model, config = run.images(), run.load_model(), run.config
    loss = Loss(model, config.objective, config.terms, config.inputs)
    each = terms_of_each(loss, images.split_images("test"), seed=config.seed)
    constant = model.likelihood.log_normaliser
    np.testing.assert_array_equal(table["rate_nats"], each["rate"])
    np.testing.assert_array_equal(table["squared_error"], each["squared_error"])
    np.testing.assert_array_equal(table["distortion_nats"], each["distortion"] + constant)
    np.testing.assert_array_equal(table["loss_nats"], each["loss"] + constant)
    np.testing.assert_array_equal(table["log_likelihood_bound_nats"], -table["loss_nats"])
    result = run.result()
    assert result is not None
    for name in ("distortion_nats", "rate_nats", "loss_nats"):
        assert table[name].mean() == pytest.approx(result.splits["test"][name], rel=1e-6)
    assert table["squared_error"].mean() / 144 == pytest.approx(result.splits["test"]["mse"])
    with np.load(tmp_path / "z.npz") as arrays:
        np.testing.assert_array_equal(arrays["loss_nats"], table["loss_nats"])


def test_an_ae_bounds_no_likelihood(reparam, ae_run, shapes_file, tmp_path) -> None:
    out = tmp_path / "z.csv"
    assert reparam("encode", ae_run, shapes_file, "--scores", "--out", out).status == 0
    table = pd.read_csv(out)
    assert list(table) == ["index", "label", "z1", "z2", *SCORES]
    assert len(table) == 60
    assert (table["rate_nats"] == 0).all()


def test_all_of_a_given_source(reparam, vae_run, shapes_file, tmp_path) -> None:
    said = reparam("encode", vae_run, shapes_file, "--out", tmp_path / "z.npy")
    assert said.status == 0
    assert np.load(tmp_path / "z.npy").shape == (60, 2)
    said = reparam("encode", vae_run, shapes_file, "--split", "valid", "--out", tmp_path / "v.npz")
    with np.load(tmp_path / "v.npz") as arrays:
        assert sorted(arrays.files) == ["index", "labels", "log_var", "z"]
        assert len(arrays["z"]) == 5


@pytest.fixture
def folder_run(reparam, tmp_path) -> tuple[Path, Path]:
    """A folder of wide pictures, and a run that was trained on their middles."""
    folder, run = tmp_path / "wide", tmp_path / "run"
    for i, pixels in enumerate(shapes(20)[0]):
        place = folder / ("a", "b")[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).resize((24, 12)).save(place / f"{i:02}.png")
    options = ("--image-size", "8", "8", "--fit", "crop", "--epochs", "1", "--sample-every", "0")
    said = reparam("train", folder, "--out", run, *options, "--quiet")
    assert said.status == 0, said.err
    return folder, run


def test_a_folder_is_read_as_in_training(reparam, folder_run, tmp_path) -> None:
    """The same files give the same table, as the run's own and by name; each row says its file."""
    folder, run = folder_run
    tables = [tmp_path / "own.csv", tmp_path / "given.csv"]
    assert reparam("encode", run, "--split", "all", "--out", tables[0]).status == 0
    assert reparam("encode", run, folder, "--out", tables[1]).status == 0
    assert tables[0].read_bytes() == tables[1].read_bytes()
    table = pd.read_csv(tables[0])
    assert list(table)[:3] == ["index", "file", "label"]
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    assert table["file"].tolist() == files
    assert reparam("encode", run, folder, "--out", tmp_path / "z.npz").status == 0
    with np.load(tmp_path / "z.npz") as arrays:
        assert arrays["files"].tolist() == files


def test_what_is_held_out_of_the_runs_images_was_held_out_then(
    reparam, shapes_file, tmp_path
) -> None:
    """Also where they are named as DATA, of a run with splits of its own."""
    run, own = tmp_path / "run", ("--split-seed", "5", "--test-fraction", "0.3")
    words = ("--out", run, "--epochs", "1", "--sample-every", "0", "--quiet", *own)
    assert reparam("train", shapes_file, *words).status == 0
    tables = [tmp_path / "own.csv", tmp_path / "given.csv"]
    for out, source in zip(tables, ([], [shapes_file]), strict=True):
        words = ("--split", "test", "--out", out)
        assert reparam("encode", run, *source, *words).status == 0
    assert tables[0].read_bytes() == tables[1].read_bytes()
    assert len(pd.read_csv(tables[0])) == 18
    said = reparam("encode", run, shapes_file, "--split", "test", "--test-fraction", "0.1")
    assert "6 images of" in said.err


@pytest.mark.parametrize("command", ["encode", "reconstruct", "denoise"])
def test_a_set_that_has_changed_is_not_split_anew(reparam, refused, folder_run, command) -> None:
    """An image more, and those held out may be others."""
    folder, run = folder_run
    shutil.copy(folder / "a" / "00.png", folder / "a" / "0000.png")
    assert "wide has other images or splits than when the run began" in refused(command, run)
    assert reparam(command, run, folder).status == 0


def test_one_image_of_another_size_in_a_folder(reparam, vae_run, tmp_path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(shapes(1, size=24)[0][0]).convert("RGB").save(folder / "one.png")
    assert reparam("encode", vae_run, folder, "--out", tmp_path / "z.npy").status == 0
    assert np.load(tmp_path / "z.npy").shape == (1, 2)


def test_default_out_is_beside_the_run(reparam, refused, vae_run, tmp_path) -> None:
    run = shutil.copytree(vae_run, tmp_path / "run")
    assert reparam("encode", run).status == 0
    assert (run / "export" / "latents.csv").is_file()
    assert "--overwrite" in refused("encode", run)
    assert reparam("encode", run, "--overwrite").status == 0


def test_options_without_data_change_how_the_own_images_are_read(refused, vae_run) -> None:
    assert "--data-dir is for mnist" in refused("encode", vae_run, "--data-dir", "/nowhere")


def test_bad_input_leaves_nothing_behind(refused, vae_run, shapes_file, tmp_path) -> None:
    out = tmp_path / "out"
    big = tmp_path / "big.npy"
    np.save(big, shapes(4, size=16)[0])
    (tmp_path / "empty").mkdir()
    cases = [
        (("encode", tmp_path / "no", "--out", out / "z.csv"), "no such run folder"),
        (("encode", tmp_path / "empty", "--out", out / "z.csv"), "config.json is missing"),
        (("encode", vae_run, "--out", out / "z.txt"), ".csv, .parquet, .npy or .npz"),
        (("encode", vae_run, "--out", tmp_path / "empty"), "latents must go to"),
        (("encode", vae_run, big, "--out", out / "z.csv"), "12 × 12 × 1"),
        (("encode", vae_run, tmp_path / "empty", "--out", out / "z.csv"), "needs image files"),
        (("encode", vae_run, "digit", "--out", out / "z.csv"), "did you mean digits"),
        (("encode", vae_run, "--split", "tset"), "--split"),
        (("encode", vae_run, "--spilt", "test"), "did you mean --split"),
        (("encode",), "RUN"),
    ]
    for args, message in cases:
        assert message in refused(*args)
    assert not out.exists()


def test_a_run_of_arrays_in_memory_needs_data(refused, reparam, shapes_file, tmp_path) -> None:
    run = tmp_path / "run"
    AE(epochs=1, out=run).fit(shapes(6)[0])
    assert "names no images: it was trained on arrays in memory" in refused("encode", run)
    assert reparam("encode", run, shapes_file).status == 0


def test_weights_cut_short(refused, vae_run, tmp_path) -> None:
    run = shutil.copytree(vae_run, tmp_path / "run")
    weights = run / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "damaged" in refused("encode", run)
    assert not (run / "export").exists()


def test_as_a_process(vae_run, tmp_path) -> None:
    def call(*args: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reparam.cli.main", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    bad = call("encode", vae_run, "nothing.npz", "--out", tmp_path / "z.csv")
    assert bad.returncode == 2
    assert bad.stderr.count("\n") == 1
    assert "Traceback" not in bad.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_unwritable_out(refused, vae_run, tmp_path: Path, kind: str) -> None:
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where a folder is wanted")
    args = ("encode", vae_run, "--out", blocker / "z.csv")
    if kind == "folder":
        args = ("sample", vae_run, "--out", blocker / "samples")
    assert "cannot be written" in refused(*args)
    assert blocker.read_text() == "a file where a folder is wanted"

"""Runs with few labels on the command line: convolutional networks too, and every image's class."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from reparam import load
from reparam.data import DataConfig, from_bytes, load_images
from reparam.errors import DataError
from reparam.runs import Run

from .conftest import CLASSES, shapes, train_tiny
from .test_classes import fault

COUNT = 90
FEW = ("--known-labels", "9", "--batch-size", "16")


@pytest.fixture(scope="module")
def run(shapes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The article's networks, small, as M2."""
    parts = ("--objective", "semi-supervised", "--classifier", "--alpha", "0.5")
    return train_tiny(shapes_file, tmp_path_factory.mktemp("m2") / "few", "cvae", *parts, *FEW)


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """New images, half of them with labels."""
    images, labels = shapes(COUNT, seed=3)
    path = tmp_path_factory.mktemp("data") / "half.npz"
    labels = np.where(np.arange(COUNT) % 2, labels, -1)
    np.savez(path, images=images, labels=labels, class_names=np.array(CLASSES))
    return path


def test_scores_of_images_without_labels_are_of_no_guesses(run: Path, half: Path, reparam) -> None:
    out = run.parent / "scores.csv"
    assert reparam("encode", run, half, "--scores", "--out", out, "--overwrite").status == 0
    table = pd.read_csv(out)
    images = np.load(half)
    known = images["labels"] >= 0
    assert (table["labelled"] == known).all()
    assert table["label"].notna().all()  # what the classifier finds stands there
    error = predicted(run, images["images"][..., None]) != images["labels"]
    np.testing.assert_array_equal(table["class_error"][known], error[known])
    for name in ("class_error", "class_cross_entropy"):
        assert table[name].notna().tolist() == known.tolist()
    opened = Run.open(run)
    assert reparam("encode", run, "--scores", "--out", out, "--overwrite").status == 0
    means = pd.read_csv(out).mean(numeric_only=True)
    test = opened.result().splits["test"]
    for name in ("labelled", "class_rate", "class_error", "class_cross_entropy", "loss_nats"):
        assert means[name] == pytest.approx(test[name], rel=1e-4), name


def test_it_finds_defects_among_pictures_without_labels(reparam, tmp_path: Path) -> None:
    images, labels = shapes(60, seed=4)
    labels = np.where(np.arange(60) % 2, labels, -1)
    good = tmp_path / "good.npz"
    np.savez(good, images=images, labels=labels, class_names=np.array(CLASSES))
    out = tmp_path / "run"
    words = (good, "--model", "m2", "--epochs", 1, "--out", out, "--quiet")
    said = reparam("anomaly", "fit", *words)
    assert said.status == 0, said.err
    for name, pixels in (("good", images[:9]), ("bad", 255 - images[:9])):
        (tmp_path / "test" / name).mkdir(parents=True)
        for i, image in enumerate(pixels):
            Image.fromarray(image).save(tmp_path / "test" / name / f"{i}.png")
    said = reparam("anomaly", "test", out, tmp_path / "test", "--json", "--quiet")
    assert said.status == 0, said.err
    assert json.loads(said.out)["bad"]["image_auroc"]["value"] > 0.9


def predicted(run: Path, images: np.ndarray) -> np.ndarray:
    model = load(run).model_
    with torch.no_grad():
        return model.classifier(from_bytes(torch.from_numpy(images))).argmax(1).numpy()


def test_the_run_records_the_error(run: Path) -> None:
    opened = Run.open(run)
    images = load_images(opened.config.data)
    assert len(images.labelled("train")) == 9
    result = opened.result()
    test = images.split_images("test")
    wrong = predicted(run, test) != images.split_labels("test")
    assert result.splits["test"]["class_error"] == pytest.approx(wrong.mean())
    assert result.splits["test"]["labelled"] == 1
    assert result.splits["train"]["labelled"] == pytest.approx(9 / len(images.splits["train"]))
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert 0 <= line["train_class_error"] <= 1
    assert line["valid_class_cross_entropy"] > 0
    assert load(run).model_.classifier.labelled == pytest.approx(9 / len(images.splits["train"]))


def test_encode_gives_each_image_a_class(reparam, run: Path, half: Path, tmp_path: Path) -> None:
    """Its own, or that of the classifier; the latents are of that class, and decode by it."""
    images, labels = shapes(COUNT, seed=3)
    np.savez(tmp_path / "none.npz", images=images)
    found = predicted(run, images[..., None])
    read = {"none": found, "half": np.where(np.arange(COUNT) % 2, labels, found)}
    for source, expected in ((tmp_path / "none.npz", read["none"]), (half, read["half"])):
        out = tmp_path / f"{source.stem}.csv"
        said = reparam("encode", run, source, "--scores", "--out", out)
        assert said.status == 0, said.err
        table = pd.read_csv(out)
        assert table["label"].tolist() == [CLASSES[y] for y in expected]
        z = load(run).transform(images, np.array(CLASSES)[expected])
        np.testing.assert_allclose(table[["z1", "z2"]], z, atol=1e-6)
        assert np.isfinite(table["class_rate"]).all()
        assert reparam("decode", run, out, "--out", tmp_path / "x.npy", "--overwrite").status == 0
        again = reparam("reconstruct", run, source, "--out", tmp_path / "y.npy", "--overwrite")
        assert again.status == 0, again.err
        np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), np.load(tmp_path / "y.npy"))
    z = load(run).transform(images, np.array(CLASSES)[read["none"]])
    np.testing.assert_array_equal(load(run).transform(images), z)
    assert np.isfinite(load(run).score_samples(images)).all()


def test_partly_labelled_images_through_the_commands(reparam, half: Path, tmp_path: Path) -> None:
    """In training, validation and test: what reads classes leaves out those that are not known."""
    out, small = tmp_path / "m2", ("--encoder-widths", 20, "--decoder-widths", 20)
    training = ("--epochs", 2, "--sample-every", 0, "--quiet")
    said = reparam("train", half, "--model", "m2", "--out", out, *small, *training)
    assert said.status == 0, said.err
    said = reparam("score", out, "--draws", "40", "--likelihood-images", "1", "--quiet")
    assert said.status == 0, said.err
    for command in (
        ("report", "--out", tmp_path / "report.html"),
        ("export", "--onnx", tmp_path / "onnx"),
        ("info",),
    ):
        said = reparam(command[0], out, *command[1:])
        assert said.status == 0, said.err


def test_a_conditional_model_without_a_classifier_needs_every_label(
    refused, reparam, half: Path, tmp_path: Path
) -> None:
    said = reparam("train", half, "--model", "cvae", "--out", tmp_path / "run", "--quiet")
    assert "a conditional model must have a label of every image" in fault(said)
    assert not (tmp_path / "run").exists()


def test_classes_of_other_names_can_be_left_to_the_classifier(
    reparam, run: Path, tmp_path: Path
) -> None:
    """What is in folders of other names; in Python `predict_proba` reads no labels at all."""
    images, _ = shapes(6, seed=5)
    path = tmp_path / "new.npz"
    np.savez(path, images=images, labels=["zebra"] * 6)
    out = tmp_path / "z.csv"
    found = fault(reparam("encode", run, path, "--out", out))
    assert "unknown class 'zebra'" in found
    assert "Fix: let the classifier find the classes (--class '')" in found
    said = reparam("encode", run, path, "--class", "", "--out", out)
    assert said.status == 0, said.err
    names = [CLASSES[y] for y in predicted(run, images[..., None])]
    assert pd.read_csv(out)["label"].tolist() == names
    model, zebras = load(run), load_images(DataConfig(source=str(path)))
    images = zebras.images
    np.testing.assert_array_equal(model.predict_proba(zebras), model.predict_proba(images))
    with pytest.raises(DataError, match=r"unknown class .zebra.*Fix: labels=-1"):
        model.transform(zebras)
    np.testing.assert_array_equal(model.transform(zebras, labels=-1), model.transform(images))


def test_no_class_is_no_class_to_sample(refused, run: Path, tmp_path: Path) -> None:
    said = refused("sample", run, "--class", "", "--out", tmp_path / "x.npz")
    assert "--class: unknown class ''" in said
    assert ", ".join(sorted(CLASSES)) in said


def test_colours_that_become_black_and_white_are_said(reparam, half: Path, tmp_path: Path) -> None:
    words = ("--epochs", 1, "--sample-every", 0, "--out", tmp_path / "run", "--overwrite")
    small = ("--encoder-widths", 20, "--decoder-widths", 20)
    for more, expected in (((), True), (("--binarise", "none"), False)):
        said = reparam("train", half, "--model", "m2", *small, *words, *more)
        assert said.status == 0, said.err
        assert ("--binarise none keeps greys" in said.err) is expected


def test_info_names_the_classes(reparam, run: Path) -> None:
    assert ", ".join(CLASSES) in reparam("info", run).out

"""Conditional runs on the command line: classes by name, and what has no labels."""

from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from reparam import load
from reparam.errors import ConfigError, DataError
from reparam.evaluation import as_bytes
from reparam.runs import Run

from .conftest import CLASSES, shapes, train_tiny


@pytest.fixture(scope="module")
def cvae_run(shapes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(shapes_file, tmp_path_factory.mktemp("runs") / "cvae", "cvae")


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "unlabelled.npz"
    np.savez(path, images=shapes(9, seed=1)[0])
    return path


def samples(reparam, run: Path, out: Path, *args: object) -> dict[str, np.ndarray]:
    said = reparam("sample", run, *args, "--out", out)
    assert said.status == 0, said.err
    with np.load(out) as found:
        return dict(found)


def fault(said) -> str:
    """The last line of a command that was refused; lines before it say what was read."""
    assert said.status == 2, said
    return said.err.splitlines()[-1]


def test_the_run_knows_how_many_classes_there_are(cvae_run: Path) -> None:
    run = Run.open(cvae_run)
    assert run.config.model.classes == 3
    assert run.facts.class_names == CLASSES


def test_samples_of_a_class(reparam, cvae_run, tmp_path) -> None:
    """By name or number; without one every class in turn; the latents are those of the seed."""
    named = samples(reparam, cvae_run, tmp_path / "a.npz", "-n", 4, "--class", "square")
    numbered = samples(reparam, cvae_run, tmp_path / "b.npz", "-n", 4, "--class", 2)
    turns = samples(reparam, cvae_run, tmp_path / "c.npz", "-n", 5)
    each = samples(reparam, cvae_run, tmp_path / "d.npz", "--per-class", 2)
    assert named["labels"].tolist() == [2] * 4
    assert named["class_names"].tolist() == list(CLASSES)
    np.testing.assert_array_equal(named["images"], numbered["images"])
    assert turns["labels"].tolist() == [0, 1, 2, 0, 1]
    assert each["labels"].tolist() == [0, 0, 1, 1, 2, 2]
    model = load(cvae_run)
    for labels, found in (("square", named), ([0, 1, 2, 0, 1], turns)):
        names = labels if isinstance(labels, str) else [CLASSES[i] for i in labels]
        expected = as_bytes(model.sample(len(found["images"]), labels=names))
        np.testing.assert_array_equal(found["images"], expected)
    other = as_bytes(model.sample(4, labels="bar"))
    assert (other != named["images"]).any()


def test_latents_carry_the_class(reparam, cvae_run, tmp_path) -> None:
    """Those of sample and those of encode, in each kind of file, decode to the same images."""
    assert reparam("sample", cvae_run, "--per-class", 2, "--out", tmp_path / "s").status == 0
    table = pd.read_csv(tmp_path / "s" / "latents.csv")
    assert table["label"].tolist() == [name for name in CLASSES for _ in range(2)]
    reparam("reconstruct", cvae_run, "--out", tmp_path / "x.npy")
    for name in ("z.csv", "z.parquet", "z.npz"):
        reparam("encode", cvae_run, "--out", tmp_path / name)
        said = reparam("decode", cvae_run, tmp_path / name, "--out", tmp_path / f"{name}.npy")
        assert said.status == 0, said.err
        found = np.load(tmp_path / f"{name}.npy")
        # Text has all digits of a float32, to a rounding of a pixel.
        difference = found.astype(int) - np.load(tmp_path / "x.npy")
        assert np.abs(difference).max() <= 1


def test_without_labels_a_class_is_asked_for(
    reparam, refused, cvae_run, unlabelled, tmp_path
) -> None:
    out = tmp_path / "x.npz"
    np.save(tmp_path / "z.npy", np.zeros((2, 2), np.float32))
    for command in ("encode", "reconstruct", "denoise"):
        found = fault(reparam(command, cvae_run, unlabelled, "--out", out))
        assert "must have labels" in found
        assert "--class" in found
        words = ("--class", "column", "--out", tmp_path / f"{command}.npz")
        assert reparam(command, cvae_run, unlabelled, *words).status == 0
    found = fault(reparam("decode", cvae_run, tmp_path / "z.npy", "--out", out))
    assert "must have labels" in found
    words = ("--class", "column", "--out", out)
    assert reparam("decode", cvae_run, tmp_path / "z.npy", *words).status == 0
    words = ("--class", "colum", "--out", tmp_path / "y.npz")
    assert "unknown class 'colum'; did you mean column?" in refused("sample", cvae_run, *words)


def test_other_images_have_the_runs_classes_by_name(reparam, cvae_run, tmp_path) -> None:
    """Where a set has fewer classes, its first is not the run's first."""
    images, labels = shapes(30, seed=1)
    few = images[labels > 0], np.array(CLASSES)[labels[labels > 0]]
    np.savez(tmp_path / "few.npz", images=few[0], labels=few[1])
    reparam("encode", cvae_run, tmp_path / "few.npz", "--out", tmp_path / "z.npy")
    expected = load(cvae_run).transform(few[0], few[1])
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), expected)
    np.savez(tmp_path / "new.npz", images=few[0], labels=np.full(len(few[0]), "circle"))
    found = fault(reparam("encode", cvae_run, tmp_path / "new.npz", "--out", tmp_path / "y.npy"))
    assert "unknown class 'circle'" in found


def test_images_of_unknown_class_need_one(reparam, cvae_run, tmp_path) -> None:
    images, labels = shapes(9, seed=1)
    labels[:4] = -1
    np.savez(tmp_path / "some.npz", images=images, labels=labels, class_names=np.array(CLASSES))
    words = ("encode", cvae_run, tmp_path / "some.npz", "--out", tmp_path / "z.npy")
    assert "got 4 of 9 without. Fix: name labelled ones, or a class" in fault(reparam(*words))
    assert reparam(*words, "--class", "bar").status == 0


def test_runs_that_read_no_labels_refuse_a_class(refused, vae_run, tmp_path) -> None:
    out = tmp_path / "x.npz"
    reason = "must be of a conditional run"
    assert reason in refused("sample", vae_run, "--class", "bar", "--out", out)
    assert reason in refused("sample", vae_run, "--per-class", 2, "--out", out)
    assert reason in refused("encode", vae_run, "--class", "bar", "--out", tmp_path / "z.npy")
    with pytest.raises(ConfigError, match="of a conditional model"):
        load(vae_run).sample(2, labels="bar")


def test_options_that_exclude_each_other(refused, cvae_run) -> None:
    assert "per_class must come alone" in refused(
        "sample", cvae_run, "--class", "bar", "--per-class", 3
    )
    for count in (("--count", 5), ("-n", 5)):
        said = refused("sample", cvae_run, "--per-class", 3, *count)
        assert "per_class must come alone" in said
    assert "per_class must be 1 or more" in refused("sample", cvae_run, "--per-class", 0)


def test_training_needs_labels(refused, unlabelled, shapes_file, tmp_path) -> None:
    out = ("--out", tmp_path / "run", "--quiet")
    found = refused("train", unlabelled, "--model", "cvae", *out)
    assert "classes auto must be those of the images' labels, got images without labels" in found
    assert "Fix: put those of each class into a sub-folder, or --classes 0" in found
    found = refused("train", shapes_file, "--classes", 7, *out)
    assert (
        "classes 7 must be those of the images' labels, got 3 classes. Fix: --classes auto" in found
    )
    assert not (tmp_path / "run").exists()


def test_estimators_say_what_they_need(cvae_run) -> None:
    model = load(cvae_run)
    images, labels = shapes(12, seed=1)
    names = np.array(CLASSES)[labels]
    for call in (model.transform, model.reconstruct, model.score_samples, model.fit_prior):
        with pytest.raises(DataError, match="labels must be given to a conditional model"):
            call(images)
    with pytest.raises(DataError, match="unknown class 'circle'"):
        model.transform(images, "circle")
    assert model.score(images, names) == pytest.approx(model.score_samples(images, names).mean())


def test_onnx_takes_the_class(reparam, cvae_run, tmp_path) -> None:
    """Both halves, every class, against Python."""
    assert reparam("export", cvae_run, "--onnx", tmp_path / "onnx").status == 0
    encoder, decoder = (
        onnxruntime.InferenceSession(tmp_path / "onnx" / f"{half}.onnx")
        for half in ("encoder", "decoder")
    )
    for half in (encoder, decoder):
        assert [i.type for i in half.get_inputs()] == ["tensor(float)", "tensor(int64)"]
    model = load(cvae_run)
    images, _ = shapes(5, seed=1)
    x = images[:, None].astype(np.float32) / np.float32(255)
    decodings = []
    for number, name in enumerate(CLASSES):
        labels = np.full(5, number)
        mu = model.transform(images, name)
        found = encoder.run(["mu"], {"images": x, "labels": labels})[0]
        np.testing.assert_allclose(found, mu, rtol=0, atol=1e-5)
        (decoded,) = decoder.run(["images"], {"latents": mu, "labels": labels})
        expected = model.inverse_transform(mu, name).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(decoded, expected, rtol=0, atol=1e-5)
        decodings.append(decoded)
    assert np.abs(decodings[0] - decodings[1]).max() > 1e-4

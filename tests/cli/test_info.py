import json
import shutil

import numpy as np
import pytest
from PIL import Image

from reparam.cli.info import sparkline
from reparam.model import parameter_counts
from reparam.runs import Run


def test_a_run(reparam, vae_run) -> None:
    said = reparam("info", vae_run)
    assert said.status == 0
    plain = " ".join(said.out.split())
    for text in (
        "vae, 2 latent dimensions",
        "encoder convolutional, posterior diagonal-normal, prior standard-normal, decoder",
        "12 × 12 × 1 (height",
        "r_loss_factor 1000 = D/(2σ²) with D = 144",
        "2 of 2, finished",
        "reparam train",
        "transposed convolution 3 × 3, stride 2",
        "loss_bits_per_dim",
        "test (12)",
        "the same numbers again: yes, to the last bit (one process on a CPU",
    ):
        assert text in plain
    total = sum(parameter_counts(Run.open(vae_run).load_model()).values())
    assert f"{total:,}" in said.out


def test_a_run_as_json(reparam, vae_run) -> None:
    run = Run.open(vae_run)
    facts = json.loads(reparam("info", vae_run, "--json").out)
    assert facts["kind"] == "run"
    assert facts["finished"] is True
    assert facts["result"] == run.result().to_mapping()
    assert facts["metrics"] == [epoch.to_mapping() for epoch in run.metrics()]
    assert facts["parameters"] == parameter_counts(run.load_model())
    assert sum(row["parameters"] for row in facts["layers"]) == sum(facts["parameters"].values())
    result = run.result()
    assert result is not None
    assert facts["best_epoch"] == result.best_epoch


def test_a_run_that_is_not_finished(reparam, vae_run, tmp_path) -> None:
    run = shutil.copytree(vae_run, tmp_path / "run")
    Run.open(run).extended(5)
    said = reparam("info", run)
    assert f"2 of 5, unfinished: reparam resume {run}"[:25] in said.out
    for name in ("result.json", "metrics.jsonl", "model.safetensors"):
        (run / name).unlink()
    said = reparam("info", run)
    assert said.status == 0
    assert "none yet" in said.out


def test_the_best_epoch_of_an_unfinished_run_is_that_of_its_weights(
    reparam, vae_run, tmp_path
) -> None:
    """Losses do not say it where a term has a verdict on epochs (adversarial)."""
    run = Run.open(shutil.copytree(vae_run, tmp_path / "run"))
    model = run.load_model()
    (run.path / "result.json").unlink()
    assert len(run.metrics()) == 2
    for epoch in (1, 2):
        run.save_model(model, epoch=epoch)
        assert json.loads(reparam("info", run.path, "--json").out)["best_epoch"] == epoch
    run.weights.write_bytes(run.weights.read_bytes()[:-1])
    assert json.loads(reparam("info", run.path, "--json").out)["best_epoch"] is None


def test_data(reparam, shapes_file) -> None:
    said = reparam("info", shapes_file)
    assert said.status == 0
    for text in ("60 of 12 × 12 × 1", "column", "mean", "train  valid  test"):
        assert text in said.out
    facts = json.loads(reparam("info", shapes_file, "--json").out)
    classes = {"bar": 4, "column": 4, "square": 4}
    assert facts["counts"]["test"] == {"images": 12, "classes": classes}
    with np.load(shapes_file) as arrays:
        assert facts["pixels"]["mean"] == pytest.approx(arrays["images"].mean())


def test_bad_input(refused, vae_run, tmp_path) -> None:
    half = shutil.copytree(vae_run, tmp_path / "half")
    (half / "config.json").write_text('{"format": 1, "preset"')
    newer = shutil.copytree(vae_run, tmp_path / "newer")
    record = json.loads((newer / "config.json").read_text())
    (newer / "config.json").write_text(json.dumps(record | {"format": 99}))
    for args, message in (
        ((), "name one"),
        (("nothing-here",), "no known name"),
        ((tmp_path / "nothing",), "no such file or folder"),
        ((half,), "cut short or damaged"),
        ((newer,), "newer reparam"),
        ((vae_run, "--jason"), "did you mean --json"),
    ):
        assert message in refused("info", *args)


def test_pictures_beside_another_programs_config(reparam, tmp_path) -> None:
    """And a class that is named as a folder of runs is."""
    for name in ("checkpoints", "samples"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.fromarray(np.full((8, 8), 40 * i, np.uint8)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "config.json").write_text("{}")
    said = reparam("info", tmp_path, "--json")
    assert said.status == 0, said.err
    assert json.loads(said.out)["class_names"] == ["checkpoints", "samples"]


def test_a_run_whose_record_is_gone_is_still_a_run(refused, vae_run, tmp_path) -> None:
    copy = shutil.copytree(vae_run, tmp_path / "run")
    (copy / "config.json").unlink()
    assert "not a run folder, config.json is missing" in refused("info", copy)
    (copy / "config.json").write_text("{}")
    assert "config.json" in refused("info", copy)


def test_sparkline() -> None:
    assert sparkline([3.0, 2.0, 1.0])[0] == "█"
    assert sparkline([3.0, 2.0, 1.0])[-1] == "▁"
    assert sparkline([1.0]) == "▁"
    assert len(sparkline([float(i) for i in range(1000)])) == 60


def test_known_factors(reparam, tmp_path) -> None:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (40, 4, 4), np.uint8)
    factors = np.stack([np.arange(40) % 3, draw.random(40)], 1)
    path = tmp_path / "shapes.npz"
    np.savez(path, images=images, factors=factors, factor_names=["kind", "x"])
    assert "kind (categorical), x (continuous)" in reparam("info", path).out
    known = json.loads(reparam("info", path, "--json").out)["factors"]
    assert known == {"kind": "categorical", "x": "continuous"}

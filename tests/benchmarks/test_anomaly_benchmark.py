"""The benchmark of anomaly detection: its textures, its baselines, and its cells and tables."""

import argparse
import json
from pathlib import Path

import anomaly
import anomaly_methods
import numpy as np
import pytest
import textures
from anomaly import Cell, kept, run_cell, table
from anomaly_methods import Problem, scored
from PIL import Image
from sklearn.covariance import EmpiricalCovariance
from sklearn.metrics import roc_auc_score
from textures import CALIBRATE, SIDE, STRIPS, TRAIN, places, textured

from reparam.data import DataConfig, load_images
from reparam.evaluation import DEFECT_KINDS, GOOD_FOLDER, pictures_needed, read_labelled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A texture whose left half is dark and whose right half is light."""
    where = tmp_path_factory.mktemp("textures")
    noise = np.random.default_rng(0).integers(0, 60, (512, 512))
    noise[:, 256:] += 150
    for name in textures.NAMES:
        Image.fromarray(noise.astype(np.uint8)).save(where / f"{name}.png")
    return where


@pytest.mark.parametrize("seed", [0, 1])
def test_training_squares_are_of_one_half_those_for_calibration_and_test_of_the_other(
    folder: Path, seed: int
) -> None:
    found = textured("brick", seed, folder)
    assert found.good["train"].shape == (TRAIN, SIDE, SIDE, 1)
    new = found.test[np.array(found.kinds) == GOOD_FOLDER]
    assert len(new) == 32 - CALIBRATE
    learned = np.concatenate([found.good["train"], found.good["val"]])
    held_out = np.concatenate([found.good["test"], new])
    dark, light = (learned, held_out) if seed == 0 else (held_out, learned)
    assert dark.max() < 60
    assert light.min() >= 150


@pytest.mark.parametrize("seed", range(6))
def test_no_pixel_is_in_two_parts(seed: int) -> None:
    """And of the half for the test none is in two squares: each of the 32 is there once."""
    owners = np.zeros((512, 512), int)
    for name, corners in places(seed).items():
        mark = np.zeros_like(owners)
        for y, x in corners:
            assert 0 <= y <= 512 - SIDE
            assert 0 <= x <= 512 - SIDE
            mark[y : y + SIDE, x : x + SIDE] += 1
        assert name in STRIPS or mark.max() == 1
        owners += mark > 0
    assert owners.max() == 1


def test_squares_are_the_pixels_of_their_places(folder: Path) -> None:
    whole, found = textures.texture("brick", folder), textured("brick", 4, folder)
    squares = {**found.good, "new": found.test}
    for name, corners in places(4).items():
        cut = [whole[y : y + SIDE, x : x + SIDE] for y, x in corners]
        np.testing.assert_array_equal(squares[name][: len(cut), ..., 0], cut)


def test_calibration_and_test_squares_are_exchangeable() -> None:
    """Over the seeds each square of the half is as often in the test as any other: 12 of 32 times.

    So the rank of a good test square's score among those that calibrate is uniform, whatever the
    score; and p ≤ 0.05 has a probability of at most 0.05.
    """
    count = np.zeros((8, 4))
    for seed in range(0, 800, 2):
        rows, columns = (places(seed)["new"] // SIDE).T
        count[rows, columns - 4] += 1
    expected = 400 * (32 - CALIBRATE) / 32
    assert np.abs(count - expected).max() < 4.5 * np.sqrt(expected * CALIBRATE / 32)
    assert pictures_needed(0.05) <= CALIBRATE


def test_masks_mark_what_differs_from_the_good_square(folder: Path) -> None:
    found = textured("grass", 0, folder)
    kinds = np.array(found.kinds)
    good = found.test[kinds == GOOD_FOLDER]
    for kind in DEFECT_KINDS:
        of = kinds == kind
        np.testing.assert_array_equal((found.test[of] != good)[..., 0], found.masks[of])
        assert found.masks[of].any((1, 2)).all()
    assert not found.masks[kinds == GOOD_FOLDER].any()


def test_contamination_is_a_share_of_the_training_squares(folder: Path) -> None:
    clean, some = (textured("gravel", 3, folder, contamination=c) for c in (0.0, 0.05))
    for name, squares in clean.good.items():
        differ = (squares != some.good[name]).any((1, 2, 3))
        assert differ.sum() == round(0.05 * len(squares))


def test_the_folders_are_read_as_they_were_made(folder: Path, tmp_path: Path) -> None:
    assert textures.main(["brick", "--out", str(tmp_path), "--textures", str(folder)]) == 0
    found, made = read_labelled(tmp_path), textured("brick", 0, folder)
    splits = load_images(DataConfig(str(tmp_path / "good"))).splits
    assert {name: len(index) for name, index in splits.items()} == {
        "train": TRAIN,
        "valid": len(made.good["val"]),
        "test": len(made.good["test"]),
    }
    for kind in (GOOD_FOLDER, *DEFECT_KINDS):
        one, other = np.array(found.kinds) == kind, np.array(made.kinds) == kind
        np.testing.assert_array_equal(found.images[one], made.test[other])
        read = np.stack([mask for mask, is_of in zip(found.masks, one, strict=True) if is_of])
        np.testing.assert_array_equal(read, made.masks[other])


def squares(n: int, seed: int) -> np.ndarray:
    """Smooth pictures of few degrees of freedom."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 3, 16)
    wave = np.sin(x[None, :, None] + rng.random((n, 1, 1))) * np.cos(x)[None, None]
    return (
        np.rint(110 + 100 * wave + rng.normal(0, 2, (n, 16, 16)))
        .clip(0, 255)
        .astype(np.uint8)[..., None]
    )


@pytest.mark.parametrize("method", ["pca", "forest", "nearest", "padim"])
@pytest.mark.parametrize("local", [True, False])
def test_baselines_find_a_spot(method: str, local: bool, tmp_path: Path) -> None:
    test = squares(40, 1)
    test[20:, 4:9, 6:10] = 255 - test[20:, 4:9, 6:10]
    found = scored(method, Problem({"train": squares(80, 0)}, test, local, 0, tmp_path))
    assert roc_auc_score(np.arange(40) >= 20, found.scores) > 0.8
    assert (found.maps is not None) or method == "forest" or (method == "nearest" and not local)
    if found.maps is not None:
        assert found.maps.shape == (40, 16, 16)
        assert found.maps[20:, 4:9, 6:10].mean() > found.maps[:20].mean()


def test_padim_is_the_mahalanobis_distance_of_each_place(tmp_path: Path) -> None:
    train, test = squares(300, 0), squares(5, 1)
    found = anomaly_methods.padim(Problem({"train": train}, test, False, 0, tmp_path))[1]
    good, new = (anomaly_methods._features(x, 16) for x in (train, test))
    slow = np.empty((5, *good.shape[2:]), np.float32)
    for y, x in np.ndindex(*good.shape[2:]):
        fitted = EmpiricalCovariance().fit(good[:, :, y, x])
        n = len(train)
        covariance = fitted.covariance_ * n / (n - 1) + 0.01 * np.eye(good.shape[1])
        away = new[:, :, y, x] - fitted.location_
        slow[:, y, x] = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away))
    expected = anomaly_methods._of_places(slow, (16, 16))[1]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def options(tmp_path: Path, folder: Path, words: list[str]) -> argparse.Namespace:
    return argparse.Namespace(cells=tmp_path, textures=folder, words=words)


def test_a_cell_is_kept_and_trials_are_no_part_of_the_tables(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = Cell("textures", "brick", "0", "forest", 0)
    first = run_cell(cell, options(tmp_path, folder, []))
    text = table(tmp_path, "textures")
    value = first["figures"]["all"]["image_auroc"]["value"]
    assert f"| brick | isolation forest of pixels | {value:.3f} (" in text
    assert "All training squares are good:" in text
    trial = options(tmp_path, folder, ["--epochs", "1"])
    record = json.loads(kept(cell, options(tmp_path, folder, [])).read_text())
    record["figures"]["all"]["image_auroc"]["value"] = 0.123
    kept(cell, trial).write_text(json.dumps(record))
    assert table(tmp_path, "textures") == text
    assert table(tmp_path, "alarms") == ""
    monkeypatch.setattr(anomaly, "computed", None)  # a second computation would fail
    assert run_cell(cell, options(tmp_path, folder, [])) == first


def test_tables_of_classes_and_alarms(tmp_path: Path) -> None:
    def record(part: str, of: str, which: int, method: str, seed: int, **found: object) -> None:
        cell = Cell(part, of, str(which), method, seed)
        given = {"cell": vars(cell), "seconds": 2.0, "note": "", "where": "here", **found}
        (tmp_path / f"{cell.name}.json").write_text(json.dumps(given))

    for seed in range(3):
        for which in range(10):
            value = {"value": 0.9 + 0.01 * seed + 0.002 * which}
            record("one-class", "mnist", which, "pca", seed, auroc=value)
            if which < 4:
                record("one-class", "fashion-mnist", which, "own", seed, auroc=value)
        shares = {"0.05": 0.04 + 0.01 * seed, "0.01": 0.01}
        record("alarms", "mnist", 1, "own", seed, shares=shares, fresh=1000, calibrated=900)
    text = table(tmp_path, "one-class")
    # The mean over classes is 0.909, 0.919 and 0.929.
    assert "| PCA reconstruction | 0.919 (0.909 to 0.929); 3 seeds |" in text
    assert "3 seeds, 4 of 10 classes" in text
    text = table(tmp_path, "alarms")
    assert "| 5 % | 5.00 % | 4.00 to 6.00 % | 3 | 900 | 1000 |" in text


def test_what_contamination_costs_is_by_seed(tmp_path: Path) -> None:
    def figures(value: float | None) -> dict[str, object]:
        one = {"value": value, "low": None, "high": None, "samples": 9}
        names = ("image_auroc", "best_f1", "pixel_auroc", "aupro")
        return {kind: dict.fromkeys(names, one) for kind in ("all", *DEFECT_KINDS)}

    for seed, (clean, spoiled) in enumerate([(0.99, 0.98), (0.9, 0.85), (0.95, 0.93)]):
        for share, value in (("0", clean), ("0.05", spoiled)):
            cell = Cell("textures", "brick", share, "padim", seed)
            found = {"cell": vars(cell), "seconds": 1.0, "note": "", "where": "here"}
            record = json.dumps({**found, "figures": figures(value)})
            (tmp_path / f"{cell.name}.json").write_text(record)
    text = table(tmp_path, "textures")
    assert "5 % of the training squares have a defect:" in text
    assert "0.930 (0.850 to 0.980) | 0.020 (0.010 to 0.050) | 0.020 (0.010 to 0.050) |" in text
    for block in text.split("\n\n"):
        assert len({line.count("|") for line in block.splitlines()}) == 1  # a whole table

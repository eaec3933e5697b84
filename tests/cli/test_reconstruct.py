import re

import numpy as np
from PIL import Image

from reparam.cli.tables import MEASURES
from reparam.evaluation import as_floats, decode, image_quality, reconstruct
from reparam.runs import Run

from .conftest import shapes


def test_sheet_images_and_figures(reparam, vae_run, tmp_path) -> None:
    out = tmp_path / "r"
    said = reparam("reconstruct", vae_run, "--out", out)
    assert said.status == 0
    assert len(list((out / "images").iterdir())) == 12
    # Twelve images, ten to a line: two lines of originals, each above its reconstructions.
    assert Image.open(out / "sheet.png").size == (5 * (2 + 10 * 14), 5 * (2 * (2 + 2 * 14) + 4))
    images = Run.open(vae_run).images().split_images("test")
    pixels = reconstruct(Run.open(vae_run).load_model(), images)
    expected = image_quality(pixels, as_floats(images))
    line = next(row for row in said.out.splitlines() if row.startswith("reconstruction"))
    shown = [float(number) for number in re.findall(r"-?[\d.]+", line)]
    for i, (key, (_, form)) in enumerate(MEASURES.items()):
        assert shown[2 * i] == float(f"{getattr(expected, key).mean:{form}}")
    assert "over 12 images" in said.out
    top_left = np.asarray(Image.open(out / "sheet.png"))[::5, ::5][2:14, 2:14]
    np.testing.assert_array_equal(top_left, images[0, :, :, 0])


def test_an_npz_keeps_the_labels_and_can_be_read_again(reparam, vae_run, tmp_path) -> None:
    first, second = tmp_path / "r.npz", tmp_path / "rr.npz"
    assert reparam("reconstruct", vae_run, "--out", first).status == 0
    said = reparam("reconstruct", vae_run, first, "--out", second)
    assert said.status == 0
    with np.load(first) as one, np.load(second) as two:
        np.testing.assert_array_equal(one["labels"], two["labels"])
        assert two["class_names"].tolist() == ["bar", "column", "square"]


def test_one_single_image(reparam, vae_run, tmp_path) -> None:
    np.save(tmp_path / "one.npy", shapes(1)[0])
    said = reparam("reconstruct", vae_run, tmp_path / "one.npy", "--out", tmp_path / "r")
    assert said.status == 0
    assert "over 1 image:" in said.out
    assert "nan" not in said.out


def test_a_known_name_is_no_folder_of_that_name(reparam, vae_run, tmp_path, monkeypatch) -> None:
    """Nor are the options of folders taken over for it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    said = reparam("encode", vae_run, "digits", "--out", "z.npz")
    assert "28 × 28 × 1" in said.err  # the run's images are of 12 × 12
    assert "--image-size" not in said.err


def test_bad_input_leaves_nothing_behind(refused, vae_run, tmp_path) -> None:
    bad = tmp_path / "bad.npy"
    np.save(bad, np.full((2, 12, 12), np.nan))
    assert "NaN" in refused("reconstruct", vae_run, bad, "--out", tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_refined_latents_reconstruct_better(reparam, vae_run, tmp_path) -> None:
    """The same pictures, closer; and `encode --refine` gives the latents that they come from."""
    for name, words in {"plain": (), "refined": ("--refine", 10)}.items():
        said = reparam("reconstruct", vae_run, "--out", tmp_path / f"{name}.npy", *words)
        assert said.status == 0
        said = reparam("encode", vae_run, "--out", tmp_path / f"z-{name}.npy", *words)
        assert said.status == 0
    model, images = Run.open(vae_run).load_model(), Run.open(vae_run).images().split_images("test")
    plain, close = (
        image_quality(as_floats(np.load(tmp_path / f"{name}.npy")), as_floats(images)).mse.mean
        for name in ("plain", "refined")
    )
    assert close < plain
    z = np.load(tmp_path / "z-refined.npy")
    assert np.abs(z - np.load(tmp_path / "z-plain.npy")).max() > 1e-3
    np.testing.assert_allclose(
        decode(model, z), as_floats(np.load(tmp_path / "refined.npy")), atol=0.51 / 255
    )


def test_steps_below_zero_are_refused(refused, vae_run, tmp_path) -> None:
    for command in ("reconstruct", "encode"):
        out = tmp_path / f"{command}.npy"
        assert "0 or more" in refused(command, vae_run, "--refine", -1, "--out", out)
        assert not out.exists()

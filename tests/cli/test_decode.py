import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image


@pytest.fixture
def latents(tmp_path):
    path = tmp_path / "z.csv"
    pd.DataFrame({"label": ["a", "b", "c"], "z1": [0.0, 1, -1], "z2": [0.5, 0, 2]}).to_csv(path)
    return path


def test_sheet_and_single_images(reparam, vae_run, latents, tmp_path) -> None:
    out = tmp_path / "decoded"
    said = reparam("decode", vae_run, latents, "--out", out)
    assert said.status == 0
    assert said.out.strip() == str(out)
    assert sorted(p.name for p in out.iterdir()) == ["images", "sheet.png"]
    names = sorted(p.name for p in (out / "images").iterdir())
    assert names == ["00000.png", "00001.png", "00002.png"]
    assert Image.open(out / "images" / "00000.png").size == (12, 12)
    assert Image.open(out / "sheet.png").size == (5 * (2 + 14 * 2), 5 * (2 + 14 * 2))


def test_array_file_holds_what_the_pictures_show(reparam, vae_run, latents, tmp_path) -> None:
    reparam("decode", vae_run, latents, "--out", tmp_path / "decoded")
    reparam("decode", vae_run, latents, "--out", tmp_path / "decoded.npy")
    array = np.load(tmp_path / "decoded.npy")
    assert array.dtype == np.uint8
    assert array.shape == (3, 12, 12, 1)
    picture = np.asarray(Image.open(tmp_path / "decoded" / "images" / "00002.png"))
    np.testing.assert_array_equal(array[2, :, :, 0], picture)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npy", "npz"])
def test_decoding_an_encoding_is_reconstructing(reparam, vae_run, tmp_path, suffix) -> None:
    latents = tmp_path / f"z.{suffix}"
    assert reparam("encode", vae_run, "--out", latents).status == 0
    assert reparam("decode", vae_run, latents, "--out", tmp_path / "d.npy").status == 0
    assert reparam("reconstruct", vae_run, "--out", tmp_path / "r.npy").status == 0
    np.testing.assert_array_equal(np.load(tmp_path / "d.npy"), np.load(tmp_path / "r.npy"))


def test_bad_latents_leave_nothing_behind(refused, vae_run, tmp_path) -> None:
    out = tmp_path / "out"
    three = tmp_path / "three.npy"
    np.save(three, np.zeros((4, 3)))
    text = tmp_path / "text.csv"
    text.write_text("z1,z2\n1,2\n3,four\n")
    (tmp_path / "z.txt").write_text("1 2")
    for latents, message in (
        (tmp_path / "no.csv", "no such file"),
        (tmp_path / "z.txt", "got .txt"),
        (three, "must have 2 dimensions, as the model's, got 3"),
        (text, "got 'four' in row 2 of column z2"),
    ):
        assert message in refused("decode", vae_run, latents, "--out", out)
    assert not out.exists()


def test_arrays_of_an_npz_file_are_one_for_each_latent(reparam, refused, vae_run, tmp_path):
    z, out = np.zeros((3, 2)), tmp_path / "out"
    file = tmp_path / "z.npz"
    for files in (np.array(["a", "b"]), np.array(["a", "b", "c"], object), np.array("a")):
        np.savez(file, z=z, files=files)
        assert "files must be an array of 3 strings" in refused(
            "decode", vae_run, file, "--out", out
        )
    with file.open("wb") as stream:  # an .npy file by another name
        np.save(stream, z)
    assert reparam("decode", vae_run, file, "--out", out).status == 0


def test_out_that_holds_other_things_is_never_replaced(refused, vae_run, latents, tmp_path) -> None:
    precious = tmp_path / "precious"
    (precious / "images").mkdir(parents=True)
    (precious / "images" / "me.png").write_bytes(b"my photograph")
    message = refused("decode", vae_run, latents, "--out", precious, "--overwrite")
    assert "holds other files ('images/me.png')" in message
    assert (precious / "images" / "me.png").read_bytes() == b"my photograph"
    assert "images must go to" in refused("decode", vae_run, latents, "--out", tmp_path / "a.png")


def test_results_are_replaced_with_overwrite_alone(reparam, refused, vae_run, latents, tmp_path):
    out = tmp_path / "out"
    assert reparam("sample", vae_run, "-n", 5, "--out", out).status == 0
    assert "--overwrite" in refused("decode", vae_run, latents, "--out", out)
    assert len(list((out / "images").iterdir())) == 5
    assert reparam("decode", vae_run, latents, "--out", out, "--overwrite").status == 0
    assert len(list((out / "images").iterdir())) == 3
    assert not (out / "latents.csv").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_unfinished_run(refused, vae_run, latents, tmp_path) -> None:
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / "config.json").write_bytes((vae_run / "config.json").read_bytes())
    assert "`reparam resume` it" in refused("decode", folder, latents)


WRITER = """
import sys
from pathlib import Path
from reparam.runs.lock import writing
with writing(Path(sys.argv[1])):
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_a_run_that_is_in_its_first_epoch(refused, vae_run, latents, tmp_path) -> None:
    """To resume it is no advice while another process trains it."""
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / "config.json").write_bytes((vae_run / "config.json").read_bytes())
    words = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        said = refused("decode", folder, latents)
        process.communicate(b"")
    assert "has not finished its first epoch. Fix: wait, it is training" in said


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_pictures_are_named_by_the_files_that_they_were_encoded_from(
    reparam, vae_run, tmp_path, suffix
) -> None:
    folder, latents = tmp_path / "photos", tmp_path / f"z.{suffix}"
    folder.mkdir()
    for i, name in enumerate(("cat.png", "a dog.png", "heron.png")):
        Image.fromarray(np.full((12, 12), 40 * i, np.uint8)).save(folder / name)
    assert reparam("encode", vae_run, folder, "--out", latents).status == 0
    assert reparam("decode", vae_run, latents, "--out", tmp_path / "out").status == 0
    names = {path.name for path in (tmp_path / "out" / "images").iterdir()}
    assert names == {"cat.png", "a dog.png", "heron.png"}
    table = pd.read_csv(tmp_path / "out" / "pictures.csv")
    assert sorted(table["file"]) == sorted(names)

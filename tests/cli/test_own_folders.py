"""Runs that lie among the pictures they were trained on, and pictures with several pages."""

import csv
import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from reparam import VAE, load
from reparam.data import DataConfig, load_images
from reparam.runs import Run

from .conftest import shapes, train_tiny


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """24 pictures in two classes."""
    folder = tmp_path / "pictures"
    for i, pixels in enumerate(shapes(24)[0]):
        place = folder / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{i:02}.png")
    return folder


@pytest.mark.parametrize("place", ["run", "a/run", "a/deep/run"])
def test_a_run_among_its_pictures_is_never_read_as_pictures(
    place: str, pictures: Path, reparam
) -> None:
    before = load_images(DataConfig(str(pictures)))
    run = train_tiny(pictures, pictures / place, "vae", "--sample-every", "1")
    assert len(list((run / "samples").glob("*.png"))) > 1
    (run / "figures").mkdir()
    Image.fromarray(shapes(1)[0][0]).save(run / "figures" / "1.png")  # as of a report
    assert reparam("reconstruct", run).status == 0  # to RUN/export
    after = load_images(DataConfig(str(pictures)))
    assert after.files == before.files
    assert after.class_names == ("a", "b")
    assert after.fingerprint() == before.fingerprint() == Run.open(run).facts.fingerprint
    assert reparam("resume", run, "--epochs", "3", "--quiet").status == 0
    assert len(Run.open(run).metrics()) == 3
    again = train_tiny(pictures, pictures / "again", "ae")
    assert Run.open(again).facts.fingerprint == before.fingerprint()


@pytest.mark.parametrize("place", [".", "a"])
def test_a_run_is_not_written_over_pictures(place: str, pictures: Path, refused) -> None:
    files = {path: path.read_bytes() for path in pictures.rglob("*.png")}
    for more in ((), ("--overwrite",)):
        said = refused("train", pictures, "--out", pictures / place, "--epochs", "1", *more)
        assert "holds other files" in said
    assert {path: path.read_bytes() for path in pictures.rglob("*.png")} == files


def test_runs_with_a_report_beside_them_are_left_out_too(pictures: Path) -> None:
    """As a demo or a sweep leaves them; a class that has a run in it stays one."""
    before = load_images(DataConfig(str(pictures)))
    for out in (pictures / "runs" / "demo", pictures / "a"):
        train_tiny(pictures, out / "vae", "vae")
        (out / "figures").mkdir()
        (out / "report.html").write_text("a report")
    Image.fromarray(shapes(1)[0][0]).save(pictures / "runs" / "demo" / "figures" / "1.png")
    (pictures / "a" / "report.html").rename(pictures.parent / "report.html")
    assert load_images(DataConfig(str(pictures))).files == before.files


def test_the_pages_of_a_run_are_read_as_in_training(tmp_path: Path, reparam) -> None:
    folder, run = tmp_path / "stacks", tmp_path / "run"
    folder.mkdir()
    for i in range(6):
        first, *rest = map(Image.fromarray, shapes(4, seed=i)[0])
        first.save(folder / f"{i}.tif", save_all=True, append_images=rest)
    train_tiny(folder, run, "vae", "--pages", "all")
    assert Run.open(run).config.data.pages == "all"
    for command, words in (
        ("encode", ["--split", "all", "--out", tmp_path / "own.csv"]),
        ("encode", [folder, "--out", tmp_path / "given.csv"]),
        ("reconstruct", [folder, "--out", tmp_path / "x.npz"]),
        ("denoise", [folder, "--out", tmp_path / "y.npz"]),
    ):
        said = reparam(command, run, *words)
        assert said.status == 0, said
        assert said.err.startswith("24 images of"), said
    own, given = ((tmp_path / f"{name}.csv").read_text() for name in ("own", "given"))
    assert own == given
    names = [row["file"] for row in csv.DictReader(own.splitlines())]
    assert names == [f"{i}.tif#{page}" for i in range(6) for page in (1, 2, 3, 4)]
    with np.load(tmp_path / "x.npz") as found:
        assert found["images"].shape[:3] == (24, 12, 12)
    said = reparam("info", folder, "--pages", "all")
    assert "24 .tif" in " ".join(said.out.split())
    assert "of files with several pages (6 of 6, such as '0.tif')" in reparam("info", folder).err


def test_a_folder_in_place_of_a_file_is_called_one(tmp_path: Path, refused) -> None:
    (tmp_path / "x.npy").mkdir()
    assert "x.npy: a folder of images needs image files, got none" in refused(
        "info", tmp_path / "x.npy"
    )
    (tmp_path / "file").write_text("")
    said = refused("info", "mnist", "--data-dir", tmp_path / "file")
    assert "--data-dir must be a folder that exists, got a file" in said


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """24 pictures of different sizes, grey and colour, and a file that is none."""
    folder, rng = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for i, pixels in enumerate(shapes(24)[0]):
        mode = "RGB" if i % 3 else "L"
        sides = rng.integers(17, 40, 2).tolist()
        Image.fromarray(pixels).convert(mode).resize(sides).save(folder / f"{i:02}.png")
    (folder / "notes.txt").write_text("of the photos")
    return folder


def test_pictures_of_many_sizes_need_no_option(photos: Path, tmp_path: Path, reparam) -> None:
    """The shape is said once, and is the run's from then on."""
    out = tmp_path / "run"
    words = ("--filters", "16", "--latent-dim", "3", "--components", "3", "--epochs", "1")
    said = reparam("train", photos, "--out", out, *words)
    assert said.status == 0, said.err
    assert said.err.count("24 pictures, ") == 1
    assert "sizes, grey and colour: read as 16 × 16 colour (--image-size" in said.err
    run = Run.open(out)
    assert (run.config.data.image_size, run.config.data.channels) == ((16, 16), 3)
    assert reparam("resume", out, "--epochs", "2", "--quiet").status == 0
    new = tmp_path / "new"
    new.mkdir()
    Image.new("RGB", (50, 70)).save(new / "one.png")
    assert reparam("encode", out, new, "--out", tmp_path / "latents.npz").status == 0
    assert reparam("train", photos, "--image-size", "8", "--dry-run").status == 0
    told = reparam("info", photos)
    assert told.status == 0, told.err
    assert "16 × 16 × 3" in told.out


@pytest.mark.parametrize(("size", "read"), [((300, 240), (64, 48)), ((256, 256), None)])
def test_photographs_of_one_camera_are_made_smaller(
    tmp_path: Path, reparam, size: tuple[int, int], read: tuple[int, int] | None
) -> None:
    """They agree in size, and at that size no model would be trained in a day."""
    folder, out = tmp_path / "photos", tmp_path / "run"
    folder.mkdir()
    for i in range(12):
        Image.new("RGB", size[::-1], (20 * i, 20, 200)).save(folder / f"{i}.png")
    said = reparam("train", folder, "--out", out, "--dry-run")
    assert said.status == 0, said.err
    assert json.loads(said.out)["data"]["image_size"] == (None if read is None else list(read))
    told = "pictures with a side above 256 pixels: read as 64 × 48 (--image-size and --fit"
    assert (told in said.err) is (read is not None)
    given = reparam("info", folder, "--image-size", "300x240", "--json")
    assert json.loads(given.out)["image_shape"] == [300, 240, 3]
    assert load_images(DataConfig(source=str(folder))).image_shape == (*size, 3)  # in Python


def test_a_sweep_of_pictures_of_many_sizes(photos: Path, tmp_path: Path, reparam) -> None:
    words = ("--filters", "16", "--latent-dim", "3", "--components", "3", "--epochs", "1")
    words += ("--test-fraction", "0.5", "--seeds", "1")
    said = reparam("sweep", photos, "--out", tmp_path / "sweep", *words)
    assert said.status == 0, said.err
    assert said.err.count("24 pictures, ") == 1
    (config,) = (Run.open(path.parent).config for path in tmp_path.glob("sweep/*/config.json"))
    assert config.data.image_size == (16, 16)


@pytest.mark.slow
def test_a_demo_takes_pictures_of_many_sizes(tmp_path: Path, reparam) -> None:
    """In the shape that is said, and it continues when the same command is given again."""
    folder, out = tmp_path / "mixed", tmp_path / "demo"
    folder.mkdir()
    for i, image in enumerate(shapes(24, size=20)[0]):
        size = (16 + 4 * (i % 3), 16)
        Image.fromarray(image).convert("RGB" if i % 2 else "L").resize(size).save(
            folder / f"{i}.png"
        )
    words = ("demo", folder, "--out", out)
    said = reparam(*words)
    assert said.status == 0, said
    assert "colour (--image-size" in said.err
    shape = Run.open(out / "ae").facts.image_shape
    assert shape == Run.open(out / "vae").facts.image_shape
    assert shape[2] == 3
    before = (out / "vae" / "result.json").read_bytes()
    assert reparam(*words).status == 0
    assert (out / "vae" / "result.json").read_bytes() == before


def test_pictures_that_were_moved(reparam, pictures: Path, tmp_path: Path) -> None:
    """Every command that reads them says what to do, and after that works as before."""
    run = train_tiny(pictures, tmp_path / "run", "vae")
    assert reparam("reconstruct", run, "--out", tmp_path / "before.npy").status == 0
    moved = pictures.rename(tmp_path / "moved")
    for command in ("reconstruct", "score", "report", "resume", "fit-prior", "compare"):
        said = reparam(command, run)
        assert said.status == 2
        assert f"its images are not at '{pictures}'. Fix:" in said.err, command
        assert f"reparam relocate {run} DATA" in said.err
    weights = (run / "model.safetensors").read_bytes()
    assert reparam("relocate", run, moved).status == 0
    assert (run / "model.safetensors").read_bytes() == weights
    assert reparam("reconstruct", run, "--out", tmp_path / "after.npy").status == 0
    assert (tmp_path / "after.npy").read_bytes() == (tmp_path / "before.npy").read_bytes()
    assert reparam("resume", run, "--epochs", 3, "--quiet").status == 0  # its checkpoint is its own


def test_a_run_is_not_moved_to_other_pictures(refused, pictures: Path, tmp_path: Path) -> None:
    run = train_tiny(pictures, tmp_path / "run", "vae")
    record = (run / "config.json").read_bytes()
    other = Path(shutil.copytree(pictures, tmp_path / "other"))
    next(other.rglob("*.png")).unlink()
    assert "other images or splits" in refused("relocate", run, other)
    assert "no such file or folder" in refused("relocate", run, tmp_path / "nowhere")
    assert (run / "config.json").read_bytes() == record


def test_names_in_the_other_unicode_form_are_the_same(
    reparam, pictures: Path, tmp_path: Path
) -> None:
    """macOS keeps é as e and an accent; who types it on another system gives one letter."""
    for name, other in (("a", "café"), ("b", "가방")):
        (pictures / name).rename(pictures / unicodedata.normalize("NFD", other))
    run = train_tiny(pictures, tmp_path / "run", "cvae")
    assert reparam("sample", run, "--class", "café", "-n", 2, "--out", tmp_path / "s").status == 0
    file = next(file for file in Run.open(run).images().files if "00" in file)
    one = unicodedata.normalize("NFC", file)
    assert one != file
    said = reparam("neighbours", run, pictures, "--of", one, "--out", tmp_path / "n")
    assert said.status == 0, said.err


def test_folders_with_a_dot_in_their_names_have_runs_of_their_own(
    reparam, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos.v1", "photos.v2"):
        shutil.copytree(pictures, name)
        said = reparam("train", name, "--recipe", "quick", "--epochs", 1, "--quiet")
        assert said.status == 0, said.err
    found = sorted(path.name for path in Path("runs").iterdir())
    assert found == ["photos.v1-vae", "photos.v2-vae"]


def test_a_run_of_arrays_finds_them_in_a_file(reparam, refused, pictures: Path, tmp_path) -> None:
    images, out = load_images(DataConfig(str(pictures))).images, tmp_path / "run"
    VAE(epochs=1, quiet=True, out=out).fit(images)
    assert f"reparam relocate {out} DATA" in refused("report", out, "--quiet")
    np.save(tmp_path / "same.npy", images)
    np.save(tmp_path / "other.npy", images[::-1])
    assert "other images" in refused("relocate", out, tmp_path / "other.npy")
    assert reparam("relocate", out, tmp_path / "same.npy").status == 0
    assert reparam("export", out, "--onnx", tmp_path / "onnx").status == 0


def test_changed_weights_find_the_images_of_training(reparam, pictures: Path, tmp_path) -> None:
    """As after fine-tuning in a loop of one's own."""
    fitted = load(train_tiny(pictures, tmp_path / "run", "vae"))
    with torch.no_grad():
        next(fitted.model_.decoder.parameters()).add_(0.1)
    fitted.save_pretrained(tmp_path / "tuned")
    tuned = tmp_path / "tuned"
    assert reparam("relocate", tuned, pictures).status == 0
    said = reparam("export", tuned, "--onnx", tmp_path / "onnx")
    assert said.status == 0, said.err

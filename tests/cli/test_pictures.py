"""A run of one's own pictures: names and sizes of files, in tables and written pictures."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reparam.evaluation import encode
from reparam.runs import Run

from .conftest import shapes, train_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 pictures in two classes, of other sizes and formats; 'same' is a name in both classes."""
    folder = tmp_path_factory.mktemp("photos")
    for i, pixels in enumerate(shapes(30)[0]):
        name = "same" if i < 2 else f"photo {i}"
        place = folder / ("cats", "dogs")[i % 2]
        place.mkdir(exist_ok=True)
        size = (24 + i, 20) if i % 3 else (30, 36)
        Image.fromarray(pixels).resize(size).save(place / f"{name}.{('png', 'bmp')[i % 2]}")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(folder, tmp_path_factory.mktemp("runs") / "run", "vae", "--image-size", "12")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_written_pictures_and_tables_name_the_files(reparam, run, tmp_path) -> None:
    assert reparam("encode", run, "--split", "all", "--out", tmp_path / "z.csv").status == 0
    files = [row["file"] for row in table(tmp_path / "z.csv")]
    for command in ("reconstruct", "denoise"):
        out = tmp_path / command
        assert reparam(command, run, "--split", "all", "--out", out).status == 0
        rows = table(out / "pictures.csv")
        assert [row["file"] for row in rows] == files
        assert [row["label"] for row in rows] == [file.split("/")[0] for file in files]
        assert {row["picture"] for row in rows} == {p.name for p in (out / "images").iterdir()}
        stems = {row["file"]: Path(row["picture"]).stem for row in rows}
        assert stems["cats/photo 2.png"] == "photo 2"
        assert stems["cats/same.png"] == "cats-same"
        assert stems["dogs/same.bmp"] == "dogs-same"
    quality = [float(row["mse"]) for row in table(tmp_path / "reconstruct" / "pictures.csv")]
    said = reparam("reconstruct", run, "--split", "all", "--out", tmp_path / "x.npz")
    assert f"{np.mean(quality):.5f} ±" in said.out
    assert reparam("reconstruct", run, "--out", tmp_path / "reconstruct", "--overwrite").status == 0


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("fit", ["resize", "crop"])
def test_denoised_pictures_have_the_sizes_of_their_files(
    reparam, run, folder, tmp_path, own: bool, fit: str
) -> None:
    source, out = () if own else (folder,), tmp_path / "d"
    said = reparam("denoise", run, *source, "--split", "all", "--fit", fit, "--out", out)
    assert said.status == 0, said.err
    assert ("--fit crop keeps" in said.err) == (fit == "crop")
    assert "resized from 12 × 12" in said.err
    for row in table(out / "pictures.csv"):
        paths = (out / "images" / row["picture"], folder / row["file"])
        written, original = (Image.open(path).size for path in paths)
        assert written == (original if fit == "resize" else (min(original),) * 2)
    said = reparam("denoise", run, *source, "--fit", fit, "--out", tmp_path / "x.npy")
    assert "all are 12 × 12, the run's size" in said.err
    assert np.load(tmp_path / "x.npy").shape[1:3] == (12, 12)


def test_a_picture_is_named_by_its_folder_without_the_suffix(reparam, run, tmp_path) -> None:
    said = reparam("neighbours", run, "--of", "cats/photo 4", "-k", 1, "--out", tmp_path / "near")
    assert said.status == 0, said.err
    assert [row["query"] for row in table(tmp_path / "near" / "neighbours.csv")] == [
        "cats/photo 4.png"
    ]


def test_neighbours_of_the_run_s_own_pictures(reparam, run, tmp_path) -> None:
    """By path, name, name without suffix, and position."""
    images = Run.open(run).images()
    z = encode(Run.open(run).load_model(), images.images)
    names = ("cats/same.png", "photo 3.bmp", "photo 4", "0")
    out = tmp_path / "near"
    said = reparam("neighbours", run, "--of", *names, "-k", 3, "--out", out)
    assert said.status == 0, said.err
    rows = table(out / "neighbours.csv")
    queries = ["cats/same.png", "dogs/photo 3.bmp", "cats/photo 4.png", images.files[0]]
    assert [row["query"] for row in rows] == list(np.repeat(queries, 3))
    assert [row["rank"] for row in rows] == ["1", "2", "3"] * 4
    for row in rows:
        query, index = images.files.index(row["query"]), int(row["index"])
        assert images.files[index] == row["neighbour"] != row["query"]
        assert row["label"] == row["neighbour"].split("/")[0]
        assert row["query_label"] == row["query"].split("/")[0]
        apart = np.linalg.norm(z - z[query], axis=1)
        assert float(row["distance"]) == pytest.approx(apart[index], rel=1e-4)
        assert (apart < apart[index] * (1 - 1e-4)).sum() == int(row["rank"])  # itself is one
        assert row["neighbour"] in said.out
    sheet = np.asarray(Image.open(out / "sheet.png"))[::5, ::5]
    assert sheet.shape[:2] == (2 + 4 * 14, 2 + 5 * 14)
    tiles = [sheet[2:14, 2 + column * 14 :][:, :12] for column in range(5)]
    np.testing.assert_array_equal(tiles[0], images.images[images.files.index(names[0]), :, :, 0])
    assert (tiles[1] == 255).all()
    np.testing.assert_array_equal(tiles[2], images.images[int(rows[0]["index"]), :, :, 0])


def test_no_picture_of_the_run_s_own_folder_is_its_own_neighbour(
    reparam, run, folder, tmp_path
) -> None:
    for number, data in enumerate(((), (folder,))):
        out = tmp_path / str(number)
        said = reparam("neighbours", run, *data, "--split", "all", "-k", 2, "--out", out)
        assert said.status == 0, said.err
    rows = table(tmp_path / "1" / "neighbours.csv")
    assert rows == table(tmp_path / "0" / "neighbours.csv")
    assert len(rows) == 2 * 30
    assert all(row["query"] != row["neighbour"] for row in rows)


def test_neighbours_of_other_pictures(reparam, run, folder, tmp_path) -> None:
    """A copy of one of the run's own is at distance 0 of it; what is found is of a split."""
    others = tmp_path / "others"
    others.mkdir()
    (others / "copy.png").write_bytes((folder / "cats" / "photo 6.png").read_bytes())
    Image.fromarray(shapes(1, seed=5)[0][0]).save(others / "new.png")
    for among in ("all", "train", "test"):
        out = tmp_path / among
        said = reparam("neighbours", run, others, "--among", among, "--out", out)
        assert said.status == 0, said.err
        rows = table(out / "neighbours.csv")
        assert {row["query"] for row in rows} == {"copy.png", "new.png"}
        images = Run.open(run).images()
        part = range(30) if among == "all" else images.splits[among]
        assert {int(row["index"]) for row in rows} <= set(part)
        assert len(rows) == 2 * min(8, len(part))
        if among == "all":
            assert rows[0]["neighbour"] == "cats/photo 6.png"
            assert float(rows[0]["distance"]) == pytest.approx(0, abs=1e-6)
    words = ("-k", 25, "--out", tmp_path / "all", "--overwrite")
    said = reparam("neighbours", run, others, *words)
    assert said.status == 0
    assert said.err.count("images of") == 1, "of DATA alone"
    assert len(table(tmp_path / "all" / "neighbours.csv")) == 2 * 25
    sheet = np.asarray(Image.open(tmp_path / "all" / "sheet.png"))[::5, ::5]
    assert sheet.shape[1] == 2 + (1 + 1 + 20) * 14, "the nearest 20 alone"


def test_neighbours_of_pictures_without_classes(reparam, tmp_path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    for i, pixels in enumerate(shapes(30)[0]):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    run = train_tiny(folder, tmp_path / "run", "vae")
    said = reparam("neighbours", run, "--of", "3", "-k", 2, "--out", tmp_path / "near")
    assert said.status == 0, said.err
    rows = table(tmp_path / "near" / "neighbours.csv")
    assert list(rows[0]) == ["query", "rank", "neighbour", "index", "distance"]
    assert "label" not in said.out
    for name in ("3.png", *(row["neighbour"] for row in rows)):
        assert name in said.out


def test_what_neighbours_refuses(refused, reparam, run, ae_run, tmp_path) -> None:
    for words, message in (
        (("-k", 0), "neighbours must be 1 or more, got 0"),
        (("--of", "same"), "must name one picture, got 'same', which is 2 ("),
        (("--of", "phto 4.png"), "unknown picture 'phto 4.png'; did you mean cats/photo 4.png"),
        (("--of", "99"), "unknown picture '99'; see the table of reparam encode"),
    ):
        err = reparam("neighbours", run, *words, "--out", tmp_path / "x").err
        assert message in err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sheet.png").write_bytes(b"mine")
    said = refused("neighbours", run, "--out", tmp_path / "mine", "--overwrite")
    assert "holds other files" in said
    assert reparam("neighbours", ae_run, "--of", "0", "--out", tmp_path / "a").status == 0
    assert table(tmp_path / "a" / "neighbours.csv")[0]["query"] == "0"


def test_one_number_is_a_square_in_a_file_too(reparam, folder, tmp_path) -> None:
    for i, value in enumerate(("64", '"64"', '"64x64"', "[64, 64]")):
        file = tmp_path / f"{i}.toml"
        file.write_text(f"[data]\nimage_size = {value}\n")
        said = reparam("train", folder, "--config", file, "--dry-run")
        assert '"image_size": [\n      64,\n      64\n    ]' in said.out, said

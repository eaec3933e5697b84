from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reparam.errors import ConfigError, DataError, DataRangeError, ReparamError, ShapeError
from reparam.export import LatentTable, read_latents, write_latents

SUFFIXES = ("csv", "parquet", "npy", "npz")


def table(n: int = 50, d: int = 12) -> LatentTable:
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(n, d)) * 10.0 ** rng.integers(-30, 30, (n, d))).astype(np.float32)
    log_var = rng.normal(size=(n, d)).astype(np.float32)
    labels = tuple(rng.choice(["T-shirt, top", 'with "quotes"', "각"], n))
    return LatentTable(np.arange(n) * 3, z, {"log_var": log_var}, labels)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_to_the_last_bit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"z.{suffix}"
    written = table()
    write_latents(path, written)
    np.testing.assert_array_equal(read_latents(path, 12), written.z)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_of_a_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"z.{suffix}"
    written = table(d=2)
    write_latents(path, written)
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[suffix](path)
    assert list(read) == ["index", "label", "z1", "z2", "log_var1", "log_var2"]
    assert tuple(read["label"]) == written.labels
    assert read["index"].tolist() == written.index.tolist()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_names_with_anything_in_them(tmp_path: Path, suffix: str) -> None:
    """Carriage returns within rows, and file names whose bytes are no text."""
    path = tmp_path / f"z.{suffix}"
    names = ("a\rb", "c\nd", "\x1b\u202e", "\udcff.png")
    z = np.eye(4, 2, dtype=np.float32)
    write_latents(path, LatentTable(np.arange(4), z, labels=names, files=names))
    np.testing.assert_array_equal(read_latents(path, 2), z)
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[suffix](path)
    assert read["label"].tolist() == read["file"].tolist() == [*names[:3], "\\udcff.png"]


def test_npz_needs_no_pickle(tmp_path: Path) -> None:
    written = table()
    write_latents(tmp_path / "z.npz", written)
    with np.load(tmp_path / "z.npz", allow_pickle=False) as arrays:
        assert tuple(arrays["labels"]) == written.labels
        np.testing.assert_array_equal(arrays["log_var"], written.more["log_var"])
        np.testing.assert_array_equal(arrays["index"], written.index)


def test_columns_in_any_order_and_beside_others(tmp_path: Path) -> None:
    path = tmp_path / "z.csv"
    path.write_text("z2,name,z10,z1,z3,z4,z5,z6,z7,z8,z9\n" + "2,a,10,1,3,4,5,6,7,8,9\n")
    np.testing.assert_array_equal(read_latents(path, 10), [np.arange(1, 11)])


def test_numbers_alone_need_no_header(tmp_path: Path) -> None:
    path = tmp_path / "z.csv"
    path.write_text("0.5,1\n2,-3e-2\n")
    np.testing.assert_array_equal(read_latents(path, 2), np.float32([[0.5, 1], [2, -0.03]]))
    path.write_text("0.5,0.5\n1,2\n")  # of which pandas makes the names 0.5 and 0.5.1
    np.testing.assert_array_equal(read_latents(path, 2), np.float32([[0.5, 0.5], [1, 2]]))
    path.write_text("0.0,0.0\n")
    np.testing.assert_array_equal(read_latents(path, 2), np.float32([[0, 0]]))
    path.write_text("x,y\n0.5,1\n")
    np.testing.assert_array_equal(read_latents(path, 2), np.float32([[0.5, 1]]))


BAD_TABLES: list[tuple[str, type[ReparamError], str]] = [
    ("", DataError, "readable .csv file"),
    ("z1,z2\n", DataError, "at least one latent, got none"),
    ("z1,z2,z3\n1,2,3\n", ShapeError, "must have 2 dimensions, as the model's, got 3 (z1, z2, z3)"),
    ("z1,z3\n1,2\n", DataError, "got no z2"),
    ("z1,z2\n1,two\n", DataError, "got 'two' in row 1 of column z2"),
    ("z1,z2\n1,2\n3,\n", DataRangeError, "got nan in row 2, z2 (1 in all)"),
    ("z1,z2\n1,inf\n", DataRangeError, "got inf in row 1, z2"),
    ("z1,z2\n1,1e60\n", DataRangeError, "got 1e+60 in row 1, z2"),
    ("a,b\nx,1\n", DataError, "name the columns of the latents z1, z2"),
    ('z1,z2\n"1,2\n', DataError, "readable .csv file"),
]


@pytest.mark.parametrize(("text", "kind", "message"), BAD_TABLES)
def test_bad_csv(tmp_path: Path, text: str, kind: type[ReparamError], message: str) -> None:
    path = tmp_path / "z.csv"
    path.write_text(text)
    with pytest.raises(kind) as caught:
        read_latents(path, 2)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_bad_files(tmp_path: Path) -> None:
    cases: list[tuple[str, type[ReparamError], str]] = [
        ("missing.csv", DataError, "no such file"),
        ("z.xlsx", DataError, "latents must be in a .csv, .parquet, .npy or .npz file"),
        ("broken.parquet", DataError, "readable .parquet file"),
        ("broken.npy", DataError, "readable .npy file"),
        ("broken.npz", DataError, "readable .npz file"),
        ("pickle.npy", DataError, "readable .npy file"),
        ("other.npz", DataError, "an array named z, got images"),
        ("flat.npy", ShapeError, "got an array of shape (6,)"),
        ("text.npy", DataError, "must be numbers, got dtype <U1"),
        ("nan.npy", DataRangeError, "got nan in row 1, column 2"),
        ("none.npy", DataError, "got none"),
    ]
    for name in ("z.xlsx", "broken.parquet", "broken.npy", "broken.npz"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 nothing of the kind")
    np.save(tmp_path / "pickle.npy", np.array([{}, {}], object))
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    np.save(tmp_path / "flat.npy", np.zeros(6))
    np.save(tmp_path / "text.npy", np.full((2, 2), "a"))
    np.save(tmp_path / "nan.npy", np.array([[0, np.nan]]))
    np.save(tmp_path / "none.npy", np.zeros((0, 2)))
    (tmp_path / "folder.csv").mkdir()
    for name, kind, message in [*cases, ("folder.csv", DataError, "must be a file, got a folder")]:
        with pytest.raises(kind) as caught:
            read_latents(tmp_path / name, 2)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "z.csv"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        write_latents(path, table())
    assert path.read_text() == "mine"
    write_latents(path, table(), overwrite=True)
    assert len(read_latents(path, 12)) == 50
    with pytest.raises(ConfigError, match=r"latents must go to a \.csv"):
        write_latents(tmp_path / "z.json", table())

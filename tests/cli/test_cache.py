"""reparam cache: what it lists, finds damaged, and removes."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reparam.data import DataConfig, cached_sets, folder, load_images
from reparam.data.cache import cache_root, locked


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, which every folder goes through, however small."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(folder, "MAPPED_FROM", 0)


@pytest.fixture
def sets(tmp_path: Path) -> list[Path]:
    """Two folders of pictures, decoded: one as it is, one by options."""
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for i in range(5):
            pixels = rng.integers(0, 256, (9, 7, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    load_images(DataConfig(str(tmp_path / "one")))
    load_images(DataConfig(str(tmp_path / "two"), image_size=(4, 6), fit="crop", channels=1))
    return [tmp_path / "one", tmp_path / "two"]


def entry_of(pictures: Path) -> Path:
    (found,) = (each.path for each in cached_sets() if each.folder == str(pictures))
    return found


def test_an_empty_cache(reparam) -> None:
    assert reparam("cache").out == "0 sets of decoded pictures, 0.0 MB\n"
    assert reparam("cache", "verify").status == 0
    assert reparam("cache", "clear").out == "removed 0 sets of decoded pictures, 0.0 MB\n"
    assert not cache_root().exists()


def test_list_says_what_is_there(sets: list[Path], reparam) -> None:
    said = reparam("cache")
    assert said.status == 0
    text = re.sub(r"\s+", "", said.out)  # of a narrow terminal
    assert "5×9×7×3" in text
    assert "5×4×6×1" in text
    assert "--channels" in text
    assert "2setsofdecodedpictures" in text
    expected = [((5, 9, 7, 3), ""), ((5, 4, 6, 1), "--image-size 4 6 --fit crop --channels 1")]
    for each, (shape, options) in zip(sets, expected, strict=True):
        (found,) = (c for c in cached_sets() if c.folder == str(each))
        assert (found.shape, found.options) == (shape, options)
        assert found.size > np.prod(shape)


def test_the_last_used_one_comes_first(sets: list[Path]) -> None:
    import os

    os.utime(entry_of(sets[0]), (1, 1))
    assert cached_sets()[0].folder == str(sets[1])
    os.utime(entry_of(sets[1]), (1, 1))
    load_images(DataConfig(str(sets[0])))  # from the cache
    assert cached_sets()[0].folder == str(sets[0])


def test_verify_reads_all_and_removes_what_is_damaged(sets: list[Path], reparam, refused) -> None:
    said = reparam("cache", "verify")
    assert said.status == 0
    assert said.out.count(" ok\n") == 2
    pixels = entry_of(sets[0]) / "pixels.bin"
    content = bytearray(pixels.read_bytes())
    content[500] ^= 1
    pixels.write_bytes(content)
    said = reparam("cache", "verify", sets[1])
    assert said.out.count(" ok\n") == 1
    said = reparam("cache", "verify")
    assert said.status == 2
    assert "block 1 of pixels.bin has another digest" in said.out
    assert "got 1 of 2 damaged" in said.err
    assert [each.folder for each in cached_sets()] == [str(sets[1])]
    assert reparam("cache", "verify").status == 0


def test_clear_removes_those_that_are_named(sets: list[Path], tmp_path: Path, reparam) -> None:
    download = tmp_path / "cache/reparam/mnist/t10k-labels-idx1-ubyte.gz"
    download.parent.mkdir()
    download.write_bytes(bytes(2_000_000))
    said = reparam("cache", "clear", entry_of(sets[0]).name[:6])
    assert said.out.startswith("removed 1 set of decoded pictures, 0.0 MB")
    assert [each.folder for each in cached_sets()] == [str(sets[1])]
    (cache_root() / ".unfinished-x").mkdir()
    (cache_root() / "notes.txt").write_text("not ours")
    assert reparam("cache", "clear").out.startswith("removed 1 set")
    assert sorted(p.name for p in cache_root().iterdir()) == [".lock", "notes.txt"]
    assert download.exists()
    assert "2.0 MB" in reparam("cache", "clear", "--downloads").out
    assert not download.exists()
    assert all(len(list(each.iterdir())) == 5 for each in sets), "the pictures themselves stay"


def test_a_folder_is_not_the_beginning_of_another_sets_name(
    sets: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reparam
) -> None:
    letter = entry_of(sets[1]).name[0]
    named = sets[0].rename(tmp_path / letter)
    load_images(DataConfig(str(named)))
    monkeypatch.chdir(tmp_path)
    assert reparam("cache", "clear", letter).out.startswith("removed 1 set")
    assert str(sets[1]) in [each.folder for each in cached_sets()]
    assert str(named) not in [each.folder for each in cached_sets()]


def test_mistakes(sets: list[Path], refused) -> None:
    assert "no set 'three' (known: " in refused("cache", "list", "three")
    assert "one of list, verify, clear, got 'purge'" in refused("cache", "purge")
    assert "--downloads is for clear" in refused("cache", "--downloads")
    with locked(cache_root()):
        said = refused("cache", "clear")
    assert "got a process that writes to it" in said
    assert len(cached_sets()) == 2


@pytest.mark.parametrize("what", ["file", "link", "facts", "no facts"])
def test_strange_entries_are_listed_and_cleared(
    what: str, sets: list[Path], tmp_path: Path, reparam
) -> None:
    path = entry_of(sets[0])
    if what in ("file", "link"):
        shutil.rmtree(path)
    if what == "file":
        path.write_text("")
    elif what == "link":
        path.symlink_to(sets[0])
    elif what == "facts":
        (path / "facts.json").write_text(json.dumps({"facts": {"broken": [1]}, "digest": ""}))
    else:
        (path / "facts.json").unlink()
    said = reparam("cache")
    assert said.status == 0
    assert "unreadable" in said.out
    assert reparam("cache", "verify").status == 2
    assert [each.folder for each in cached_sets()] == [str(sets[1])]
    assert len(list(sets[0].iterdir())) == 5


def test_a_cache_that_cannot_be_used(sets: list[Path], tmp_path: Path, monkeypatch, refused):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    said = refused("info", sets[0])
    assert f"{tmp_path / 'file' / 'reparam' / 'pictures'}: reparam's cache must be a folder" in said
    assert "got Not a directory. Fix: " in said
    assert "XDG_CACHE_HOME" in said

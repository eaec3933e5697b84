"""A kept bundle is used where it is of the same runs, options and code, and in no other case."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reparam.evaluation.judge.judge import _path
from reparam.explorer import bundle_key, keep_bundle, kept_bundle
from reparam.explorer.kept import KEPT

FILES = {"data/manifest.json": b"{}", "data/vae/mu.bin": bytes(range(256)) * 4}


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two folders with files such as runs have."""
    folders = [tmp_path / "a" / "ae", tmp_path / "a" / "vae"]
    for folder in folders:
        (folder / "export").mkdir(parents=True)
        for name in ("config.json", "metrics.jsonl", "model.safetensors"):
            (folder / name).write_text(f"{name} of {folder.name}")
    return folders


def test_it_comes_back_as_it_was(runs: list[Path]) -> None:
    """One run's and a pair's, each by its own."""
    for shown, files in ((runs, FILES), (runs[:1], {"data/manifest.json": b"one"})):
        key = bundle_key(shown, {"images": 7})
        assert kept_bundle(shown, key) is None
        keep_bundle(shown, key, files)
        assert kept_bundle(shown, key) == files
    assert kept_bundle(runs, bundle_key(runs, {"images": 7})) == FILES
    assert kept_bundle(runs, bundle_key(runs, {"images": 8})) is None


CHANGES: dict[str, Callable[[list[Path]], object]] = {
    "weights": lambda runs: (runs[1] / "model.safetensors").write_text("trained on"),
    "a prior fitted since": lambda runs: (runs[0] / "prior.safetensors").write_text("prior"),
    "a scorecard made since": lambda runs: (runs[0] / "scorecard.json").write_text("{}"),
    "metrics cut": lambda runs: (runs[1] / "metrics.jsonl").write_text(""),
    "the table": lambda runs: (runs[0].parent / "table.csv").write_text("index,size\n0,2\n"),
    "the name": lambda runs: runs.__setitem__(1, runs[1].rename(runs[1].with_name("other"))),
    "their order": lambda runs: runs.reverse(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_made_again(runs: list[Path], change: str) -> None:
    table = runs[0].parent / "table.csv"
    table.write_text("index,size\n0,1\n")
    before = bundle_key(runs, {"images": 7, "columns": table})
    assert bundle_key(runs, {"images": 7, "columns": table}) == before
    CHANGES[change](runs)
    assert bundle_key(runs, {"images": 7, "columns": table}) != before


def test_what_is_not_of_the_bundle_changes_nothing(runs: list[Path]) -> None:
    before = bundle_key(runs, {})
    keep_bundle(runs, before, FILES)
    (runs[0] / "report.html").write_text("a report")
    assert bundle_key(runs, {}) == before


@pytest.mark.parametrize("cut", [0, 1, 30, 400, 1200])
def test_a_damaged_one_is_none(runs: list[Path], cut: int) -> None:
    key = bundle_key(runs, {})
    keep_bundle(runs, key, FILES)
    file = runs[0] / KEPT[1]
    data = bytearray(file.read_bytes())
    if cut:
        data[cut] ^= 0xFF
    file.write_bytes(data if cut else data[: len(data) // 2])
    found = kept_bundle(runs, key)
    assert found is None or found == FILES


def test_a_flag_or_a_kind_that_cannot_be_read_is_none(runs: list[Path]) -> None:
    """Encrypted, and packed in a way that there is not, as far as the archive says."""
    key = bundle_key(runs, {})
    keep_bundle(runs, key, FILES)
    whole = (runs[0] / KEPT[1]).read_bytes()
    entry = whole.index(b"PK\x01\x02")
    for byte, value in ((entry + 8, 1), (entry + 10, 99), (entry + 10, 8)):
        data = bytearray(whole)
        data[byte] = value
        (runs[0] / KEPT[1]).write_bytes(data)
        assert kept_bundle(runs, key) is None


def test_a_judge_makes_another_bundle(runs: list[Path], tmp_path: Path, monkeypatch) -> None:
    """Its classes are a column."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = bundle_key(runs, {})
    cache = _path("of some images")
    cache.parent.mkdir(parents=True)
    cache.touch()
    assert bundle_key(runs, {}) != before


def test_a_file_of_the_page_is_never_taken_from_it(runs: list[Path]) -> None:
    """A run from somebody else must not bring scripts."""
    key = bundle_key(runs, {})
    keep_bundle(runs, key, {**FILES, "index.html": b"<script>1</script>"})
    assert zipfile.is_zipfile(runs[0] / KEPT[1])
    assert kept_bundle(runs, key) is None

"""Folders too large for memory: decoded once into a cache, mapped from there."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reparam.data import DataConfig, ImageSet, cache_facts, folder, load_images
from reparam.data import cache as cache_module
from reparam.data.cache import Entry, cache_root
from reparam.data.listing import Picture
from reparam.data.picture import Shape
from reparam.data.pictures import decode_all
from reparam.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, which every folder goes through, however small."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(folder, "MAPPED_FROM", 0)
    return cache_root()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """40 noisy pictures in two classes."""
    rng = np.random.default_rng(0)
    for i in range(40):
        path = tmp_path / "pictures" / "ab"[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8)).save(path)
    return tmp_path / "pictures"


def load(source: Path, **options: object) -> ImageSet:
    return load_images(DataConfig(str(source), **options))


def entries() -> list[str]:
    return sorted(p.name for p in cache_root().iterdir() if p.name != ".lock")


def is_mapped(images: ImageSet) -> bool:
    base: object = images.images
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


def test_the_cache_gives_what_memory_gives(pictures, monkeypatch) -> None:
    cached, again = load(pictures), load(pictures)
    assert is_mapped(cached)
    monkeypatch.setattr(folder, "MAPPED_FROM", 2**30)
    monkeypatch.setattr(folder.Entry, "read", lambda _self: None)
    plain = load(pictures)
    assert not is_mapped(plain)
    assert cached.fingerprint() == again.fingerprint() == plain.fingerprint()
    assert cached.labels.tolist() == plain.labels.tolist() == [0] * 20 + [1] * 20


def test_a_set_is_decoded_once(pictures, monkeypatch) -> None:
    first = load(pictures)

    def never(*_args: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(folder, "look_at_all", never)
    monkeypatch.setattr(folder, "decode_all", never)
    assert load(pictures).fingerprint() == first.fingerprint()
    whole = load(pictures, train_size=4, split_seed=3)
    assert len(whole.splits["train"]) == 4, "splits are no part of the key"


def test_in_parallel_as_one_after_another(pictures) -> None:
    files = [Picture(path) for path in sorted(pictures.rglob("*.png"))]
    config = DataConfig(fit="crop")
    (several, one) = (
        np.concatenate(list(decode_all(files, Shape(5, 5, 1), config, {}, workers=workers)))
        for workers in (8, 1)
    )
    np.testing.assert_array_equal(several, one)


@pytest.mark.parametrize("change", ["pixels", "time", "name", "more", "fewer"])
def test_changed_files_are_decoded_anew_and_the_old_entry_goes(pictures, change) -> None:
    before = load(pictures)
    old = entries()
    file = pictures / "a" / "00.png"
    match change:
        case "pixels":
            Image.fromarray(np.zeros((9, 7, 3), np.uint8)).save(file)
        case "time":
            os.utime(file, (1, 1))
        case "name":
            file.rename(file.with_name("99.png"))
        case "more":
            Image.fromarray(np.zeros((9, 7, 3), np.uint8)).save(pictures / "b" / "new.png")
        case "fewer":
            file.unlink()
    after = load(pictures)
    assert len(entries()) == 1
    assert entries() != old
    assert (after.fingerprint() == before.fingerprint()) == (change == "time")


def test_options_that_change_pixels_are_part_of_the_key(pictures) -> None:
    small = load(pictures, image_size=(4, 4))
    for options in ({"channels": 1}, {"fit": "crop"}, {"image_size": (4, 5)}, {}):
        other = load(pictures, **{"image_size": (4, 4), **options})
        assert (other.fingerprint() == small.fingerprint()) == (not options)
    assert len(entries()) == 4, "one beside the other"


def test_broken_files_are_left_out_and_named_each_time(pictures) -> None:
    whole = (pictures / "a" / "00.png").read_bytes()
    (pictures / "a" / "00.png").write_bytes(whole[:-40])
    (pictures / "b" / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"1 of 41 files that cannot be read: 'a/00.png'"):
        load(pictures)
    assert entries() == []
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"left out 2 of 41 files"):
            images = load(pictures, skip_broken=True)
        assert images.labels.tolist() == [0] * 19 + [1] * 20
        assert len(images) == 39


@pytest.mark.parametrize("damage", ["pixels.bin", "facts.json"])
def test_a_damaged_entry_is_built_again(pictures, damage) -> None:
    before = load(pictures).fingerprint()
    file = cache_root() / entries()[0] / damage
    file.write_bytes(file.read_bytes()[:-20])
    assert load(pictures).fingerprint() == before
    assert load(pictures).fingerprint() == before


def test_no_room_is_said_before_the_work(pictures, monkeypatch) -> None:
    import shutil

    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=100))
    with pytest.raises(DataError, match=r"got 0\.0 GB free. Fix: free space"):
        load(pictures)
    assert entries() == []


BUILD = """
import sys, time
from reparam.data import DataConfig, folder, load_images
from reparam.data.pictures import decode_all
folder.MAPPED_FROM = 0

def slow(*args):
    for part in decode_all(*args):
        for row in range(len(part)):
            yield part[row:row + 1]
            print(row, flush=True)
            time.sleep(float(sys.argv[2]))

folder.decode_all = slow
print(load_images(DataConfig(sys.argv[1])).fingerprint())
"""


def build_in_process(pictures: Path, pause: float) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", BUILD, str(pictures), str(pause)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_a_killed_build_leaves_nothing(pictures) -> None:
    process = build_in_process(pictures, 60)
    assert process.stdout is not None
    process.stdout.readline()
    assert [name[:12] for name in entries()] == [".unfinished-"]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    images = load(pictures)
    assert len(images) == 40
    assert len(entries()) == 1
    assert not entries()[0].startswith(".")


def test_two_builders_of_one_set_take_turns(pictures) -> None:
    first = build_in_process(pictures, 0.02)
    assert first.stdout is not None
    first.stdout.readline()
    second = build_in_process(pictures, 0.02)
    said = [process.communicate(timeout=60)[0].splitlines() for process in (first, second)]
    assert said[0][-1] == said[1][-1]
    assert len(said[1]) == 1, "the second one found it there"
    assert len(entries()) == 1


def test_an_interrupted_build_leaves_nothing(pictures) -> None:
    def stop(_what: str, done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_images(DataConfig(str(pictures)), stop)
    time.sleep(0.01)
    assert not cache_root().exists() or entries() == []


def test_progress_comes_to_its_end(pictures) -> None:
    told: list[tuple[str, int, int]] = []
    load_images(DataConfig(str(pictures)), lambda *each: told.append(each))
    assert told == [("headers", 40, 40), ("pictures", 40, 40)]


def test_small_sets_do_not_touch_the_cache(pictures, monkeypatch) -> None:
    monkeypatch.setattr(folder, "MAPPED_FROM", 40 * 9 * 7 * 3 + 1)
    assert not is_mapped(load(pictures))
    assert not cache_root().exists()


def test_the_entry_knows_links_to_nowhere(pictures) -> None:
    (pictures / "a" / "gone.png").symlink_to(pictures / "nowhere")
    files = sorted(pictures.rglob("*.png"))
    assert Entry.of(pictures, files, DataConfig(str(pictures))).read() is None


def damaged_bytes(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def change_facts(path: Path, name: str, value: object) -> None:
    record = json.loads(path.read_text())
    record["facts"][name] = value
    path.write_text(json.dumps(record))


DAMAGE = {
    "a bit": lambda entry: damaged_bytes(entry / "pixels.bin", 3000),
    "the last bit": lambda entry: damaged_bytes(entry / "pixels.bin", -1),
    "too long": lambda entry: (entry / "pixels.bin").open("ab").write(b"x"),
    "no pixels": lambda entry: (entry / "pixels.bin").unlink(),
    "pixels a folder": lambda entry: as_folder(entry / "pixels.bin"),
    "shape": lambda entry: change_facts(entry / "facts.json", "shape", [40, 7, 9, 3]),
    "broken": lambda entry: change_facts(entry / "facts.json", "broken", [1]),
    "types": lambda entry: change_facts(entry / "facts.json", "pages", {"a": "b"}),
    "a list": lambda entry: (entry / "facts.json").write_text("[1]"),
    "old": lambda entry: (entry / "facts.json").write_text('{"shape": [40, 9, 7, 3]}'),
    "deep": lambda entry: (entry / "facts.json").write_text("[" * 100_000 + "]" * 100_000),
    "not text": lambda entry: (entry / "facts.json").write_bytes(b"\xff\xfe"),
    "no facts": lambda entry: (entry / "facts.json").unlink(),
    "facts a folder": lambda entry: as_folder(entry / "facts.json"),
    "a pipe": lambda entry: as_pipe(entry / "facts.json"),
    "a file": lambda entry: (shutil.rmtree(entry), entry.write_text("")),
    "a link": lambda entry: (entry.rename(entry.parent / "away"), entry.symlink_to("nowhere")),
}


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_said_once_and_repaired(pictures, damage) -> None:
    before = load(pictures).fingerprint()
    DAMAGE[damage](cache_root() / entries()[0])
    with pytest.warns(UserWarning, match=r"are damaged \(.*\), and are decoded again") as said:
        after = load(pictures)
    assert len([each for each in said if each.category is UserWarning]) == 1
    assert after.fingerprint() == before
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*damaged")
        assert load(pictures).fingerprint() == before


def test_every_block_is_looked_at_sooner_or_later(pictures, monkeypatch) -> None:
    """Where a start looks at some of many."""
    monkeypatch.setattr(cache_facts, "BLOCK", 100)
    monkeypatch.setattr(cache_module, "BLOCK", 100)
    monkeypatch.setattr(cache_module, "SAMPLED", 20)
    load(pictures)
    damaged_bytes(cache_root() / entries()[0] / "pixels.bin", 5000)  # one of 76 blocks
    with warnings.catch_warnings(record=True) as said:
        warnings.filterwarnings("always", message=".*damaged")
        for _ in range(200):
            if not said:
                load(pictures)
    assert "block 51 of pixels.bin has another digest" in str(said[0].message)


def test_pages_are_remembered(pictures) -> None:
    pages = [Image.fromarray(np.full((9, 7, 3), level, np.uint8)) for level in (9, 99, 199)]
    pages[0].save(pictures / "a" / "zz.tif", save_all=True, append_images=pages[1:])
    every, again = load(pictures, pages="all"), load(pictures, pages="all")
    assert every.files == again.files
    assert every.files is not None
    assert every.files[20:23] == ("a/zz.tif#1", "a/zz.tif#2", "a/zz.tif#3")
    assert every.images[20:23, 0, 0, 0].tolist() == [9, 99, 199]
    assert every.fingerprint() == again.fingerprint()
    for _ in range(2):
        with pytest.warns(UserWarning, match="several pages"):
            first = load(pictures)
        assert len(first) == 41
    assert len(entries()) == 2


@pytest.mark.parametrize("place", ["cache", "reparam", "pictures", ".lock"])
def test_a_cache_that_cannot_be_written_is_named(pictures, tmp_path, monkeypatch, place) -> None:
    """Also by root, who may write anywhere: something else is in its place."""
    parts = ("cache", "reparam", "pictures", ".lock")
    path = tmp_path / "other" / Path(*parts[: parts.index(place) + 1])
    path.parent.mkdir(parents=True)
    if place == ".lock":
        path.mkdir()
    else:
        path.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other" / "cache"))
    with pytest.raises(DataError, match="reparam's cache must be a folder that it may write to"):
        load(pictures)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("damaged", [False, True], ids=["nothing there", "over a damaged one"])
def test_a_kill_at_any_call_leaves_the_right_pictures(pictures, damaged: bool) -> None:
    """Killed before the first call that touches the cache, before the second, and so on."""
    expected = load(pictures).fingerprint()
    kills = 0
    while True:
        for name in entries():
            if damaged:
                damaged_bytes(cache_root() / name / "pixels.bin", 10)
            else:
                shutil.rmtree(cache_root() / name)
        if not killed_at(kills, pictures):
            break
        kills += 1
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*damaged")
            assert load(pictures).fingerprint() == expected
        assert len(entries()) == 1
        assert load(pictures).fingerprint() == expected
    assert kills >= 8


def killed_at(number: int, pictures: Path) -> bool:
    """Whether a child that loads the pictures came to that call."""
    child = os.fork()
    if child == 0:
        cache, calls = str(cache_root()), iter(range(number))

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            watched = event.startswith(("open", "os.", "shutil.", "tempfile."))
            if watched and any(cache in str(each) for each in arguments) and next(calls, -1) < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        warnings.simplefilter("ignore")
        try:
            load(pictures)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

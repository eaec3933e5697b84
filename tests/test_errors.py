"""What a message says of a name that there is not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.errors import (
    SHORT_LIST,
    ConfigError,
    RunError,
    check_positive,
    either,
    near_names,
    unknown_name,
)
from reparam.runs import Run

MANY = tuple(f"option-number-{i}" for i in range(70))


@given(st.text(max_size=20), st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), max_size=80))
def test_names_are_three_at_most_unless_they_are_few(found: str, known: list[str]) -> None:
    said = unknown_name("option", found, known, see="x --help")
    rest = said.removeprefix(f"unknown option {found!r}")
    hint, _, listed = rest.partition(" (known: ")
    assert bool(listed) == (len(known) <= SHORT_LIST)
    assert len(hint.split(",")) <= 2
    assert ("see x --help" in rest) == (not listed and not hint.startswith("; did you mean"))


def test_near_names_come_nearest_first() -> None:
    near = "unknown option 'option-number-7'; did you mean option-number-7"
    assert unknown_name("option", "option-number-7", MANY).startswith(near)
    assert unknown_name("option", "zzz", MANY, "x --help") == "unknown option 'zzz'; see x --help"
    assert unknown_name("model", "vea", ["vae", "ae"]).endswith("vae? (known: ae, vae)")


def test_dashes_make_no_flags_alike() -> None:
    assert near_names("--out", ["--fit", "--runs"]) == []
    assert near_names("--epoch", ["--epochs", "--fit"]) == ["--epochs"]
    assert near_names("--outt", ["--fit", "--out"]) == ["--out"]


def test_one_of_several() -> None:
    assert [either("abc"[:n]) for n in (1, 2, 3)] == ["a", "a or b", "a, b or c"]


@pytest.mark.parametrize("wrong", ["runs/photos", "runs/photo-vae", "runs"])
def test_a_folder_that_is_no_run_has_the_runs_that_may_be_meant(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/photos-vae").mkdir(parents=True)
    Path("runs/photos-vae/config.json").touch()
    Path("runs/photo").mkdir()
    with pytest.raises(RunError, match=r"; did you mean runs/photos-vae\? Fix: "):
        Run.open(Path(wrong))


def test_a_run_with_no_other_near_it(tmp_path: Path) -> None:
    for place, rule in ((tmp_path, "not a run folder"), (tmp_path / "x" / "y", "no such run")):
        with pytest.raises(RunError, match=rf"{rule}[^?]*\. Fix: "):
            Run.open(place)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"count": 0}, "count must be 1 or more, got 0. Fix: raise it"),
        ({"fine": 1, "widths": (3, -2, 0)}, "widths must be 1 or more, got -2. Fix: raise it"),
        ({"count": 1, "none": None, "widths": (), "more": (1, 2)}, None),
    ],
)
def test_options_of_one_or_more(options: dict, says: str | None) -> None:
    if says is None:
        check_positive(**options)
        return
    with pytest.raises(ConfigError) as error:
        check_positive(**options)
    assert str(error.value) == says

"""Runs whose files are damaged at random: a command refuses one in one line, or does what it does
with an undamaged one. The slow test has every preset.

Expected is the output of the same command on the whole run; where a file was removed that a run may
be without (a fitted prior, a scorecard, a result, metrics), the output on a run that never had it.
"""

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from sklearn.datasets import load_digits

from reparam.cli import main
from reparam.runs import PRESETS
from reparam.runs.json_file import with_digest

SMALL = ("--latent-dim", 2, "--batch-size", 20, "--precision", "float32", "--quiet")
SCORE = ("--draws", 20, "--likelihood-images", 1, "--likelihood-samples", 10, "--quiet")

OPTIONAL = ("result.json", "metrics.jsonl", "scorecard.json", "prior.safetensors")
"""Without one of these a run is whole: it has not come so far, or was never scored."""

DEEP = "[" * 100_000 + "]" * 100_000


@dataclass(frozen=True)
class Said:
    """What a command line did: its exit status, and its text on both streams."""

    status: int
    out: str
    err: str


def reparam(*words: object) -> Said:
    """Runs the command as the console script does, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["reparam", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = main.main()
    return Said(status, out.getvalue(), err.getvalue())


def done(*words: object) -> None:
    said = reparam(*words)
    assert said.status == 0, said.err


Output = tuple[Any, ...]
"""What of a command's work must be the same for equal runs."""


def info(run: Path, out: Path) -> tuple[Said, Output]:
    said = reparam("info", run, "--json")
    return said, (said.out,)


def written(*words: object) -> Callable[[Path, Path], tuple[Said, Output]]:
    """A command that writes one file."""

    def call(run: Path, out: Path) -> tuple[Said, Output]:
        file = out / "out.npz"
        said = reparam(words[0], run, *words[1:], "--out", file)
        if said.status:
            assert not file.exists()
            return said, ()
        with np.load(file) as arrays:
            return said, tuple((name, arrays[name].tobytes()) for name in sorted(arrays.files))

    return call


def resume(run: Path, out: Path) -> tuple[Said, Output]:
    said = reparam("resume", run, "--epochs", 3, "--quiet")
    return said, () if said.status else ((run / "model.safetensors").read_bytes(),)


def score(run: Path, out: Path) -> tuple[Said, Output]:
    said = reparam("score", run, *SCORE, "--json")
    if said.status:
        return said, ()
    (card,) = json.loads(said.out)
    return said, tuple(sorted((n, m["value"]) for n, m in card["measures"].items()))


QUICK = {
    "info": info,
    "sample": written("sample", "-n", 3),
    "encode": written("encode"),
    "reconstruct": written("reconstruct"),
}
COMMANDS = {**QUICK, "resume": resume, "score": score}


@dataclass(frozen=True)
class Kit:
    """A run with every file that it may have, and another run of the same preset."""

    run: Path
    other: Path

    def files(self) -> list[str]:
        """And folders."""
        found = [path for path in self.run.rglob("*") if not path.name.startswith(".")]
        return sorted(path.relative_to(self.run).as_posix() for path in found)

    @cache  # noqa: B019, of a few kits that live as long as the module
    def expected(self, command: str, missing: str) -> Output:
        """What a command gives on the whole run, or on one without an optional file."""
        run = self.copy()
        if missing:
            (run / missing).unlink()
        said, output = COMMANDS[command](run, run.parent)
        assert said.status == 0 or missing, said.err
        return output

    def copy(self) -> Path:
        """The run under the same path each time: some output has it in it."""
        place = self.run.parent / "copy"
        shutil.rmtree(place, ignore_errors=True)
        return Path(shutil.copytree(self.run, place / "run"))


@pytest.fixture(scope="module", params=list(PRESETS))
def kit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    folder = tmp_path_factory.mktemp("kit")
    digits = load_digits()
    pixels = np.rint(digits.images[:100] * (255 / 16)).astype(np.uint8)
    np.savez(folder / "digits.npz", images=pixels, labels=digits.target[:100])
    for seed in (0, 1):
        out = folder / str(seed)
        train = ("train", folder / "digits.npz", "--model", request.param, "--out", out)
        done(*train, *SMALL, "--epochs", 2, "--sample-every", 2, "--seed", seed)
        done("fit-prior", out, "--prior", "gaussian", "--overwrite", "--quiet")
    return Kit(folder / "0", folder / "1")


@pytest.fixture
def scored_kit(kit: Kit) -> Kit:
    for run in (kit.run, kit.other):
        done("score", run, *SCORE)
    return kit


def values_in(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value within JSON."""
    if path:
        yield path
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from values_in(value, (*path, key))


JUNK: list[Any] = [None, True, -1, 10**30, 1.5, float("inf"), "x", "\x1b[31m\u202e", [], [1], {}]


def with_junk(draw: DrawFn, tree: dict[str, Any]) -> dict[str, Any]:
    """The JSON with a value of another type in it, or without one."""
    path = draw(st.sampled_from(list(values_in(tree))))
    place = tree
    for key in path[:-1]:
        place = place[key]
    if isinstance(place, dict) and draw(st.booleans()):
        del place[path[-1]]
    else:
        place[path[-1]] = draw(st.sampled_from(JUNK))
    return tree


def change_json(draw: DrawFn, file: Path, run_id: str, forged: bool) -> None:
    """Wrong types, with the digest that was there, or, ``forged``, with a right one."""

    def changed(text: str) -> str:
        tree = json.loads(text)
        had = tree.pop("digest", None)
        tree = with_junk(draw, tree)
        if forged:
            return json.dumps(with_digest(tree, "" if file.name == "config.json" else run_id))
        return json.dumps(tree if had is None else {**tree, "digest": had})

    if file.suffix == ".jsonl":
        lines = file.read_text().splitlines(keepends=True)
        number = draw(st.integers(0, len(lines) - 1))
        lines[number] = changed(lines[number]) + "\n"
        file.write_text("".join(lines))
    elif file.suffix == ".json":
        file.write_text(changed(file.read_text()))
    else:
        data = file.read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        inner = json.loads(header["__metadata__"]["reparam"])
        if forged:
            del inner["digest"]  # as in files from before there was one
        header["__metadata__"]["reparam"] = json.dumps(with_junk(draw, inner))
        text = json.dumps(header).encode()
        file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])


def make_deep(draw: DrawFn, file: Path) -> None:
    if file.suffix == ".safetensors" and draw(st.booleans()):
        data = file.read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        header["__metadata__"]["reparam"] = DEEP
        text = json.dumps(header).encode()
        file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    else:
        file.write_text(DEEP + "\n" * draw(st.integers(0, 1)))


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


HOLDS_JSON = (".json", ".jsonl", ".safetensors")


def damage(draw: DrawFn, kit: Kit, run: Path) -> tuple[str, str]:
    """Damages the copy ``run``: which file, and how."""
    name = draw(st.sampled_from(kit.files()))
    file, other = run / name, kit.other / name
    kinds = ["delete", "link", "other"]
    if file.is_file():
        kinds += ["bit", "bit", "cut", "folder"]
        kinds += ["types", "forged", "deep"] if file.suffix in HOLDS_JSON else []
    else:
        kinds += ["file"]
    kind = draw(st.sampled_from(kinds))
    match kind:
        case "bit":
            data = bytearray(file.read_bytes())
            data[draw(st.integers(0, len(data) - 1))] ^= 1 << draw(st.integers(0, 7))
            file.write_bytes(data)
        case "cut":
            data = bytearray(file.read_bytes())
            file.write_bytes(data[: draw(st.integers(0, len(data) - 1))])
        case "types" | "forged":
            run_id = json.loads((kit.run / "config.json").read_text())["id"]
            change_json(draw, file, run_id, forged=kind == "forged")
        case "deep":
            make_deep(draw, file)
        case "link":
            remove(file)
            targets = {"nowhere": run / "no such", "itself": file, "folder": run, "other": other}
            file.symlink_to(targets[draw(st.sampled_from(list(targets)))])
        case "other":
            remove(file)
            copy = shutil.copytree if other.is_dir() else shutil.copyfile
            copy(other, file)
        case _:
            remove(file)
            if kind == "folder":
                file.mkdir()
            elif kind == "file":
                file.write_text("x")
    return name, kind


def check_damaged(draw: DrawFn, kit: Kit, commands: Iterable[str]) -> None:
    run = kit.copy()
    name, kind = damage(draw, kit, run)
    command = draw(st.sampled_from(list(commands)))
    said, output = COMMANDS[command](run, run.parent)
    about = f"{command} with {name}: {kind}, exit {said.status} {said.err}"
    if said.status:
        assert said.status == 2, about
        assert said.err.startswith("reparam: error: "), about
        assert said.err.count("\n") == 1, about
    elif command == "info" and "fitted prior that cannot be used" in output[0]:
        assert f"{run / name}" in output[0]  # it says what is wrong, and shows the rest
    elif kind != "forged":  # another value with a right digest is another run
        gone = not (run / name).exists() and name in OPTIONAL
        assert output == kit.expected(command, name if gone else ""), about


def cases(each: int) -> settings:
    return settings(
        max_examples=each,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


# What differs in files: a posterior without variance, a learned prior, a classifier.
@pytest.mark.parametrize("kit", ["vae", "ae", "vamp", "m2"], indirect=True)
@cases(12)
@given(data=st.data())
def test_damage_is_refused_in_one_line_or_changes_nothing(kit: Kit, data) -> None:
    check_damaged(data.draw, kit, QUICK)


@pytest.mark.slow
@cases(91)
@given(data=st.data())
def test_more_damage_and_more_commands(scored_kit: Kit, data) -> None:
    check_damaged(data.draw, scored_kit, COMMANDS)

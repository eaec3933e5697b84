"""A stranger's run: what its names and files hold is shown by the terminal, not obeyed."""

import html
import json
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from reparam.cli.progress import step_progress
from reparam.cli.reading import reading_progress
from reparam.runs import Run
from reparam.runs.json_file import with_digest

from .conftest import Command, Said, shapes, train_tiny

CLASSES = ("\x1b[31mred\x07", "\u202ebar\u2066", "$x^$ [/b]\r\x9b")
COMMAND = "reparam train x\n\x1b]0;title\x07\u202e; \udcff"
NAME = "run\x1b[2J\u202e [/x] $\\frac$"
SCORE = ("--draws", 40, "--likelihood-images", 1, "--likelihood-samples", 10)
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def obeyed(text: str) -> set[str]:
    """What a terminal would act on."""
    own = {c for c in text if unicodedata.category(c) in ("Cc", "Cs") or c in DIRECTIONS}
    return own - {"\n", "\t"}


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with such class names, and such a folder, command and warning."""
    folder = tmp_path_factory.mktemp("strange")
    images, labels = shapes(60)
    source = folder / "a\x1b\u202e.npz"
    np.savez(source, images=images, labels=labels, class_names=np.array(CLASSES))
    run = train_tiny(source, folder / NAME, "vae")
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    changed = with_digest({**config, "command": COMMAND}, "")  # a stranger writes a right digest
    (run / "config.json").write_text(json.dumps(changed), encoding="utf-8")
    first, *rest = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    line = {**json.loads(first), "warnings": {"odd": "\x1b[1mbold\x08\u2067\x85"}}
    text = "\n".join([json.dumps(with_digest(line, config["id"])), *rest]) + "\n"
    (run / "metrics.jsonl").write_text(text, encoding="utf-8")
    return run


def test_every_command_shows_them(reparam: Command, strange: Path, tmp_path: Path) -> None:
    def call(*args: object, status: int = 0) -> Said:
        said = reparam(*args)
        assert said.status == status, said
        assert not obeyed(said.out + said.err), (args, obeyed(said.out + said.err))
        return said

    said = call("info", strange).out
    joined = "".join(said.split())
    assert r"reparamtrainx\n\x1b]0;title\x07\u202e;\udcff" in joined
    assert r"warning, epoch 1: \x1b[1mbold\x08\u2067\x85" in said
    facts = json.loads(call("info", strange, "--json").out)
    assert (facts["command"], facts["path"]) == (COMMAND, str(strange))
    source = facts["config"]["data"]["source"]
    assert r"\x1b[31mred\x07" in call("info", source).out
    assert tuple(json.loads(call("info", source, "--json").out)["counts"]["train"]["classes"])
    assert r"a\x1b\u202e" in call("encode", strange).err
    call("sample", strange, "-n", 2)
    call("reconstruct", strange)
    call("denoise", strange)
    call("neighbours", strange)
    call("decode", strange, strange / "export" / "latents.csv", "--out", tmp_path / "x\x07.npy")
    said = call("score", strange, *SCORE)
    assert r"a\x1b\u202e" in said.out
    assert r"a\x1b\u202e" in call("score", strange, "--against", strange, *SCORE).out
    call("compare", strange, *SCORE, "--out", tmp_path / "comparison.html")
    call("report", strange, "--out", tmp_path / "report.html")
    call("train", source, "--out", strange, status=2)
    call("fit-prior", strange, "--prior", "gaussian")
    call("resume", f"{strange}\x1b\n", status=2)
    call("train", source, "--config", f"{strange}\u202e.toml", status=2)
    call(f"\x1b{strange}", status=2)
    for page in ("comparison.html", "report.html"):
        seen = html.unescape((tmp_path / page).read_text(encoding="utf-8"))
        assert not obeyed(seen), page
    assert r"reparam train x\n\x1b]0;title\x07\u202e; \udcff" in seen
    assert Run.open(strange).facts.class_names == CLASSES  # files have the names themselves


def test_bars_of_a_terminal_show_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside their own colours and movements."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with reading_progress() as progress:
        assert progress is not None
        progress(NAME, 1, 3)
    with step_progress(NAME, quiet=False) as measured:
        assert measured is not None
        measured(NAME, 1, 3)
    said = capsys.readouterr().err
    assert r"reading run\x1b[2J\u202e [/x] $" in said
    assert "\x1b[2J" not in said
    assert not obeyed(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", said))

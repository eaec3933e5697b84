"""What a terminal obeys, in text from outside."""

import json
import math
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reparam.cli.terminal import print_json
from reparam.errors import ConfigError, DataError, RunError
from reparam.printable import note, printable, printable_json, printable_lines, say

DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)])) + DIRECTIONS + "\u2028\u2029\udcff"

names = st.text(st.one_of(st.characters(), st.sampled_from(UNSEEN)))
"""Any text, surrogates among it, often with what a terminal obeys."""


def is_harmless(text: str) -> bool:
    return not any(
        unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in DIRECTIONS for c in text
    )


@given(names)
@example(UNSEEN)
def test_nothing_is_left_that_a_terminal_obeys(name: str) -> None:
    shown = printable(name)
    assert is_harmless(shown)
    assert printable(shown) == shown
    assert len(shown.splitlines()) <= 1
    assert is_harmless(printable_lines(name).replace("\n", "").replace("\t", ""))
    assert is_harmless(str(DataError(f"{name}: must be read. Fix: rename it")))


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"])))
@example("한글 폴더, café, naïve, 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿, σ² ≤ 1, C:\\new")
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert printable(text) == printable_lines(text) == printable_json(text) == text


def test_what_is_unseen_is_written_as_in_python() -> None:
    assert printable("a\x1b[2Jb\r\n\x9b\u202ec\udcff") == r"a\x1b[2Jb\r\n\x9b\u202ec\udcff"
    assert printable_lines("a\n\tb\r\x07") == "a\n\tb\\r\\x07"


@given(names)
@example(UNSEEN)
def test_json_keeps_its_value(name: str) -> None:
    text = printable_json(json.dumps({name: name}, indent=2, ensure_ascii=False))
    assert json.loads(text) == {name: name}
    assert is_harmless(text.replace("\n", ""))


@pytest.mark.parametrize("error", [ConfigError, DataError, RunError])
def test_messages_show_names(error: type[Exception]) -> None:
    assert str(error("a\x1b]0;b\x07\nc")) == r"a\x1b]0;b\x07\nc"


def test_lines_go_where_they_belong(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb")
    note("c\x1b")
    print_json(["\u202e", "한"])
    said = capsys.readouterr()
    assert said.out == 'a\\nb\n[\n  "\\u202e",\n  "한"\n]\n'
    assert said.err == "c\\x1b\n"


def test_printed_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Other languages refuse Python's NaN and Infinity."""
    print_json({"psnr": math.inf, "of": (1.5, -math.inf, {"x": math.nan}), "NaN": "Infinity"})
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found == {"psnr": None, "of": [1.5, None, {"x": None}], "NaN": "Infinity"}

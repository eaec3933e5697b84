"""What a message says of a name that there is not."""

from hypothesis import given
from hypothesis import strategies as st

from reparam.errors import SHORT_LIST, either, unknown_name

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


def test_one_of_several() -> None:
    assert [either("abc"[:n]) for n in (1, 2, 3)] == ["a", "a or b", "a, b or c"]

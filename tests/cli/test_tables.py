"""Tables on terminals that are narrower than their words."""

import pytest

from reparam.cli.tables import new_table, print_table


def test_a_narrow_terminal_cuts_no_word_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    table = new_table()
    for title in ("measure", "value", "interval"):
        table.add_column(title)
    table.add_row("k-nearest-neighbour trustworthiness", "0.123456", "0.100000 to 0.150000")
    print_table(table)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 24
    said = "".join("".join(lines).split())
    assert "…" not in said
    letters = "k-nearest-neighbourtrustworthiness0.1234560.100000to0.150000measurevalueinterval"
    assert sorted(said) == sorted(letters)

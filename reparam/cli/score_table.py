"""Scorecards on the terminal, and what they say of the article's claims."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from reparam.cli.group_table import ends_text, print_verdicts
from reparam.cli.tables import by_topic, named, new_table, print_table
from reparam.evaluation import (
    MEASURES,
    Difference,
    Entry,
    Group,
    Measured,
    Scorecard,
    figure_text,
    ideal_text,
    in_words,
    interval_text,
    measured_text,
    p_text,
)
from reparam.printable import say


def print_scorecards(cards: Sequence[Scorecard]) -> None:
    """Two tables for each: what needs no prior, and what does with a column for each prior."""
    for card in cards:
        table, without = _plain_table(card)
        print_table(table, _title(card))
        for line in without:
            say(line)
        table, without = _prior_table(card)
        print_table(
            table, f"{card.title}: {card.draws:,} draws of each prior, the first one is its own"
        )
        for line in without:
            say(line)
    print_verdicts([Group(card.title, (card,), {}) for card in cards])


def print_differences(rows: Sequence[Difference], card: Scorecard, first: str, second: str) -> None:
    """Row by row, how the first of two runs differs from the second."""
    table = new_table()
    table.add_column("measure")
    for title in (first, second, "difference, 95 %", "p", f"{first} is"):
        table.add_column(title, justify="right")
    known = {row.entry: row for row in rows if {row.found.value, row.other.value} != {None}}
    for entry in by_topic(table, known):
        row = known[entry]
        decided = row.decided
        table.add_row(
            named(entry),
            *(measured_text(found, entry) for found in (row.found, row.other)),
            ends_text(row.gain, entry),
            "" if decided.holm is None else p_text(decided.holm),
            in_words(decided.word),
        )
    print_table(table, f"{card.images:,} {card.split} images of {card.source}, own priors")
    say(
        f"difference: above 0 where {first} is better (of the rate, larger). p: two-sided, "
        "corrected for the number of tests in the table by Holm's method, which decides at 0.05"
    )
    if paired := [row.entry.en for row in rows if row.images]:
        say(f"paired image by image: {', '.join(paired)}; the others are not paired")
    if without := [row.entry.en for row in rows if row.entry not in known]:
        say(f"not measured: {', '.join(without)}")


def _title(card: Scorecard) -> str:
    return (
        f"{card.title} on {card.images:,} {card.split} images of {card.source}, "
        f"{card.latent_dim} latent dimensions, {card.seconds:.0f} s"
    )


def _plain_table(card: Scorecard) -> tuple[Table, list[str]]:
    """What is measured, and in words what is not."""
    table = new_table()
    table.add_column("measure")
    for title in ("", "95 % interval", "ideal", "p"):
        table.add_column(title, justify="right")
    known = {
        entry: card.find(name)
        for name, entry in MEASURES.items()
        if not entry.by_prior and card.has(name)
    }
    measured = {entry: found for entry, found in known.items() if found.value is not None}
    for entry in by_topic(table, measured):
        found = measured[entry]
        interval = interval_text(found, entry)
        cells = measured_text(found, entry), interval, ideal_text([found], entry), _p(found)
        table.add_row(named(entry), *cells)
    return table, _without(known)


def _prior_table(card: Scorecard) -> tuple[Table, list[str]]:
    """What some prior has, and in words what none has."""
    table = new_table()
    table.add_column("measure")
    for scores in card.priors:
        table.add_column(scores.name, justify="right")
    table.add_column("ideal", justify="right")
    known = {
        entry: [card.find(name, scores.kind) for scores in card.priors]
        for name, entry in MEASURES.items()
        if entry.by_prior and card.has(name)
    }
    measured = {
        entry: several
        for entry, several in known.items()
        if any(found.value is not None for found in several)
    }
    for entry in by_topic(table, measured):
        several = measured[entry]
        cells = [figure_text(found, entry) for found in several]
        table.add_row(named(entry), *cells, ideal_text(several, entry))
    return table, _without(
        {entry: several[0] for entry, several in known.items() if entry not in measured}
    )


def _without(known: Mapping[Entry, Measured]) -> list[str]:
    """A line for each reason why some of these have no value."""
    without: dict[str, list[str]] = {}
    for entry, found in known.items():
        if found.value is None:
            without.setdefault(found.note, []).append(entry.en.removeprefix("… of which "))
    return [f"not measured: {', '.join(names)}: {why}" for why, names in without.items()]


def _p(found: Measured) -> str:
    return "" if found.p_value is None else p_text(found.p_value)

"""Scorecards on the terminal, and what they say of the article's claims."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from reparam.cli.group_table import HOLM, print_verdicts
from reparam.cli.tables import new_table, print_table
from reparam.evaluation import (
    MEASURES,
    TOPICS,
    Difference,
    Entry,
    Group,
    Interval,
    Measured,
    Scorecard,
    figure_text,
    ideal_text,
    in_words,
    interval_text,
    measured_text,
    p_text,
    p_values_text,
    value_text,
)
from reparam.printable import say


def print_scorecards(cards: Sequence[Scorecard]) -> None:
    """Two tables for each: what needs no prior, and what does with a column for each prior."""
    for card in cards:
        print_table(_plain_table(card), _title(card))
        draws = f"{card.title}: {card.draws:,} draws of each prior, the first one is its own"
        print_table(_prior_table(card), draws)
    print_verdicts([Group(card.title, (card,), {}) for card in cards])


def print_differences(rows: Sequence[Difference], card: Scorecard, first: str, second: str) -> None:
    """Row by row, how the first of two runs differs from the second."""
    table = new_table()
    table.add_column("measure")
    for title in (first, second, "difference (95 %)", "matters", "p / Holm", "images"):
        table.add_column(title, justify="right")
    table.add_column(f"{first} is")
    for row in rows:
        entry, gain = row.entry, row.gain
        table.add_row(
            _named(entry).strip(),
            *(measured_text(found, entry) for found in (row.found, row.other)),
            "–" if gain is None else _around(gain, entry),
            value_text(entry.matters, entry),
            p_values_text(row.decided),
            _pairs(row),
            in_words(row.decided.word),
        )
    print_table(table, f"{card.images:,} {card.split} images of {card.source}, own priors")
    say(
        f"difference: above 0 where {first} is better (of the rate, larger); over images: paired "
        f"image by image. {HOLM}"
    )


def _pairs(row: Difference) -> str:
    if row.gain is None:
        return ""
    return f"{row.images:,}" if row.images else row.gain.pairing


def _around(gain: Interval, entry: Entry) -> str:
    value, low, high = (value_text(end, entry) for end in (gain.value, gain.low, gain.high))
    return f"{value} ({low} to {high})"


def _title(card: Scorecard) -> str:
    return (
        f"{card.title} on {card.images:,} {card.split} images of {card.source}, "
        f"{card.latent_dim} latent dimensions, {card.seconds:.0f} s"
    )


def _plain_table(card: Scorecard) -> Table:
    table = new_table()
    table.add_column("measure")
    for title in ("", "95 % interval", "ideal", "p"):
        table.add_column(title, justify="right")
    for name, entry in _by_topic(table, card, by_prior=False):
        found = card.find(name)
        if found.value is None:
            table.add_row(_named(entry), "–", found.note)
        else:
            interval = interval_text(found, entry)
            cells = measured_text(found, entry), interval, ideal_text([found], entry), _p(found)
            table.add_row(_named(entry), *cells)
    return table


def _prior_table(card: Scorecard) -> Table:
    table = new_table()
    table.add_column("measure")
    for scores in card.priors:
        table.add_column(scores.name, justify="right")
    table.add_column("ideal", justify="right")
    for name, entry in _by_topic(table, card, by_prior=True):
        several = [card.find(name, scores.kind) for scores in card.priors]
        cells = [figure_text(found, entry) for found in several]
        table.add_row(_named(entry), *cells, ideal_text(several, entry))
    return table


def _by_topic(table: Table, card: Scorecard, *, by_prior: bool) -> Iterator[tuple[str, Entry]]:
    """The measures of a table in order; each topic first gets a line of its own."""
    for topic, words in TOPICS.items():
        mine = [
            (name, entry)
            for name, entry in MEASURES.items()
            if entry.topic == topic and entry.by_prior == by_prior and card.has(name)
        ]
        if mine:
            table.add_row(words.en, style="bold")
        yield from mine


def _named(entry: Entry) -> str:
    return f"  {entry.en}{f' ({entry.unit})' if entry.unit else ''}"


def _p(found: Measured) -> str:
    return "" if found.p_value is None else p_text(found.p_value)

"""Scorecards side by side on the terminal, and what they say of the article's claims."""

from collections.abc import Sequence

from rich.table import Table

from reparam.cli.group_table import print_verdicts
from reparam.cli.tables import new_table, print_table
from reparam.evaluation import MEASURES, TOPICS, Group, Measured, Scorecard
from reparam.evaluation.scoring.catalogue import Entry
from reparam.evaluation.scoring.words import interval_text, value_text


def print_scorecards(cards: Sequence[Scorecard]) -> None:
    """A table of the measures that need no prior, one for each prior, and the verdicts."""
    for card in cards:
        print_table(_table(card), _title(card))
    print_verdicts([Group(card.title, (card,), {}) for card in cards])


def _title(card: Scorecard) -> str:
    return (
        f"{card.title} on {card.images:,} {card.split} images of {card.source}, "
        f"{card.latent_dim} latent dimensions, seed {card.seed}, {card.seconds:.0f} s"
    )


def _table(card: Scorecard) -> Table:
    table = new_table()
    table.add_column("measure")
    table.add_column("", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("an ideal model", justify="right")
    table.add_column("p", justify="right")
    for topic, words in TOPICS.items():
        rows = [(n, e) for n, e in MEASURES.items() if e.topic == topic]
        shown = [row for name, entry in rows for row in _rows(card, name, entry)]
        if shown:
            table.add_row(words.en, style="bold")
            for row in shown:
                table.add_row(*row)
    return table


def _rows(card: Scorecard, name: str, entry: Entry) -> list[tuple[str, ...]]:
    if not entry.by_prior:
        return [_row(entry.en, card.find(name), entry)]
    several = len(card.priors) > 1
    return [
        _row(
            f"{entry.en}{f' · {scores.description}' if several else ''}",
            scores.measures[name],
            entry,
        )
        for scores in card.priors
        if name in scores.measures
    ]


def _row(title: str, found: Measured, entry: Entry) -> tuple[str, ...]:
    unit = f" ({entry.unit})" if entry.unit else ""
    if found.value is None:
        return (f"  {title}{unit}", "–", found.note, "", "")
    p = "" if found.p_value is None else f"{found.p_value:.3f}"
    return (
        f"  {title}{unit}",
        value_text(found.value, entry),
        interval_text(found, entry),
        "" if found.reference is None else value_text(found.reference, entry),
        p,
    )

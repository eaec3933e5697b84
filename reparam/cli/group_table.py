"""Groups of scorecards side by side on the terminal, with what their differences decide."""

from collections.abc import Sequence

from reparam.cli.tables import new_table, print_table
from reparam.evaluation import (
    MEASURES,
    TOPICS,
    Entry,
    Group,
    Interval,
    along_axis,
    claim_pair,
    figure_text,
    ideal_text,
    improvement,
    in_words,
    tally,
    trends,
    value_text,
    verdicts,
)
from reparam.printable import say


def print_groups(groups: Sequence[Group]) -> None:
    """A row for each measure, a column for each group; then by how much each beats the first."""
    table = new_table()
    table.add_column("measure")
    for group in groups:
        table.add_column(group.title, justify="right")
    if len(groups) == 2:
        table.add_column("better by", justify="right")
    for topic, words in TOPICS.items():
        mine = ((name, entry) for name, entry in MEASURES.items() if entry.topic == topic)
        rows = [row for name, entry in mine if (row := _row(groups, name, entry))]
        if rows:
            table.add_row(words.en, style="bold")
        for row in rows:
            table.add_row(*row)
    seeds = {len(group.cards) for group in groups}
    over = f"mean and 95 % interval over {max(seeds)} seeds" if max(seeds) > 1 else "one seed each"
    print_table(table, f"side by side: {over}; each with its own prior")


def _row(groups: Sequence[Group], name: str, entry: Entry) -> list[str]:
    """The cells of a measure; none where no group has a figure of it."""
    unit = f" ({entry.unit})" if entry.unit else ""
    cells = [figure_text(group.find(name), entry) for group in groups]
    if all(cell == "–" for cell in cells):
        return []
    if len(groups) == 2:
        gain = None if entry.better == "neither" else improvement(groups[0], groups[1], name)
        cells.append(_interval(gain, entry))
    return [f"  {entry.en}{unit}", *cells]


def _interval(gain: Interval | None, entry: Entry) -> str:
    if gain is None:
        return "–"
    return f"{value_text(gain.low, entry)} to {value_text(gain.high, entry)}"


def print_verdicts(groups: Sequence[Group]) -> None:
    """The article's claims, where there are one AE and one VAE."""
    pair = claim_pair(groups)
    if pair is None:
        return
    ae, vae = pair
    table = new_table()
    for title in (
        "",
        "claim",
        "of the AE",
        "the VAE is better",
        ae.title,
        vae.title,
        "ideal",
    ):
        table.add_column(title)
    for verdict in verdicts(ae, vae):
        table.add_row(
            str(verdict.claim.number),
            f"{verdict.claim.en} ({verdict.entry.en})",
            in_words(verdict.holds),
            "" if verdict.fixed is None else in_words(verdict.fixed),
            *(
                "–" if found.value is None else value_text(found.value, verdict.entry)
                for found in (verdict.ae, verdict.vae)
            ),
            ideal_text([verdict.ae, verdict.vae], verdict.entry),
        )
    print_table(table, f"the article's claims: {ae.title} beside {vae.title}")


def print_trends(groups: Sequence[Group]) -> None:
    """Of each model apart: which measures get worse from the option's first value to its last."""
    for axis, several in along_axis(groups):
        table = new_table()
        for title in ("measure", several[0].title, several[-1].title, f"worse with {axis}"):
            table.add_column(title)
        for trend in trends(several):
            entry = MEASURES[trend.measure]
            cells = [figure_text(found, entry) for found in (trend.first, trend.last)]
            table.add_row(entry.en, *cells, in_words(trend.worse))
        print_table(table, f"from {several[0].title} to {several[-1].title}")
        count = tally(trends(several))
        say(
            f"{count['confirmed']} measures get worse with {axis}, {count['refuted']} do not, "
            f"{count['undecided']} are undecided"
        )

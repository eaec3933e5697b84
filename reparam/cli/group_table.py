"""Groups of scorecards side by side on the terminal, with what their differences decide."""

from collections.abc import Sequence

from reparam.cli.tables import by_topic, named, new_table, print_table
from reparam.evaluation import (
    MEASURES,
    Decision,
    Entry,
    Group,
    Interval,
    along_axis,
    claim_gains,
    claim_pair,
    ends,
    figure_text,
    ideal_text,
    improvement,
    in_words,
    measured_text,
    p_text,
    p_values_text,
    pairing_text,
    tally,
    trends,
    value_text,
    verdicts,
)
from reparam.printable import say


def print_groups(groups: Sequence[Group]) -> None:
    """A row for each measure, a column for each group; of two, by how much the second is better."""
    table = new_table()
    table.add_column("measure")
    for group in groups:
        table.add_column(group.title, justify="right")
    gains = _gains(groups)
    if gains:
        table.add_column("better by", justify="right")
    shown = {
        entry: (name, cells)
        for name, entry in MEASURES.items()
        if set(cells := [figure_text(group.find(name), entry) for group in groups]) != {"–"}
    }
    for entry in by_topic(table, shown):
        name, cells = shown[entry]
        gain = [ends_text(gains.get(name), entry)] if gains else []
        table.add_row(named(entry), *cells, *gain)
    seeds = {len(group.cards) for group in groups}
    over = f"mean and 95 % interval over {max(seeds)} seeds" if max(seeds) > 1 else "one seed each"
    how = f"; better by: {pairing_text(gains)}" if gains else ""
    print_table(table, f"side by side: {over}; each with its own prior{how}")


def _gains(groups: Sequence[Group]) -> dict[str, Interval | None]:
    """By how much the second of two groups is better; {} of more groups or fewer."""
    if len(groups) != 2:
        return {}
    compared = [name for name, entry in MEASURES.items() if entry.better != "neither"]
    return {name: improvement(groups[0], groups[1], name) for name in compared}


def ends_text(gain: Interval | None, entry: Entry) -> str:
    if gain is None:
        return "–"
    return f"{value_text(gain.low, entry)} to {value_text(gain.high, entry)}"


HOLM = (
    "p: two-sided, that of the word, or of the nearest one where it is undecided; "
    "Holm: the same, corrected for the number of tests in the table, which decides at 0.05"
)
"""Below every table of words."""


def print_verdicts(groups: Sequence[Group]) -> None:
    """The article's claims, where there are one AE and one VAE."""
    pair = claim_pair(groups)
    if pair is None:
        return
    ae, vae = pair
    table = new_table()
    for title in ("", "claim", "of the AE", "the VAE is better", ae.title, vae.title, "ideal"):
        table.add_column(title)
    found = verdicts(ae, vae)
    for verdict in found:
        table.add_row(
            str(verdict.claim.number),
            f"{verdict.claim.en} ({verdict.entry.en})",
            _decided(verdict.holds),
            _decided(verdict.fixed),
            *(measured_text(one, verdict.entry) for one in (verdict.ae, verdict.vae)),
            ideal_text([verdict.ae, verdict.vae], verdict.entry),
        )
    print_table(table, f"the article's claims: {ae.title} beside {vae.title}")
    how = pairing_text(claim_gains(found))
    seeds = "" if len(ae.cards) > 1 else "; one seed: intervals over images, taken as normal"
    say(f"{HOLM}; the VAE's gain: {how}{seeds}")


def _decided(decision: Decision | None) -> str:
    """The word with its p-values: in columns of their own they would leave the claim no room."""
    if decision is None:
        return ""
    if decision.p is None or decision.holm is None:
        return in_words(decision.word)
    return f"{in_words(decision.word)}, p {p_text(decision.p)}, Holm {p_text(decision.holm)}"


def print_trends(groups: Sequence[Group]) -> None:
    """Of each model apart: what gets worse from an option's lowest value to its highest."""
    for axis, several in along_axis(groups):
        first, last = ends(axis, several)
        table = new_table()
        for title in ("measure", first.title, last.title, f"worse with {axis}", "p / Holm"):
            table.add_column(title)
        found = trends([first, last])
        for trend in found:
            entry = MEASURES[trend.measure]
            cells = [figure_text(end, entry) for end in (trend.first, trend.last)]
            word = in_words(trend.worse.word)
            table.add_row(entry.en, *cells, word, p_values_text(trend.worse))
        print_table(table, f"from {first.title} to {last.title}")
        say(f"{HOLM}; {pairing_text({trend.measure: trend.change for trend in found})}")
        count = tally(found)
        say(
            f"{count['confirmed']} measures get worse with {axis}, {count['refuted']} do not, "
            f"{count['undecided']} are undecided"
        )

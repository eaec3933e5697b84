"""Scorecards of a sweep's runs, over seeds, as a section of benchmarks/RESULTS.md.

    reparam sweep digits --model ae vae --seeds 5 --out runs/claims-digits
    python benchmarks/scorecards.py runs/claims-digits --section claims-digits \\
        --command "reparam sweep digits --model ae vae --seeds 5"

Reads the scorecard.json of every run in the folder; runs whose names differ in their seed alone are
one column. The seed is the one in the name, or else in the run's config.json.
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

from machine import describe
from results import write_section

from reparam.evaluation import (
    MEASURES,
    Group,
    Scorecard,
    claim_gains,
    figure_text,
    ideal_text,
    in_words,
    p_values_text,
    pairing_text,
    scorecard_from_mapping,
    verdicts,
)
from reparam.runs import SCORECARD, Run

MAIN = (
    *("centre", "gaussian_kl", "radius_99", "asymmetry", "auc", "sliced_wasserstein"),
    *("rate", "mutual_information", "aggregate_kl", "class_tv", "class_gini"),
    *("fid", "kid", "precision", "recall", "coverage", "unlikely_share", "cycle_error"),
    *("prior_gaps", "trustworthiness", "knn_accuracy", "mse", "ssim", "noise_removed", "elbo"),
)
"""The rows of a table; every measure is in the page that the command writes."""


def groups_in(folder: Path, wanted: list[str]) -> list[Group]:
    """One group for each name without its seed, in the order of ``wanted`` where it is given."""
    found: dict[str, list[tuple[int, Scorecard]]] = {}
    for file in sorted(folder.glob(f"*/{SCORECARD}")):
        name = re.sub(r"-?seed-\d+", "", file.parent.name).removeprefix("model-") or folder.name
        card = scorecard_from_mapping(json.loads(file.read_text(encoding="utf-8")), str(file))
        found.setdefault(name, []).append((seed_of(file.parent), card))
    groups = []
    for name in wanted or sorted(found):
        seeds, cards = zip(*found[name], strict=True)
        groups.append(Group(name, cards, {}, seeds))
    return groups


def seed_of(run: Path) -> int:
    named = re.search(r"seed-(\d+)", run.name)
    return int(named[1]) if named else Run.open(run).config.seed


def plain(text: str) -> str:
    """A bar would end a table's cell."""
    return text.replace("|", "\\|")


def measure_table(groups: list[Group], rows: Sequence[str]) -> list[str]:
    lines = [
        f"| | {' | '.join(group.title for group in groups)} | an ideal model |",
        f"| {' | '.join(['---'] * (len(groups) + 2))} |",
    ]
    for name in rows:
        entry = MEASURES[name]
        cells = [figure_text(group.find(name), entry) for group in groups]
        if set(cells) == {"–"}:
            continue
        ideal = ideal_text([group.find(name) for group in groups], entry)
        unit = f", {entry.unit}" if entry.unit else ""
        lines.append(f"| {plain(entry.en)}{unit} | {' | '.join(cells)} | {ideal} |")
    return lines


def verdict_table(ae: Group, vae: Group) -> list[str]:
    lines = [
        "| | claim | of the AE | p / Holm | the VAE is better | p / Holm | measured by |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    found = verdicts(ae, vae)
    for v in found:
        fixed = "–" if v.fixed is None else in_words(v.fixed.word)
        words = in_words(v.holds.word), p_values_text(v.holds), fixed, p_values_text(v.fixed)
        cells = str(v.claim.number), v.claim.en, *words, plain(v.entry.en)
        lines.append(f"| {' | '.join(cells)} |")
    how = "p (two-sided) of the word beside it, and after Holm's correction for this table"
    gain = pairing_text(claim_gains(found))
    return [*lines, "", f"{how}, which decides at 0.05; the VAE's gain: {gain}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--section", required=True)
    parser.add_argument("--command", required=True, help="what made the folder")
    parser.add_argument("--groups", nargs="+", default=[], help="columns, in order")
    parser.add_argument("--measures", nargs="+", default=MAIN)
    parser.add_argument("--at", help="commit that the runs were made with, if not this one")
    options = parser.parse_args()
    groups = groups_in(options.folder, options.groups)
    card = groups[0].cards[0]
    where = describe()
    if options.at:
        where = re.sub(r"commit \S+$", f"commit {options.at}", where)
    seeds = sorted({len(group.cards) for group in groups})
    lines = [
        f"{where}. {card.images:,} {card.split} images of {card.source}; {card.draws:,} draws, "
        f"each model from its own prior; mean and 95 % interval (Student's t) over "
        f"{' or '.join(map(str, seeds))} seeds. Judge: {card.judge}.",
        "",
        *measure_table(groups, options.measures),
    ]
    ae = [group for group in groups if not group.variational]
    vae = [group for group in groups if group.variational]
    if len(ae) == len(vae) == 1:
        lines += ["", *verdict_table(ae[0], vae[0])]
    lines += ["", f"`{options.command}`"]
    write_section(options.section, "\n".join(lines))


if __name__ == "__main__":
    main()

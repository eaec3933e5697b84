"""What benchmarks/anomaly.py found, as tables: a mean or median with its spread over seeds."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from anomaly_methods import METHODS
from results import spread

from reparam.evaluation import ALL_DEFECTS, DEFECT_KINDS

Record = dict[str, Any]

FIGURES = {
    "image_auroc": "image AUROC",
    "best_f1": "best F1",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AUPRO to 0.3",
}

COMPARED = ("image_auroc", "pixel_auroc")
"""Figures that are compared with and without contamination."""


def class_tables(records: Sequence[Record]) -> str:
    """The mean AUROC over the classes of each set, and each class of ours."""
    sets = sorted({r["cell"]["of"] for r in records}, reverse=True)
    rows = []
    for method, (title, _) in METHODS.items():
        cells, seconds = [], 0.0
        for of in sets:
            some = [r for r in records if r["cell"]["of"] == of and r["cell"]["method"] == method]
            cells.append(_class_means(some))
            seconds += sum(r["seconds"] for r in some)
        if any(cells):
            rows.append([title, *cells, f"{seconds:.0f}"])
    head = ["", *(f"{of}: mean image AUROC over classes" for of in sets), "seconds, all cells"]
    own = [r for r in records if r["cell"]["method"] == "own"]
    each = _grouped(own, lambda r: (r["cell"]["of"], r["cell"]["which"]))
    by_class = [
        [*key, spread([r["auroc"]["value"] for r in some], 3), _notes(some)]
        for key, some in sorted(each.items())
    ]
    parts = ["### One class is good, the others are not", _table(head, rows)]
    if by_class:
        parts.append(_table(["set", "good class", "image AUROC", "what decided"], by_class))
    return "\n\n".join([*parts, "`python benchmarks/anomaly.py --part one-class --write`"])


def _class_means(records: Sequence[Record]) -> str:
    """Median of the seeds' means; "5 of 10 classes" where some are not there."""
    by_seed = _grouped(records, lambda r: r["cell"]["seed"])
    means, counts = [], set()
    for some in by_seed.values():
        means.append(sum(r["auroc"]["value"] for r in some) / len(some))
        counts.add(len(some))
    if not means:
        return ""
    part = "" if counts == {10} else f", {min(counts)} of 10 classes"
    return f"{spread(means, 3)}; {_seeds(len(means))}{part}"


def alarm_table(records: Sequence[Record]) -> str:
    rows = []
    for rate in records[0]["shares"]:
        shares = [100 * r["shares"][rate] for r in records]
        fresh, known = records[0]["fresh"], records[0]["calibrated"]
        rows.append(
            [
                f"{100 * float(rate):g} %",
                f"{sum(shares) / len(shares):.2f} %",
                f"{min(shares):.2f} to {max(shares):.2f} %",
                str(len(shares)),
                str(known),
                str(fresh),
            ]
        )
    head = ["asked", "false alarms, mean", "range", "seeds", "good pictures known", "fresh ones"]
    command = "`python benchmarks/anomaly.py --part alarms --seeds 20 --write`"
    return "\n\n".join(["### False alarms", _table(head, rows), command])


def texture_tables(records: Sequence[Record]) -> str:
    parts = ["### Defects in textures"]
    keys = _grouped(records, lambda r: (r["cell"]["which"], r["cell"]["of"]))
    for share in sorted({share for share, _ in keys}):
        rows = []
        for (which, of), some in keys.items():
            by_method = _grouped(some, lambda r: r["cell"]["method"]) if which == share else {}
            for method in (m for m in METHODS if m in by_method):
                found = by_method[method]
                figures = [_figure(found, ALL_DEFECTS, name) for name in FIGURES]
                seconds = spread([r["seconds"] for r in found], 0)
                lost = _lost(found, keys.get(("0", of), [])) if float(share) else []
                rows.append([of, METHODS[method][0], *figures, *lost, _notes(found), seconds])
        what = "All training squares are good:"
        if float(share):
            what = f"{100 * float(share):g} % of the training squares have a defect:"
        less = [f"{FIGURES[name]}, lower by" for name in COMPARED] if float(share) else []
        head = ["texture", "", *FIGURES.values(), *less, "notes", "seconds"]
        parts += [what, _table(head, rows)]
    clean = [r for r in records if float(r["cell"]["which"]) == 0]
    for name in ("image_auroc", "pixel_auroc", "aupro"):
        rows = []
        by = _grouped(clean, lambda r: (r["cell"]["of"], r["cell"]["method"]))
        for (of, method), some in sorted(
            by.items(), key=lambda x: (x[0][0], [*METHODS].index(x[0][1]))
        ):
            figures = [_figure(some, kind, name) for kind in DEFECT_KINDS]
            if any(figures):
                rows.append([of, METHODS[method][0], *figures])
        parts += [f"{FIGURES[name]}, by kind:", _table(["texture", "", *DEFECT_KINDS], rows)]
    return "\n\n".join([*parts, "`python benchmarks/anomaly.py --part textures --write`"])


def _lost(records: Sequence[Record], clean: Sequence[Record]) -> list[str]:
    """How far figures lie below those of the same method and seed without contamination."""
    cells = []
    for name in COMPARED:

        def value(record: Record, name: str = name) -> float | None:
            return record["figures"][ALL_DEFECTS][name]["value"]

        known = {(r["cell"]["method"], r["cell"]["seed"]): value(r) for r in clean}
        pairs = [(known.get((r["cell"]["method"], r["cell"]["seed"])), value(r)) for r in records]
        lower = [a - b for a, b in pairs if a is not None and b is not None]
        cells.append(spread(lower, 3) if lower else "")
    return cells


def _figure(records: Sequence[Record], kind: str, name: str) -> str:
    """Over the seeds; of one seed with its interval over pictures."""
    found = [r["figures"][kind][name] for r in records]
    values = [each["value"] for each in found if each["value"] is not None]
    if not values:
        return ""
    if len(found) == 1 and found[0]["low"] is not None:
        return f"{values[0]:.3f} ({found[0]['low']:.3f} to {found[0]['high']:.3f})"
    return spread(values, 3)


def _notes(records: Sequence[Record]) -> str:
    return "; ".join(sorted({r["note"] for r in records if r["note"]}))


def _seeds(count: int) -> str:
    return f"{count} seed{'s' * (count > 1)}"


def _grouped(records: Sequence[Record], key: Callable[[Record], Any]) -> dict[Any, list[Record]]:
    found: dict[Any, list[Record]] = defaultdict(list)
    for record in records:
        found[key(record)].append(record)
    return dict(found)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

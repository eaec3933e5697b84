"""Anomaly detection: one class of MNIST and Fashion-MNIST, false alarms, defects in textures.

    python benchmarks/anomaly.py --part one-class --data-dir FOLDER_WITH_MNIST [--seeds 3]
    python benchmarks/anomaly.py --part alarms --data-dir FOLDER_WITH_MNIST [--seeds 20]
    python benchmarks/anomaly.py --part textures [--textures FOLDER] [--seeds 3]

Each cell (a method on a problem with a seed) is kept in --cells as it is done, and is not computed
again: what was interrupted continues. --write puts the tables of the part's cells into
benchmarks/RESULTS.md, instead of printing them. --methods and --classes make a part of it.

Words behind -- go to `reparam anomaly fit`, such as -- --epochs 2: a trial, in cells of its own.
"""

import argparse
import hashlib
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from anomaly_methods import METHODS, Problem, fitted_run, scored
from anomaly_tables import alarm_table, class_tables, texture_tables
from machine import commit, describe
from results import write_section
from textures import NAMES, textured

from reparam.data import DataConfig, load_images
from reparam.evaluation import (
    Detection,
    Detector,
    Measured,
    Pictures,
    calibrate,
    detection,
    image_auroc,
    other_good_pictures,
)

SETS = ("mnist", "fashion-mnist")
CLASSES = 10
SHARES = (0.0, 0.05)
"""Of training squares of textures with a defect."""

RATES = (0.05, 0.01)
GIVEN = 4000
"""Good pictures that a seed of --part alarms draws: a third to choose with, the others calibrate.
What is left of the class, about 1900, is fresh."""

ALARM_CLASS = 1
"""Of MNIST, the largest: 6742 training pictures."""

Record = dict[str, Any]

TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {
    "one-class": class_tables,
    "alarms": alarm_table,
    "textures": texture_tables,
}
"""By part."""


@dataclass(frozen=True)
class Cell:
    """One thing to compute. ``of``: a data set or a texture; ``which``: the class or the share."""

    part: str
    of: str
    which: str
    method: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.part}-{self.of}-{self.which}-{self.method}-{self.seed}"


def cells(options: argparse.Namespace) -> Iterator[Cell]:
    """What the options ask for: seed by seed, so that an early end has something of everything."""
    for seed in range(options.seeds):
        if options.part == "alarms":
            yield Cell("alarms", "mnist", str(ALARM_CLASS), "own", seed)
        if options.part == "one-class":
            for of in options.sets:
                for which in options.classes:
                    for method in options.methods:
                        yield Cell("one-class", of, str(which), method, seed)
        if options.part == "textures":
            for of in NAMES:
                for share in SHARES:
                    for method in options.methods:
                        yield Cell("textures", of, f"{share:g}", method, seed)


def computed(cell: Cell, options: argparse.Namespace) -> Record:
    work = options.cells / f"{kept(cell, options).stem}-work"
    if cell.part == "alarms":
        return alarms(cell, options)
    if cell.part == "textures":
        data = textured(cell.of, cell.seed, options.textures, contamination=float(cell.which))
        problem = Problem(data.good, data.test, True, cell.seed, work, tuple(options.words))
        found = scored(cell.method, problem)
        rng = np.random.default_rng(cell.seed)
        masks = None if found.maps is None else list(data.masks)
        figures = detection(found.scores, data.kinds, found.maps, masks, rng=rng)
        return {
            "figures": {kind: _plain(each) for kind, each in figures.items()},
            "seconds": found.seconds,
            "note": found.note,
        }
    train, labels, test, test_labels = one_class(cell.of, data_dir(cell.of, options))
    which = int(cell.which)
    good = {"train": train[labels == which]}
    problem = Problem(good, test, False, cell.seed, work, tuple(options.words))
    found = scored(cell.method, problem)
    fine, bad = (found.scores[test_labels == which], found.scores[test_labels != which])
    return {
        "auroc": _of(image_auroc(fine, bad)),
        "seconds": found.seconds,
        "note": found.note,
    }


def data_dir(of: str, options: argparse.Namespace) -> Path | None:
    return options.fashion_dir if of == "fashion-mnist" else options.data_dir


def one_class(of: str, data_dir: Path | None) -> tuple[np.ndarray, ...]:
    """All training pictures and their classes, all test pictures and theirs (Ruff et al. 2018)."""
    images = load_images(DataConfig(of, data_dir=data_dir, valid_fraction=0.0))
    out: list[np.ndarray] = []
    for split in ("train", "test"):
        index = images.splits[split]
        assert images.labels is not None
        out += [images.images[index], images.labels[index]]
    return tuple(out)


def alarms(cell: Cell, options: argparse.Namespace) -> Record:
    """The share of fresh good pictures that is called anomalous, by the rate that was asked for.

    One model is trained on a quarter of a class. Each seed draws pictures of the others to choose
    and calibrate with, and fresh ones, which nothing has seen.
    """
    train, labels, test, test_labels = one_class("mnist", options.data_dir)
    pool = np.concatenate([train[labels == ALARM_CLASS], test[test_labels == ALARM_CLASS]])
    learn, rest = pool[: len(pool) // 4], pool[len(pool) // 4 :]
    began = time.perf_counter()
    one = kept(replace(cell, seed=0), options).stem  # a model for all seeds
    run = fitted_run(options.cells / f"{one}-work", {"train": learn}, 0, tuple(options.words))
    mixed = np.random.default_rng(cell.seed).permutation(len(rest))
    given, fresh = (np.sort(some) for some in (mixed[:GIVEN], mixed[GIVEN:]))
    model = run.load_model()
    known = Pictures(learn, np.arange(len(learn)))
    good = other_good_pictures(Pictures(rest, given), known, cell.seed)
    detector = Detector(model, calibrate(model, good))
    found = detector.detect(Pictures(rest, fresh), maps=False)
    return {
        "shares": {str(rate): float(found.anomalous(rate).mean()) for rate in RATES},
        "fresh": len(fresh),
        "calibrated": detector.calibration.count,
        "seconds": time.perf_counter() - began,
        "note": f"decided by {detector.calibration.decider}",
    }


def _plain(found: Detection) -> Record:
    return {name: _of(getattr(found, name)) for name in vars(found)}


def _of(found: Measured) -> Record:
    return {name: getattr(found, name) for name in ("value", "low", "high", "samples")}


def kept(cell: Cell, options: argparse.Namespace) -> Path:
    trial = hashlib.sha256(repr(options.words).encode()).hexdigest()[:6] if options.words else ""
    return options.cells / f"{cell.name}{trial and '-trial-' + trial}.json"


def run_cell(cell: Cell, options: argparse.Namespace) -> Record:
    """Computed, or as it was kept."""
    path = kept(cell, options)
    if path.exists():
        return json.loads(path.read_text())
    began, where = time.perf_counter(), describe()  # before anything in the checkout can change
    record = computed(cell, options) | {"where": where, "cell": vars(cell)}
    options.cells.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=2))
    part.rename(path)
    print(f"{path.stem}: {time.perf_counter() - began:.0f} s", flush=True)
    return record


def table(folder: Path, part: str) -> str:
    """Of all of a part's cells in a folder that are no trials; empty where there are none."""
    paths = [path for path in sorted(folder.glob("*.json")) if "-trial-" not in path.name]
    records = [json.loads(path.read_text()) for path in paths]
    records = [record for record in records if record["cell"]["part"] == part]
    if not records:
        return ""
    on = sorted({record["where"].split("; commit ")[0] for record in records})
    commits = sorted({record["where"].split("; commit ")[-1] for record in records})
    where = f"{'; '.join(on)}; computed at {', '.join(commits)}. Tables made at {commit()}."
    return "\n\n".join([TABLES[part](records), where])


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=TABLES, required=True)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("REPARAM_DATA"))
    parser.add_argument("--fashion-dir", type=Path, help="a folder with Fashion-MNIST")
    parser.add_argument("--textures", type=Path, help="a folder with brick.png, ...")
    parser.add_argument("--cells", type=Path, default=Path("runs/anomaly"))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--classes", nargs="+", type=int, default=list(range(CLASSES)))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = list(sys.argv[1:] if args is None else args)
    at = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:at])
    options.words = given[at + 1 :]
    for cell in cells(options):
        record = run_cell(cell, options)
        if options.words:
            print(json.dumps(record, indent=2), f"a trial of {shlex.join(options.words)}")
    if not options.words:
        text = table(options.cells, options.part)
        write_section(f"anomaly-{options.part}", text) if options.write else print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

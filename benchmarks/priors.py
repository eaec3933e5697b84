"""Before and after: what a prior fitted to a frozen encoder's latents improves.

    reparam sweep digits --model ae vae --seeds 3 --out runs/priors
    python benchmarks/priors.py runs/priors

Takes every finished run in the folder, fits each prior to a copy of it, scores it, and writes the
table into benchmarks/RESULTS.md. The runs themselves are not changed.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from machine import describe
from results import write_section
from scorecards import measure_table

from reparam.data import ImageSet
from reparam.evaluation import Group, Judge, Scorecard, ScoreConfig, judge_for, score_run
from reparam.model import fittable_names
from reparam.runs import Run, title_of
from reparam.training import fit_run_prior

ROWS = (
    *("auc", "sliced_wasserstein", "mmd", "class_tv", "classes_missing", "fid", "kid"),
    *("precision", "recall", "density", "coverage", "unlikely_share", "prior_gaps", "cycle_error"),
)


def scored(source: Path, kind: str | None, images: ImageSet, judge: Judge) -> tuple[str, Scorecard]:
    """The run's title, and its scorecard with a prior of this kind, or with its own."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run.open(Path(shutil.copytree(source, Path(folder) / "run")))
        if kind is not None:
            fit_run_prior(run, images, kind)
        card = score_run(run, images, ScoreConfig(likelihood_images=0), judge=judge)
        return title_of(run.config), card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", default="*", help="which of its runs, as a pattern")
    parser.add_argument("--command", default="reparam sweep digits --model ae vae --seeds 3")
    options = parser.parse_args()
    where = describe()
    found: dict[tuple[str, str], list[Scorecard]] = {}
    for config in sorted(options.folder.glob(f"{options.runs}/config.json")):
        images = Run.open(config.parent).images()
        judge = judge_for(images)
        for kind in (None, *fittable_names()):
            title, card = scored(config.parent, kind, images, judge)
            name = kind or {"box": "box", "standard-normal": "N(0, I)"}[card.own.kind]
            found.setdefault((title, name), []).append(card)
            print(config.parent.name, name, card.find("fid").value, file=sys.stderr, flush=True)
    lines = []
    for title in sorted({title for title, _ in found}):
        groups = [Group(n, tuple(cards), {}) for (t, n), cards in found.items() if t == title]
        card = groups[0].cards[0]
        lines += [
            f"**{title}**, {card.latent_dim} latent dimensions, {len(groups[0].cards)} seeds; "
            f"{card.images:,} {card.split} images of {card.source}, {card.draws:,} draws; mean and "
            "95 % interval over seeds.",
            "",
            *measure_table(groups, ROWS),
            "",
        ]
    command = f"`{options.command}`, then `python benchmarks/priors.py`"
    write_section("priors", "\n".join([f"{where}.", "", *lines, command]))


if __name__ == "__main__":
    main()

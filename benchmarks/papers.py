"""Published figures, met by our own runs: test log-likelihoods, a row each.

    python benchmarks/papers.py --row iwae-5 --data-dir FOLDER_WITH_MNIST [--runs runs/papers]

trains the row's model on all training images, estimates the test images' log-likelihood by
importance sampling, and writes the row into benchmarks/RESULTS.md. No image is held out and the
last weights are taken, so nothing is chosen by the test images. A row is a run in the folder
--runs: one that was interrupted continues, and so does the estimation. --list shows the rows;
--epochs and --samples make a trial of it, which is printed and not written.

--row m2 trains three runs, each with the labels of 100 training images drawn anew, and measures the
error of the classifier over the test images, which are made black and white by one draw.
"""

import argparse
import json
import os
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from machine import describe
from results import FILE, write_section

from reparam.data import ImageSet, load_images
from reparam.evaluation import binarised, importance_weighted
from reparam.model import StandardNormalOptions
from reparam.objective import ImportanceWeighted
from reparam.runs import Run, RunConfig, preset_config, resolve
from reparam.training import train

PART = 500
"""Test images that are estimated at a time, and kept."""


@dataclass(frozen=True)
class Paper:
    """What a paper has, and what trains here. Figures are negative log-likelihoods, in nats."""

    title: str
    paper: str
    source: str
    goal: float
    """At most this is to be reached."""
    config: RunConfig
    epochs: int = 400
    samples: int = 5000
    """For the estimate of an image's likelihood: as many as the paper takes."""

    def configured(self, data_dir: Path | None, epochs: int | None, seed: int) -> RunConfig:
        """One cycle of Muon with large batches, and a warm-up of the rate."""
        data = replace(self.config.data, data_dir=data_dir, valid_fraction=0.0)
        training = replace(
            self.config.training,
            epochs=epochs or self.epochs,
            batch_size=1000,
            optimiser="muon",
            learning_rate=4e-3,
            schedule="one-cycle",
            warm_up=0.1,
            rate_warm_up=0.3,
            output_bias="mean",
            sample_every=0,
        )
        return replace(self.config, data=data, training=training, seed=seed)


def of(preset: str, source: str = "mnist") -> RunConfig:
    config = preset_config(preset, "plain")
    return replace(config, data=replace(config.data, source=source))


def with_normal_prior(config: RunConfig) -> RunConfig:
    return replace(config, model=replace(config.model, prior=StandardNormalOptions()))


def of_classes(config: RunConfig) -> RunConfig:
    return replace(config, model=replace(config.model, classes="auto"))


def with_top(config: RunConfig, top: int) -> RunConfig:
    return replace(config, model=replace(config.model, latent_top=top))


FASHION = "fashion-mnist"
VAMP = "Tomczak & Welling 2018, as in the table of Norouzi et al. 2020"
ROWS: Mapping[str, Paper] = {
    "burda": Paper(
        "one stochastic layer, VAE, k = 1",
        "86.76 (a reproduction: 86.3)",
        "Burda et al. 2016, table 1",
        86.76,
        of("burda"),
    ),
    "iwae-5": Paper(
        "one stochastic layer, IWAE, k = 5",
        "85.54 (a reproduction: 85.18)",
        "Burda et al. 2016, table 1",
        85.5,
        of("iwae"),
    ),
    "iwae-50": Paper(
        "one stochastic layer, IWAE, k = 50 (for a GPU)",
        "84.78",
        "Burda et al. 2016, table 1",
        84.78,
        replace(of("iwae"), objective=ImportanceWeighted(50)),
    ),
    "chain": Paper(
        "two stochastic layers, VAE, k = 1",
        "85.33 (a reproduction: 84.83)",
        "Burda et al. 2016, table 1",
        85.3,
        of("chain"),
    ),
    "chain-iwae-50": Paper(
        "two stochastic layers, IWAE, k = 50 (for a GPU)",
        "82.90",
        "Burda et al. 2016, table 1",
        82.9,
        replace(of("chain"), objective=ImportanceWeighted(50)),
    ),
    "gated": Paper(
        "gated layers, 40 dimensions, N(0, I)", "84.45", VAMP, 84.5, with_normal_prior(of("vamp"))
    ),
    "vamp": Paper("the same, VampPrior with K = 500", "82.43", VAMP, 82.5, of("vamp")),
    "exemplar": Paper(
        "the same, 5,000 exemplars, 500 in a step (the paper: 50,000, 25,000)",
        "82.09",
        "Norouzi et al. 2020",
        82.1,
        of("exemplar"),
    ),
    "chain-vamp": Paper(
        "two stochastic layers of 40, gated, VampPrior with K = 500 for z2; q(z2|z1), p(x|z1) (the "
        "paper: q(z1|x, z2), p(x|z1, z2))",
        "81.24 (Norouzi et al. 2020: 81.56)",
        "Tomczak & Welling 2018",
        82.0,
        with_top(of("chain-vamp"), 40),
    ),
    "cvae": Paper(
        "one stochastic layer, k = 1, encoder and decoder read the label: ln p(x given its class)",
        "82.32 in a public reproduction",
        "Burda et al. 2016's network with labels; Sohn et al. 2015",
        82.5,
        of_classes(of("burda")),
    ),
    "svae": Paper(
        "S-VAE: von Mises–Fisher posterior on a sphere of 10 dimensions, relu (256, 128), K = 500",
        "93.16 ± 0.31 (pythae's reproduction: 93.13)",
        "Davidson et al. 2018, table 1",
        93.2,
        of("svae"),
        samples=500,
    ),
    "gated-fashion": Paper(
        "Fashion-MNIST: gated layers, N(0, I)",
        "228.70",
        VAMP,
        229.0,
        with_normal_prior(of("vamp", FASHION)),
    ),
    "vamp-fashion": Paper(
        "Fashion-MNIST: VampPrior with K = 500", "227.35", VAMP, 227.6, of("vamp", FASHION)
    ),
}


DRAWS = 3
M2 = Paper(
    f"M2, 100 labels, {DRAWS} draws of them",
    "11.97 ± 1.71",
    "Kingma et al. 2014, table 1",
    12.0,
    resolve(
        of("m2"),
        [("m2", {"known_labels": 100, "widths": [500], "hidden_activation": "relu"})],
    ),
    epochs=90,
)
"""Figures are test errors in per cent. One hidden layer of 500 units, as theirs; each image counts
as each class, so an epoch takes ten times as long as without classes.
"""


@dataclass(frozen=True)
class Figures:
    """Of one run: nats are means over the test images, seconds are of the clock."""

    log_likelihood: float
    standard_error: float
    elbo: float
    epochs: int
    seed: int
    training: float
    estimating: float
    where: str


def trained(config: RunConfig, images: ImageSet, path: Path) -> Run:
    """A finished run in ``path``; one that was begun there before is continued."""
    if (path / "config.json").exists() and Run.open(path).is_of(config):
        run = Run.open(path)
    else:
        run = Run.create(path, config, images, command="benchmark", overwrite=True)
    if run.result() is None:
        train(run, images)
    return run


def estimated(run: Run, images: ImageSet, samples: int) -> tuple[np.ndarray, float]:
    """log p̂ of each test image, and the seconds that it took.

    They are binarised by one draw, the same for every row. Parts are kept beside the run.
    """
    model = run.load_model()
    index = images.splits["test"]
    test = binarised(images.images, index=index)
    labels = None if images.labels is None else images.labels[index]
    folder = run.path.with_name(f"{run.path.name}-k{samples}-{run.facts.id[:8]}")
    folder.mkdir(exist_ok=True)
    parts, seconds = [], 0.0
    for start in range(0, len(test), PART):
        kept, rows = folder / f"{start}.npz", slice(start, start + PART)
        if not kept.exists():
            began = time.perf_counter()
            some = None if labels is None else labels[rows]
            found = importance_weighted(model, test[rows], samples, 10**6 + start, some)
            np.savez(kept, log_p=found, seconds=time.perf_counter() - began)
        with np.load(kept) as file:
            parts.append(file["log_p"])
            seconds += float(file["seconds"])
        so_far = np.concatenate(parts)
        print(f"{len(so_far)} images: {so_far.mean():.3f} nats, {seconds:.0f} s", flush=True)
    return np.concatenate(parts), seconds


def measured(name: str, options: argparse.Namespace) -> Figures:
    config = ROWS[name].configured(options.data_dir, options.epochs, options.seed)
    where = describe()  # before anything in the checkout can change
    images = load_images(config.data)
    path = options.runs / f"{name}-seed-{options.seed}"
    path.parent.mkdir(parents=True, exist_ok=True)
    run = trained(config, images, path)
    each, seconds = estimated(run, images, options.samples or ROWS[name].samples)
    result = run.finished("a benchmark is of a finished run")
    return Figures(
        log_likelihood=float(each.mean()),
        standard_error=float(each.std(ddof=1) / np.sqrt(len(each))),
        elbo=-result.splits["test"]["loss_nats"],
        epochs=result.epochs,
        seed=options.seed,
        training=result.seconds,
        estimating=seconds,
        where=where,
    )


def errors(options: argparse.Namespace) -> str:
    """The table of the test errors of M2, a run for each draw of the labels."""
    where, found = describe(), []
    for draw in range(DRAWS):
        config = M2.configured(options.data_dir, options.epochs, options.seed + draw)
        config = replace(config, data=replace(config.data, split_seed=options.seed + draw))
        path = options.runs / f"m2-seed-{options.seed + draw}"
        path.parent.mkdir(parents=True, exist_ok=True)
        run = trained(config, load_images(config.data), path)
        found.append(run.finished("a benchmark is of a finished run"))
        print(f"{path}: {100 * found[-1].splits['test']['class_error']:.2f} %", flush=True)
    each = np.array([100 * result.splits["test"]["class_error"] for result in found])
    head = "| row | model | paper, % | to reach, % | here: test error, %: mean ± deviation | each"
    cells = [
        "`m2`",
        M2.title,
        f"{M2.paper} ({M2.source})",
        f"≤ {M2.goal:g}",
        f"{each.mean():.2f} ± {each.std(ddof=1):.2f}",
        ", ".join(f"{error:.2f}" for error in each),
        str(found[0].epochs),
        f"{options.seed} to {options.seed + DRAWS - 1}",
        f"{sum(result.seconds for result in found):.0f}",
        where,
    ]
    head += " | epochs | seeds | seconds of steps | where |"
    rule = f"| {' | '.join(['---'] * len(cells))} |"
    return "\n".join(
        [head, rule, f"| {' | '.join(cells)} |", "", "`python benchmarks/papers.py --row m2`"]
    )


HEAD = (
    "| row | model | paper | to reach | here: negative test log-likelihood, nats | its standard "
    "error over images | negative training bound, test | epochs | seed | seconds of steps "
    "| seconds of estimating | where |"
)


def row_of(name: str, found: Figures) -> str:
    paper = ROWS[name]
    cells = [
        f"`{name}`",
        paper.title.replace("|", r"\|"),
        f"{paper.paper} ({paper.source})",
        f"≤ {paper.goal:g}",
        f"{-found.log_likelihood:.2f}",
        f"{found.standard_error:.2f}",
        f"{-found.elbo:.2f}",
        str(found.epochs),
        str(found.seed),
        f"{found.training:.0f}",
        f"{found.estimating:.0f}",
        found.where,
    ]
    return f"| {' | '.join(cells)} |"


def with_row(table: str, name: str, row: str) -> str:
    """The table with this row in its place, the others as they are."""
    rows = {
        match[1]: line
        for line in table.splitlines()
        if (match := re.match(r"\| `([a-z0-9-]+)` \|", line))
    }
    rows[name] = row
    rule = f"| {' | '.join(['---'] * (HEAD.count('|') - 1))} |"
    ordered = [rows[name] for name in ROWS if name in rows]
    command = "`python benchmarks/papers.py --row NAME`"
    return "\n".join([HEAD, rule, *ordered, "", command])


def table_so_far() -> str:
    page = FILE.read_text(encoding="utf-8")
    return page.split("<!-- papers: begin -->")[1].split("<!-- papers: end -->")[0]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", nargs="+", choices=[*ROWS, "m2"], default=[])
    parser.add_argument("--list", action="store_true", help="the rows and what papers have")
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("REPARAM_DATA"))
    parser.add_argument("--runs", type=Path, default=Path("runs/papers"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="a trial of so many")
    parser.add_argument("--samples", type=int, help="a trial with so many importance samples")
    options = parser.parse_args()
    if options.list or not options.row:
        for name, paper in {**ROWS, "m2": M2}.items():
            print(f"{name}: {paper.title}. {paper.source}: {paper.paper}; to reach: {paper.goal:g}")
        return 0
    for name in options.row:
        if name == "m2":
            table = errors(options)
            print(table)
            if options.epochs is None:
                write_section("papers-m2", table)
            continue
        found = measured(name, options)
        print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
        if options.epochs is None and options.samples is None:
            write_section("papers", with_row(table_so_far(), name, row_of(name, found)))
        else:
            print(f"a trial, not written: {shlex.join(['--row', name])} alone is")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

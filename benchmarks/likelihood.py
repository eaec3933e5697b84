"""A paper's figure: test log-likelihood of the VAE of Burda et al. 2016 on binarised MNIST.

    python benchmarks/likelihood.py --data-dir FOLDER_WITH_MNIST [--seeds 1] [--samples 5000]

Trains `--model burda` on all 60,000 training images, dynamically binarised, estimates the test
images' log-likelihood by importance sampling, and writes the table into benchmarks/RESULTS.md. No
image is held out, and the last weights are taken. With --runs FOLDER the runs are kept there, and
a finished one is not trained again.
"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from machine import describe
from results import spread, write_section

from reparam.data import ImageSet, load_images
from reparam.evaluation import binarised, importance_weighted
from reparam.runs import Run, RunConfig, preset_config
from reparam.training import train

PART = 1000
"""Test images estimated between two lines of progress."""

PAPER = 86.76
"""Burda et al. 2016, table 1: one stochastic layer, VAE, k = 1."""


@dataclass(frozen=True)
class Row:
    """One seed; nats are means over the test images, seconds are of the clock."""

    epochs: int
    elbo: float
    train_elbo: float
    log_likelihood: float
    standard_error: float
    training: float
    estimating: float


def configured(epochs: int, seed: int, data_dir: Path, held_out: float = 0.0) -> RunConfig:
    """The paper's model, and the recipe: one cycle of Muon with large batches."""
    config = preset_config("burda", "plain")
    data = replace(config.data, source="mnist", data_dir=data_dir, valid_fraction=held_out)
    training = replace(
        config.training,
        epochs=epochs,
        batch_size=1000,
        optimiser="muon",
        learning_rate=4e-3,
        schedule="one-cycle",
        warm_up=0.1,
        rate_warm_up=0.3,
        output_bias="mean",
        sample_every=0,
    )
    return replace(config, data=data, training=training, seed=seed)


def trained(config: RunConfig, images: ImageSet, path: Path) -> Run:
    """A finished run in ``path``; one that was begun there before is continued."""
    if (path / "config.json").exists() and Run.open(path).is_of(config):
        run = Run.open(path)
    else:
        run = Run.create(path, config, images, command="benchmark", overwrite=True)
    if run.result() is None:
        train(run, images)
    return run


def measure(run: Run, images: ImageSet, samples: int, seed: int) -> Row:
    """The test images are binarised by one draw, the same for every seed of training."""
    model, result = run.load_model(), run.finished("a benchmark is of a finished run")
    test = binarised(images.images, index=images.splits["test"])
    began = time.perf_counter()
    parts = []
    for start in range(0, len(test), PART):
        parts.append(importance_weighted(model, test[start : start + PART], samples, seed + start))
        so_far, seconds = np.concatenate(parts), time.perf_counter() - began
        print(f"{len(so_far)} images: {so_far.mean():.3f} nats, {seconds:.0f} s", flush=True)
    each = np.concatenate(parts)
    return Row(
        epochs=result.epochs,
        elbo=-result.splits["test"]["loss_nats"],
        train_elbo=-result.splits["train"]["loss_nats"],
        log_likelihood=float(each.mean()),
        standard_error=float(each.std(ddof=1) / np.sqrt(len(each))),
        training=result.seconds,
        estimating=time.perf_counter() - began,
    )


def table(rows: list[Row], samples: int, where: str, command: str) -> str:
    def nll(digits: int = 2) -> str:
        return spread([-row.log_likelihood for row in rows], digits)

    lines = [
        f"{where}. Median (lowest to highest) over seeds.",
        "",
        f"| epochs | seeds | negative test log-likelihood, K = {samples:,}, nats "
        "| its standard error over images | negative ELBO, test | training | seconds of steps "
        "| seconds of estimating |",
        f"| {' | '.join(['---'] * 8)} |",
        f"| {rows[0].epochs} | {len(rows)} | {nll()} "
        f"| {spread([row.standard_error for row in rows], 2)} "
        f"| {spread([-row.elbo for row in rows], 2)} "
        f"| {spread([-row.train_elbo for row in rows], 2)} "
        f"| {spread([row.training for row in rows], 0)} "
        f"| {spread([row.estimating for row in rows], 0)} |",
        "",
        f"`{command}`",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("REPARAM_DATA"))
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--runs", type=Path)
    options = parser.parse_args()
    if options.data_dir is None:
        parser.error("name the folder with the MNIST files: --data-dir, or REPARAM_DATA")
    where = describe()  # before anything in the checkout can change
    given = [(f"--{name}", getattr(options, name)) for name in ("epochs", "seeds", "samples")]
    words = [str(word) for pair in given for word in pair]
    command = shlex.join(["python", "benchmarks/likelihood.py", *words])
    images = load_images(configured(1, 0, options.data_dir).data)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            config = configured(options.epochs, seed, options.data_dir)
            run = trained(config, images, (options.runs or Path(folder)) / f"seed-{seed}")
            rows.append(measure(run, images, options.samples, seed=10**6 * (seed + 1)))
            print(rows[-1], file=sys.stderr, flush=True)
            write_section("likelihood", table(rows, options.samples, where, command))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

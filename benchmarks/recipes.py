"""Speed to a quality: the default recipe on all 60,000 MNIST training images.

    python benchmarks/recipes.py --data-dir FOLDER_WITH_MNIST [--seeds 5]

Trains the article's VAE for a few epochs and for many, each with several seeds, and writes the
table into benchmarks/RESULTS.md. No image is held out, and the last weights are taken.
"""

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from machine import describe
from results import spread, write_section

from reparam.data import ImageSet, load_images
from reparam.runs import Result, Run, RunConfig, preset_config
from reparam.training import train


def configured(epochs: int, seed: int, data_dir: Path) -> RunConfig:
    config = preset_config("vae", "quick")
    data = replace(config.data, source="mnist", data_dir=data_dir, valid_fraction=0.0)
    training = replace(config.training, epochs=epochs, sample_every=0)
    return replace(config, data=data, training=training, seed=seed)


def results(epochs: int, seeds: range, images: ImageSet, data_dir: Path) -> Iterator[Result]:
    for seed in seeds:
        config = configured(epochs, seed, data_dir)
        with tempfile.TemporaryDirectory() as folder:
            run = Run.create(
                Path(folder) / "run", config, images, command="benchmark", overwrite=False
            )
            train(run, images)
            result = run.finished("a benchmark is of a finished run")
        losses = [result.splits[split]["loss_article"] for split in ("train", "test")]
        print(f"{epochs} epochs, seed {seed}: {losses}, {result.seconds:.0f} s", flush=True)
        yield result


def row(epochs: int, found: list[Result]) -> str:
    cells = [str(epochs), str(len(found))]
    for split in ("train", "test"):
        for name, digits in (("loss_article", 2), ("mse", 4), ("rate_nats", 2)):
            cells.append(spread([result.splits[split][name] for result in found], digits))
    cells.append(spread([result.seconds for result in found], 0))
    cells.append(spread([result.images_per_second for result in found], 0))
    return f"| {' | '.join(cells)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("REPARAM_DATA"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, nargs="+", default=[8, 30])
    options = parser.parse_args()
    if options.data_dir is None:
        parser.error("name the folder with the MNIST files: --data-dir, or REPARAM_DATA")
    images = load_images(configured(1, 0, options.data_dir).data)
    where = describe()
    arguments = [a for a in sys.argv[1:] if a != "--data-dir" and a != str(options.data_dir)]
    command = shlex.join(["python", "benchmarks/recipes.py", *arguments])
    found: dict[int, list[Result]] = {}
    for epochs in options.epochs:
        for result in results(epochs, range(options.seeds), images, options.data_dir):
            found.setdefault(epochs, []).append(result)
            text = table(found, where, command)
            write_section("recipes", text)  # after every run: they take minutes each
    print(text)
    return 0


def table(found: dict[int, list[Result]], where: str, command: str) -> str:
    lines = [
        f"{where}. Median (lowest to highest) over seeds.",
        "",
        "| epochs | seeds | training loss | MSE | KL, nats | test loss | MSE | KL, nats "
        "| seconds of steps | images/s |",
        f"| {' | '.join(['---'] * 10)} |",
        *(row(epochs, several) for epochs, several in found.items()),
        "",
        f"`{command}`",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())

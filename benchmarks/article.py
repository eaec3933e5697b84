"""The article's recipe beside the quick one: first 2,000 MNIST images, 10,000 test images.

    python benchmarks/article.py --data-dir FOLDER_WITH_MNIST [--seeds 5] [--models ae vae]

Trains with both recipes, alternately in one process, and writes the table into
benchmarks/RESULTS.md. The quick one is taken twice: with its own 30 epochs, and with as many as a
tenth of the article's time has room for.
"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from machine import describe
from results import spread, write_section

from reparam.data import ImageSet, load_images
from reparam.runs import Run, preset_config
from reparam.training import train

KINDS: dict[str, tuple[str, int | None]] = {
    "quick, 22 epochs": ("quick", 22),
    "quick": ("quick", None),
    "article": ("article", None),
}
"""Recipe, and epochs if not the recipe's own."""


@dataclass(frozen=True)
class Row:
    """One run: seconds of steps alone and of everything, and losses in the article's units."""

    seconds: float
    wall: float
    images_per_second: float
    train_loss: float
    test_loss: float
    test_mse: float
    test_kl: float


def measure(model: str, kind: str, seed: int, images: ImageSet, data_dir: Path) -> Row:
    recipe, epochs = KINDS[kind]
    config = preset_config(model, recipe)
    data = replace(
        config.data, source="mnist", data_dir=data_dir, train_size=2000, valid_fraction=0.0
    )
    if epochs is not None:
        config = replace(config, training=replace(config.training, epochs=epochs))
    config = replace(config, data=data, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", config, images, command="benchmark", overwrite=False)
        began = time.perf_counter()
        train(run, images)
        wall = time.perf_counter() - began
        result, last = run.finished("a benchmark is of a finished run"), run.metrics()[-1]
    test = result.splits["test"]
    return Row(
        seconds=result.seconds,
        wall=wall,
        images_per_second=result.images_per_second,
        train_loss=last.train["loss_article"],
        test_loss=test["loss_article"],
        test_mse=test["mse"],
        test_kl=test["rate_nats"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("REPARAM_DATA"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--models", nargs="+", choices=["ae", "vae"], default=["ae", "vae"])
    options = parser.parse_args()
    config = preset_config("vae", "article")
    data = replace(config.data, source="mnist", data_dir=options.data_dir)
    images = load_images(data)
    where = describe()  # before anything in the checkout can change
    rows: dict[tuple[str, str], list[Row]] = {}
    for seed in range(options.seeds):
        for model in options.models:
            for kind in KINDS:
                row = measure(model, kind, seed, images, options.data_dir)
                rows.setdefault((model, kind), []).append(row)
                print(model, kind, seed, row, file=sys.stderr, flush=True)
    write_section("article", table(rows, options.seeds, options.models, where))


def table(rows: dict[tuple[str, str], list[Row]], seeds: int, models: list[str], where: str) -> str:
    lines = [
        f"{where}. {seeds} seeds: median (lowest to highest).",
        "",
        "| model | recipe | training loss, last epoch | test loss | test MSE | test KL, nats "
        "| seconds of steps | wall seconds | images/s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (model, recipe), several in rows.items():
        digits = 4 if model == "ae" else 2
        cells = [
            model.upper(),
            recipe,
            spread([row.train_loss for row in several], digits),
            spread([row.test_loss for row in several], digits),
            spread([row.test_mse for row in several], 4),
            spread([row.test_kl for row in several], 2) if model == "vae" else "–",
            spread([row.seconds for row in several], 0),
            spread([row.wall for row in several], 0),
            spread([row.images_per_second for row in several], 0),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "Seconds of steps over the article's, seed by seed: "
        + "; ".join(
            f"{model.upper()} {kind} "
            + spread(
                [
                    q.seconds / a.seconds
                    for q, a in zip(rows[model, kind], rows[model, "article"], strict=True)
                ],
                3,
            )
            for model in models
            for kind in list(KINDS)[:-1]
        )
        + ".",
    ]
    command = ["python", "benchmarks/article.py", "--seeds", str(seeds), "--models", *models]
    lines += ["", f"`{shlex.join(command)}`"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

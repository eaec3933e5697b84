"""reparam info: what a run or a set of images holds."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from reparam.cli.flags import parse
from reparam.cli.reading import reading_progress
from reparam.cli.tables import new_table, print_table
from reparam.data import DataConfig, load_images
from reparam.errors import ConfigError
from reparam.evaluation.data_facts import data_facts
from reparam.evaluation.run_facts import run_facts
from reparam.runs import Run

BARS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 60
CURVE_ROWS = 8
RUN_FILES = ("config.json", "metrics.jsonl", "model.safetensors", "result.json", "checkpoints")
UNITS = {
    "loss_article": "factor · MSE + KL",
    "r_loss_article": "factor · MSE",
    "mse": "squared pixels",
    "loss_nats": "nats an image",
    "distortion_nats": "nats an image",
    "rate_nats": "nats an image",
    "loss_bits_per_dim": "bits a dimension",
    "dead_units": "latent dimensions below 0.01 nats",
}


@dataclass(frozen=True)
class InfoOptions:
    """Show what a run or a set of images holds.

    DATA is a run folder, or images: a name, an .npz or .npy file, or a folder. The options below
    are for images.
    """

    data: DataConfig = DataConfig(source="")

    json: bool = False
    """The same as JSON."""


def run(args: Sequence[str]) -> int:
    options = parse(InfoOptions(), args, prog="reparam info")
    source = options.data.source
    if not source:
        raise ConfigError("reparam info needs a run folder or images, found neither; name one")
    if _is_run(Path(os.path.expanduser(source))):
        facts = run_facts(Run.open(Path(os.path.expanduser(source))))
    else:
        with reading_progress() as progress:
            facts = data_facts(load_images(options.data, progress))
    if options.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    elif facts["kind"] == "run":
        _print_run(facts)
    else:
        _print_data(facts)
    return 0


def _is_run(path: Path) -> bool:
    return any((path / name).exists() for name in RUN_FILES)


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _pairs(rows: dict[str, str]) -> Table:
    table = new_table()
    table.show_header = False
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _print_run(facts: dict[str, Any]) -> None:
    state = "finished" if facts["finished"] else f"unfinished: reparam resume {facts['path']}"
    config = facts["config"]
    print_table(
        _pairs(
            {
                "run": facts["path"],
                "model": f"{facts['model']}, {config['model']['latent_dim']} latent dimensions",
                "data": config["data"]["source"],
                "images": f"{_times(facts['image_shape'])} (height × width × channels)",
                "weight": facts["weight"]["in_words"],
                "samples from": facts["prior"],
                "epochs": f"{facts['epochs_done']} of {facts['epochs_planned']}, {state}",
                "best epoch": str(facts["best_epoch"] or "none yet"),
                "seed": str(config["seed"]),
                "made": f"{facts['created']} by reparam {facts['versions']['reparam']}",
                "command": facts["command"],
            }
        )
    )
    print_table(_layers(facts), "layers")
    if facts["metrics"]:
        loss, title = "loss_article", "loss in the article's units, factor · MSE + KL"
        if facts["weight"]["moves"] or f"train_{loss}" not in facts["metrics"][0]:
            loss, title = "loss_nats", "loss in nats, the negative ELBO"
        print_table(_curve(facts["metrics"], loss), f"training curve: {title}")
        for part in ("train", "valid"):
            losses = [line.get(f"{part}_{loss}") for line in facts["metrics"]]
            if None not in losses:
                print(f"{part:5} {sparkline(losses)}")
    for warning in facts["warnings"]:
        print(f"warning, epoch {warning['epoch']}: {warning['message']}")
    if result := facts["result"]:
        title = (
            f"result after {result['epochs']} epochs, {result['seconds']:.1f} s, "
            f"{result['images_per_second']:,.0f} images/s "
            f"({result['device']}, {result['precision']}, {result['kernels']} kernels)"
        )
        print_table(_result(result), title)
        print(_again(result))


def _again(result: dict[str, Any]) -> str:
    """Whether the same command gives the same run once more."""
    if "deterministic" not in result:  # a run from before this was written down
        return "the same numbers again: unknown"
    held = "yes, to the last bit" if result["deterministic"] else "no, the last digits may differ"
    return f"the same numbers again: {held} ({result['deterministic_reason']})"


def _layers(facts: dict[str, Any]) -> Table:
    table = new_table()
    table.add_column("part")
    table.add_column("layer")
    table.add_column("output", justify="right")
    table.add_column("parameters", justify="right")
    for row in facts["layers"]:
        table.add_row(row["half"], row["layer"], _times(row["shape"]), f"{row['parameters']:,}")
    for half, count in facts["parameters"].items():
        table.add_row(half, "all", "", f"{count:,}", style="bold")
    total = sum(facts["parameters"].values())
    table.add_row("both", "all", "", f"{total:,}", style="bold")
    return table


def _curve(metrics: list[dict[str, Any]], loss: str) -> Table:
    """A few epochs, evenly spaced, the last among them; ``loss`` names the one that is shown."""
    table = new_table()
    columns = {
        "train loss": (f"train_{loss}", ".5g"),
        "valid loss": (f"valid_{loss}", ".5g"),
        "train mse": ("train_mse", ".5f"),
        "rate (nats)": ("train_rate_nats", ".2f"),
        "seconds": ("seconds", ".1f"),
    }
    table.add_column("epoch", justify="right")
    for title in columns:
        table.add_column(title, justify="right")
    rows = min(CURVE_ROWS, len(metrics))
    step = (len(metrics) - 1) / max(rows - 1, 1)
    for line in (metrics[round(i * step)] for i in range(rows)):
        cells = [f"{line[key]:{form}}" if key in line else "–" for key, form in columns.values()]
        table.add_row(str(line["epoch"]), *cells)
    return table


def sparkline(values: Sequence[float]) -> str:
    """The values from left to right as bars, at most 60 of them, the highest value highest."""
    width = min(CURVE_WIDTH, len(values))
    step = (len(values) - 1) / max(width - 1, 1)
    shown = [values[round(i * step)] for i in range(width)]
    low, high = min(shown), max(shown)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in shown)


def _result(result: dict[str, Any]) -> Table:
    splits = [name for name in ("train", "valid", "test") if name in result]
    table = new_table()
    table.add_column("")
    for split in splits:
        table.add_column(f"{split} ({result[split]['images']:,})", justify="right")
    table.add_column("unit")
    for key, unit in UNITS.items():
        if key not in result[splits[0]]:  # an AE has no units to count, nor nats alone an MSE
            continue
        table.add_row(key, *(f"{result[split][key]:.5g}" for split in splits), unit)
    return table


def _print_data(facts: dict[str, Any]) -> None:
    pixels = facts["pixels"]
    print_table(
        _pairs(
            {
                "data": facts["name"],
                "images": f"{facts['images']:,} of {_times(facts['image_shape'])} "
                "(height × width × channels)",
                "classes": f"{len(facts['class_names'])}" if facts["class_names"] else "no labels",
                "pixels": f"{pixels['min']} to {pixels['max']}, mean {pixels['mean']:.2f} "
                "(of 0..255)",
            }
        )
    )
    table = new_table()
    table.add_column("class")
    counts = facts["counts"]
    for split in counts:
        table.add_column(split, justify="right")
    table.add_row("all", *(f"{counts[split]['images']:,}" for split in counts))
    for name in counts["train"]["classes"]:
        table.add_row(name, *(f"{counts[split]['classes'][name]:,}" for split in counts))
    print_table(table, "images of each split and class")

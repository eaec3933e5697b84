"""reparam info: what a run or a set of images holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from reparam.cli.flags import parse
from reparam.cli.reading import Loader
from reparam.cli.tables import new_table, print_table
from reparam.cli.terminal import print_json
from reparam.data import DataConfig
from reparam.errors import ConfigError
from reparam.evaluation import DataFacts, RunFacts, data_facts, run_facts
from reparam.fields import as_path
from reparam.model import LOSS_UNITS
from reparam.printable import say
from reparam.runs import (
    SPLIT_IMAGES,
    Epoch,
    Metrics,
    Result,
    Run,
    RunConfig,
    command_line,
    is_run,
    options_of,
)

BARS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 60
CURVE_ROWS = 8
UNITS = {**LOSS_UNITS, "dead_units": "latent dimensions below 0.01 nats"}


@dataclass(frozen=True)
class InfoOptions:
    """Show what a run or a set of images holds.

    DATA is a run folder, or images: a name, an .npz or .npy file, or a folder. The options below
    are for images.

    Examples:
      reparam info runs/digits-vae
      reparam info photos/ --image-size 64 --json
    """

    data: DataConfig = DataConfig(source="")

    json: bool = False
    """The same as JSON."""


def run(args: Sequence[str]) -> int:
    options = parse(InfoOptions(), args, prog="reparam info")
    source = options.data.source
    if not source:
        raise ConfigError(
            "reparam info must have a run folder or images, got neither. Fix: name one"
        )
    path = as_path(source)
    facts = run_facts(Run.open(path)) if is_run(path) else data_facts(Loader()(options.data))
    if options.json:
        print_json(facts.to_mapping())
    elif isinstance(facts, RunFacts):
        _print_run(facts)
    else:
        _print_data(facts)
    return 0


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


def _print_run(facts: RunFacts) -> None:
    resume = command_line("resume", [facts.path])
    state = "finished" if facts.finished else f"unfinished: {resume}"
    config = facts.config
    print_table(
        _pairs(
            {
                "run": facts.path,
                "model": f"{config.preset}, {config.model.describe_latent()}",
                "parts": _parts(config),
                "data": config.data.source,
                "images": f"{_times(facts.image_shape)} (height × width × channels)",
                "classes": ", ".join(facts.class_names) or "no labels",
                "receptive field": _receptive_field(facts),
                "memory": f"about {facts.memory / 2**20:,.0f} MB for a training step of "
                f"{config.training.batch_size} images",
                "weight": facts.weight.description,
                "samples from": facts.prior,
                "epochs": f"{facts.epochs_done} of {facts.epochs_planned}, {state}",
                "best epoch": str(facts.best_epoch or "none yet"),
                "seed": str(config.seed),
                "made": f"{facts.created} by reparam {facts.versions.get('reparam', 'unknown')}",
                "command": facts.command,
            }
        )
    )
    print_table(_layers(facts), "layers")
    if facts.metrics:
        loss, title = "loss_article", "loss in the article's units, factor · MSE + KL"
        if facts.weight.moves or loss not in facts.metrics[0].train:
            loss, title = "loss_nats", "loss in nats (of a VAE, the negative ELBO)"
        print_table(_curve(facts.metrics, loss), f"training curve: {title}")
        curves = {
            "train": [epoch.train.get(loss) for epoch in facts.metrics],
            "valid": [epoch.valid.get(loss) for epoch in facts.metrics],
        }
        for split, losses in curves.items():
            known = [value for value in losses if value is not None]
            if len(known) == len(losses):
                say(f"{split:5} {sparkline(known)}")
    for warning in facts.warnings:
        say(f"warning, epoch {warning.epoch}: {warning.message}")
    if result := facts.result:
        title = (
            f"result after {result.epochs} epochs, {result.seconds:.1f} s, "
            f"{result.images_per_second:,.0f} images/s "
            f"({result.device}, {result.precision}, {result.kernels} kernels)"
        )
        if result.is_measured:
            print_table(_result(result), title)
        else:
            say(title)
        if result.arithmetic_reason:
            say(f"{result.precision}, {result.kernels} kernels: {result.arithmetic_reason}")
        say(_again(result))


def _receptive_field(facts: RunFacts) -> str:
    """Of the encoder's features."""
    side = facts.receptive_field
    return "the whole image" if side is None else f"{side} × {side} pixels"


def _parts(config: RunConfig) -> str:
    """What the model and its loss are made of, by kind and name."""
    parts = [option for option in options_of(config).values() if option.registry is not None]
    names = {
        p.name: p.default if isinstance(p.default, str) else " ".join(p.default) for p in parts
    }
    return ", ".join(f"{kind} {name}" for kind, name in names.items() if name)


def _again(result: Result) -> str:
    """Whether the same command gives the same run once more."""
    if result.deterministic is None:  # a run from before this was written down
        return "the same numbers again: unknown"
    held = "yes, to the last bit" if result.deterministic else "no, the last digits may differ"
    return f"the same numbers again: {held} ({result.deterministic_reason})"


def _layers(facts: RunFacts) -> Table:
    table = new_table()
    table.add_column("part")
    table.add_column("layer")
    table.add_column("output", justify="right")
    table.add_column("parameters", justify="right")
    for row in facts.layers:
        table.add_row(row.half, row.layer, _times(row.shape), f"{row.parameters:,}")
    for half, count in facts.parameters.items():
        table.add_row(half, "all", "", f"{count:,}", style="bold")
    total = sum(facts.parameters.values())
    table.add_row("model", "all", "", f"{total:,}", style="bold")
    return table


def _curve(metrics: Sequence[Epoch], loss: str) -> Table:
    """A few epochs, evenly spaced, the last among them; ``loss`` names the one that is shown."""
    table = new_table()
    for title in ("epoch", "train loss", "valid loss", "train mse", "rate (nats)", "seconds"):
        table.add_column(title, justify="right")
    rows = min(CURVE_ROWS, len(metrics))
    step = (len(metrics) - 1) / max(rows - 1, 1)
    for epoch in (metrics[round(i * step)] for i in range(rows)):
        table.add_row(
            str(epoch.epoch),
            _cell(epoch.train, loss, ".5g"),
            _cell(epoch.valid, loss, ".5g"),
            _cell(epoch.train, "mse", ".5f"),
            _cell(epoch.train, "rate_nats", ".2f"),
            f"{epoch.seconds:.1f}",
        )
    return table


def _cell(losses: Metrics, name: str, form: str) -> str:
    return f"{losses[name]:{form}}" if name in losses else "–"


def sparkline(values: Sequence[float]) -> str:
    """The values from left to right as bars, at most 60 of them, the highest value highest."""
    width = min(CURVE_WIDTH, len(values))
    step = (len(values) - 1) / max(width - 1, 1)
    shown = [values[round(i * step)] for i in range(width)]
    low, high = min(shown), max(shown)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in shown)


def _result(result: Result) -> Table:
    """Every loss of every split; those of parts from outside under their own names."""
    table = new_table()
    table.add_column("")
    for split, losses in result.splits.items():
        table.add_column(f"{split} ({losses[SPLIT_IMAGES]:,.0f})", justify="right")
    table.add_column("unit")
    found = next(iter(result.splits.values()))
    names = [name for name in UNITS if name in found]
    names += [name for name in found if name not in (*UNITS, SPLIT_IMAGES)]
    for name in names:
        cells = [_cell(losses, name, ".5g") for losses in result.splits.values()]
        table.add_row(name, *cells, UNITS.get(name, ""))
    return table


def _print_data(facts: DataFacts) -> None:
    pixels = facts.pixels
    rows = {
        "data": facts.name,
        "images": f"{facts.images:,} of {_times(facts.image_shape)} (height × width × channels)",
    }
    if facts.formats:
        rows["formats"] = ", ".join(f"{n:,} {form or '-'}" for form, n in facts.formats.items())
    if facts.factors:
        rows["factors"] = ", ".join(f"{name} ({kind})" for name, kind in facts.factors.items())
    rows |= {
        "classes": f"{len(facts.class_names)}" if facts.class_names else "no labels",
        "pixels": f"{pixels.low} to {pixels.high}, mean {pixels.mean:.2f} (of 0..255)",
    }
    print_table(_pairs(rows))
    table = new_table()
    table.add_column("class")
    for split in facts.counts:
        table.add_column(split, justify="right")
    table.add_row("all", *(f"{split.images:,}" for split in facts.counts.values()))
    for name in facts.counts["train"].classes:
        cells = [f"{split.classes[name]:,}" for split in facts.counts.values()]
        table.add_row(name, *cells)
    print_table(table, "images of each split and class")

"""reparam anomaly: good pictures to a detector, and new pictures through it."""

import importlib
from collections.abc import Callable, Mapping, Sequence

from reparam.errors import ConfigError, unknown_name
from reparam.printable import print_lines

STEPS: Mapping[str, tuple[str, str]] = {
    "fit": ("anomaly_fit", "train a model on good pictures, and calibrate it"),
    "calibrate": ("anomaly_calibrate", "calibrate a run that was trained already"),
    "score": ("anomaly_score", "a verdict, a p-value and a map of each new picture"),
    "test": ("anomaly_test", "how well known defects are found, by their kind"),
}


def run(args: Sequence[str]) -> int:
    if not args or args[0] in ("-h", "--help", "--help-all"):
        print_lines(_overview())
        return 0 if args else 2
    name, *rest = args
    if name not in STEPS:
        raise ConfigError(unknown_name("step of reparam anomaly", name, STEPS))
    command: Callable[[Sequence[str]], int]
    command = importlib.import_module(f"reparam.cli.{STEPS[name][0]}").run
    return command(rest)


def _overview() -> str:
    lines = [
        "usage: reparam anomaly STEP ...",
        "",
        "Anomaly detection: train on good pictures alone, and find what differs from them.",
        "",
        "steps:",
        *(f"  {name:12} {summary}" for name, (_, summary) in STEPS.items()),
        "",
        "  reparam anomaly STEP --help       the options that most people use, with examples",
        "  reparam anomaly STEP --help-all   every option of a step",
        "",
        "start with:  reparam anomaly fit good/ --out runs/good",
        "             reparam anomaly score runs/good new/ --out verdicts",
    ]
    return "\n".join(lines)

"""What a command costs before its work, beside importing PyTorch.

    python benchmarks/starting.py [--times 10]

Trains a run of one epoch on 200 of the digits that come with the package, and times whole processes
in turns, each by the clock and by its processor time. Writes the table into benchmarks/RESULTS.md.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from machine import describe
from results import spread, write_section

REPARAM = [sys.executable, "-m", "reparam"]
TORCH = "`python -c 'import torch'`"
TRAINING = [
    "train",
    "digits",
    "--model",
    "vae",
    "--train-size",
    "200",
    "--epochs",
    "1",
    "--sample-every",
    "0",
]


def seconds_of(words: Sequence[str]) -> tuple[float, float]:
    """Of one process: by the clock, and of the processor, user and system."""
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    taken = time.perf_counter() - started
    if status:
        raise RuntimeError(f"{' '.join(words)}: must end with status 0, got {status}")
    return taken, used.ru_utime + used.ru_stime


def measure(times: int) -> dict[str, list[tuple[float, float]]]:
    """Of each command, ``times`` pairs of seconds, after one round that counts for nothing."""
    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder) / "run")
        seconds_of([*REPARAM, *TRAINING, "--out", run])
        export = [*REPARAM, "export", run, "--onnx", str(Path(folder) / "onnx"), "--overwrite"]
        commands = {
            TORCH: [sys.executable, "-c", "import torch"],
            "`reparam --version`": [*REPARAM, "--version"],
            "`reparam train --help`": [*REPARAM, "train", "--help"],
            "`reparam info RUN`": [*REPARAM, "info", run],
            "`reparam export RUN --onnx DIR`": export,
        }
        rounds = [{name: seconds_of(words) for name, words in commands.items()}]
        for done in range(times):
            rounds.append({name: seconds_of(words) for name, words in commands.items()})
            print(f"round {done + 1} of {times}", flush=True)
    return {name: [each[name] for each in rounds[1:]] for name in commands}


def table(found: dict[str, list[tuple[float, float]]]) -> str:
    lines = [
        "| | seconds by the clock | times `import torch` | seconds of the processor "
        "| times `import torch` |",
        "| --- | --- | --- | --- | --- |",
    ]
    references = list(zip(*found[TORCH], strict=True))
    for name, pairs in found.items():
        cells = [name]
        for taken, reference in zip(zip(*pairs, strict=True), references, strict=True):
            ratios = [one / other for one, other in zip(taken, reference, strict=True)]
            cells += [spread(taken, 2), spread(ratios, 2)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument(
        "--section", default="starting", help="of RESULTS.md, one a kind of processor"
    )
    options = parser.parse_args()
    where = f"{describe()}. Medians of {options.times} (lowest to highest); ratios in each round."
    found = table(measure(options.times))
    section = [] if options.section == "starting" else ["--section", options.section]
    words = ["python", "benchmarks/starting.py", *section, "--times", str(options.times)]
    write_section(options.section, f"{where}\n\n{found}\n\n`{shlex.join(words)}`")


if __name__ == "__main__":
    main()

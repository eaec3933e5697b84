"""Two processes of one thread beside one process of two threads, and one of one thread.

    python benchmarks/scaling.py [--times 5] [--steps 28]

Trains the article's VAE on `digits` for some steps on the CPU, 128 images a step in all, by turns
and every time anew by the command itself, and writes the table into benchmarks/RESULTS.md.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe
from results import spread, write_section

BATCH = 128
WAYS = {  # processes, threads of each
    "1 process × 1 thread": (1, 1),
    "1 process × 2 threads": (1, 2),
    "2 processes × 1 thread": (2, 1),
}


def measure(processes: int, threads: int, steps: int) -> float:
    """Images a second of the second epoch; the first one warms up."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", "digits", "--out", f"{folder}/run", "--quiet", "--device", "cpu"]
        words += ["--train-size", str(steps * BATCH), "--epochs", "2", "--sample-every", "0"]
        words += ["--devices", str(processes), "--batch-size", str(BATCH // processes)]
        command = [sys.executable, "-m", "reparam", *words]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)})
        lines = (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()
    first, second = (json.loads(line)["seconds"] for line in lines)
    return steps * BATCH / (second - first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--steps", type=int, default=28, help="of an epoch; digits has 28 at most")
    options = parser.parse_args()
    where = describe()
    rows: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.times):
        for way, (processes, threads) in WAYS.items():
            rows[way].append(measure(processes, threads, options.steps))
            print(way, rows[way][-1], file=sys.stderr, flush=True)
    write_section("scaling", table(rows, options, where))


def table(rows: dict[str, list[float]], options: argparse.Namespace, where: str) -> str:
    lines = [
        f"{where}. {options.times} times {options.steps} steps of {BATCH} images: median (lowest "
        "to highest).",
        "",
        "| | images a second | over 1 process × 2 threads, pair by pair |",
        "| --- | --- | --- |",
    ]
    base = rows["1 process × 2 threads"]
    for way, speeds in rows.items():
        ratios = [a / b for a, b in zip(speeds, base, strict=True)]
        lines.append(f"| {way} | {spread(speeds, 0)} | {spread(ratios, 2)} |")
    words = ["python", "benchmarks/scaling.py", "--times", str(options.times)]
    words += ["--steps", str(options.steps)]
    return "\n".join([*lines, "", f"`{shlex.join(words)}`"])


if __name__ == "__main__":
    main()

"""What a million images cost beside 60,000: time per image in training, and resident memory.

    python benchmarks/growing.py [--times 5] [--steps 150]

Makes noise of 28 × 28 in two .npy files, trains the article's VAE on each, alternately, every time
in a process of its own, for some steps, and writes the table into benchmarks/RESULTS.md.
"""

import argparse
import contextlib
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from machine import describe
from results import spread, write_section

from reparam.data import load_images
from reparam.runs import Run, preset_config
from reparam.training import Event, StepDone, train

SIZES = (60_000, 1_000_000)
WARM_UP = 20
BATCH = 128


class Enough(Exception):
    """All the steps that were asked for are done."""


def write_images(path: Path, count: int) -> None:
    """Noise, in chunks, so that making it takes no memory either."""
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (count, 28, 28))
    for start in range(0, count, 10_000):
        images[start : start + 10_000] = rng.integers(0, 256, (10_000, 28, 28), np.uint8)
    images.flush()


def measure(path: Path, steps: int) -> dict[str, float]:
    """Microseconds per image of the steps after the warm-up, and peak memory in MB."""
    config = preset_config("vae")
    data = replace(config.data, source=str(path))
    config = replace(config, data=data, training=replace(config.training, batch_size=BATCH))
    images = load_images(data)
    stamps: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepDone):
            stamps.append(time.perf_counter())
            if len(stamps) == steps:
                raise Enough

    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", config, images, command="benchmark", overwrite=False)
        with contextlib.suppress(Enough):
            train(run, images, [listen])
    each = [b - a for a, b in zip(stamps[WARM_UP:], stamps[WARM_UP + 1 :], strict=False)]
    return {"microseconds": statistics.median(each) / BATCH * 1e6, "peak": peak_megabytes()}


def peak_megabytes() -> float:
    """Of this program alone: getrusage also counts that of the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--measure", type=Path, help="one measurement, for this program itself")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.steps)))
        return
    where = describe()
    rows: dict[int, list[dict[str, float]]] = {size: [] for size in SIZES}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            write_images(Path(folder) / f"{size}.npy", size)
        for _ in range(options.times):
            for size in SIZES:
                words = [sys.executable, __file__, "--steps", str(options.steps)]
                words += ["--measure", str(Path(folder) / f"{size}.npy")]
                said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
                rows[size].append(json.loads(said))
                print(size, rows[size][-1], file=sys.stderr, flush=True)
    write_section("growing", table(rows, options, where))


def table(rows: dict[int, list[dict[str, float]]], options: argparse.Namespace, where: str) -> str:
    lines = [
        f"{where}; {torch.get_num_threads()} threads. {options.times} times {options.steps} steps "
        f"of {BATCH}, of which the first "
        f"{WARM_UP} do not count: median (lowest to highest).",
        "",
        "| images | bytes of pixels, MB | µs an image in training | peak resident memory, MB |",
        "| --- | --- | --- | --- |",
    ]
    for size, several in rows.items():
        times, peaks = ([row[key] for row in several] for key in ("microseconds", "peak"))
        cells = (f"{size:,}", f"{size * 784 / 1e6:.0f}", spread(times, 0), spread(peaks, 0))
        lines.append(f"| {' | '.join(cells)} |")
    small, large = (rows[size] for size in SIZES)
    ratios = [b["microseconds"] / a["microseconds"] for a, b in zip(small, large, strict=True)]
    words = ["python", "benchmarks/growing.py", "--times", str(options.times)]
    words += ["--steps", str(options.steps)]
    lines += ["", f"A million over 60,000, µs an image, pair by pair: {spread(ratios, 3)}.", ""]
    return "\n".join([*lines, f"`{shlex.join(words)}`"])


if __name__ == "__main__":
    main()

"""How quick the explorer is: start, first points, decoding, pointer to paint, panning, thumbnails.

    python benchmarks/web.py [runs/demo/ae runs/demo/vae] [--times 5]

Starts `reparam explore` on copies of the runs (those of `reparam demo` unless others are named),
and opens their site in headless Chromium, from a server on this machine, a new browser each round.
Writes the table into benchmarks/RESULTS.md. The page with 70,000 points is the same site with its
points repeated, a little moved; so is that with 10,000 thumbnails, whose images are repeated, too.
A frame is the time between the stamps of two requestAnimationFrame callbacks, with another part of
the map in each; WebGL is what Chromium has without a graphics card (SwiftShader, on the processor).
"""

import argparse
import gzip
import hashlib
import io
import json
import math
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from results import spread, write_section
from web_page import DECODE, FRAMES, GRID, POINTER, READY, RENDERER, THUMBNAILS_READY

from reparam.explorer import ExplorerServer, site_files
from reparam.export import make_bundle
from reparam.export.sprites import Grid, sheets
from reparam.runs import Run

POINTS = 70_000
THUMBNAILS = 10_000
DECODES = 300
MOVES = 120
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
)
Files = dict[str, bytes]
Round = dict[str, float]


def with_points(files: Files, count: int) -> Files:
    """The site with ``count`` points in its last run: its own again and again, a little moved."""
    manifest = json.loads(files["data/manifest.json"])
    run = manifest["runs"][-1]
    points, d = run["points"], math.prod(run["latent"]["shape"])
    times = -(-count // points["count"])
    rng = np.random.default_rng(0)
    codes = np.frombuffer(files[points["mu"]["file"]], "<u2").reshape(-1, d)
    moved = np.tile(codes, (times, 1))[:count] + rng.normal(0, 600, (count, d))
    changed = dict(files)

    def put(entry: dict[str, Any], name: str, data: bytes) -> None:
        changed[name] = data
        digest = hashlib.sha256(data).hexdigest()
        entry.update(file=name, bytes=len(data), sha256=digest)

    put(points["mu"], "data/many-mu.bin", moved.clip(0, 65535).astype("<u2").tobytes())
    if points["labels"]:
        labels = np.frombuffer(files[points["labels"]["file"]], "<u2")
        put(points["labels"], "data/many-labels.bin", np.tile(labels, times)[:count].tobytes())
    if points["log_var"]:
        codes = np.frombuffer(files[points["log_var"]["file"]], "<u2").reshape(-1, d)
        data = np.tile(codes, (times, 1))[:count].tobytes()
        put(points["log_var"], "data/many-log-var.bin", data)
    if count <= THUMBNAILS:
        entry = points["thumbnails"]
        grid = Grid(*(entry[side] for side in ("width", "height", "columns", "rows")))
        images = np.tile(_images(files, entry, grid)[: points["count"]], (times, 1, 1, 1))[:count]
        entry["sheets"] = [{} for _ in range(-(-count // grid.places))]
        for k, png in enumerate(sheets(images, grid)):
            put(entry["sheets"][k], f"data/many-{k}.png", png)
    points["count"] = count
    manifest["runs"] = [run]
    changed["data/manifest.json"] = json.dumps(manifest).encode()
    return changed


def _images(files: Files, entry: dict[str, Any], grid: Grid) -> np.ndarray:
    """The images of the sheets, (n, height, width, channels)."""
    read = [np.array(Image.open(io.BytesIO(files[s["file"]]))) for s in entry["sheets"]]
    cells = np.stack(read).reshape(len(read), grid.rows, grid.height, grid.columns, grid.width, -1)
    return cells.swapaxes(2, 3).reshape(-1, grid.height, grid.width, cells.shape[-1])


def start(runs: Sequence[Path]) -> float:
    """Seconds from the command to the page from its server."""
    line = [sys.executable, "-P", "-m", "reparam", "explore", *map(str, runs), "--no-browser"]
    begun = time.perf_counter()
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(address) as page:
            page.read()
        seconds = time.perf_counter() - begun
        process.terminate()
    return seconds


def starts(runs: Sequence[Path], times: int) -> tuple[float, list[float]]:
    """Of copies of the runs: the first start, and each of the next ``times``."""
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder) / run.name for run in runs]
        for run, copy in zip(runs, copies, strict=True):
            shutil.copytree(run, copy, ignore=shutil.ignore_patterns("*.bundle"))
        return start(copies), [start(copies) for _ in range(times)]


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    page.evaluate(READY)
    return page


def measure(
    address: str, publish: Any, few: Files, many: Files, pictures: Files, run: str
) -> Round:
    """One round in a new browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=list(CHROMIUM))
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        publish(few)
        page = opened(context.new_page(), f"{address}#run={run}&panel=look")
        begun = page.evaluate("reparam.timings()")
        renderer = page.evaluate(RENDERER)
        decode = page.evaluate(DECODE, [run, DECODES])
        grid = page.evaluate(GRID, run)
        page.close()
        publish(many)
        page = opened(context.new_page(), f"{address}#run={run}&panel=look")
        crowded = page.evaluate("reparam.timings()")
        page.evaluate(POINTER[0], run)
        box = page.locator(".map").bounding_box()
        assert box
        for i in range(MOVES):
            turn = 2 * np.pi * i / MOVES
            x = box["x"] + box["width"] * (0.5 + 0.35 * np.cos(turn))
            page.mouse.move(x, box["y"] + box["height"] * (0.5 + 0.35 * np.sin(2 * turn)))
            page.wait_for_timeout(40)
        pointer = page.evaluate(POINTER[1])
        frames = page.evaluate(FRAMES, MOVES)
        page.wait_for_timeout(500)
        drawing = page.evaluate("(run) => reparam.drawing(run)", run)
        page.close()
        publish(pictures)
        page = opened(context.new_page(), f"{address}#run={run}&panel=look&points=pictures")
        page.evaluate(THUMBNAILS_READY, [run, THUMBNAILS])
        thumbnails = page.evaluate(FRAMES, MOVES)
        browser.close()
    assert "SwiftShader" in renderer, f"WebGL must be SwiftShader's, got {renderer}"
    return {
        "points": begun["points"],
        "first": begun["first"],
        "points, many": crowded["points"],
        "decode": statistics.median(decode["inside"]),
        "decode, p95": _p95(decode["inside"]),
        "round trip": statistics.median(decode["trip"]),
        "pointer": statistics.median(pointer),
        "pointer, p95": _p95(pointer),
        "pan, p95": _p95(frames),
        "drawing": drawing,
        "thumbnails": 1000 / statistics.mean(thumbnails),
        "thumbnails, p95": _p95(thumbnails),
        "grid": grid["milliseconds"],
        "task": grid["longest"],
    }


def _chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise SystemExit("no chromium on the PATH: on Debian, apt-get install chromium")
    return path


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))


def scripts(files: Mapping[str, bytes]) -> float:
    """Kilobytes of scripts and styles, gzipped; without the WebAssembly runtime."""
    sources = [data for name, data in files.items() if name.endswith((".js", ".css"))]
    return sum(len(gzip.compress(data, 9)) for data in sources) / 1000


ROWS = (
    ("start", "`reparam explore`, first start of two runs, s", "–"),
    ("start, again", "the same, each further start, s", "3"),
    ("points", "points on the screen after the page began, ms", "1000"),
    ("points, many", f"the same with {POINTS:,} points, ms", "–"),
    ("first", "first decoded image after the page began, ms", "2000"),
    ("decode", "one decode, median, ms", "2"),
    ("decode, p95", "one decode, p95, ms", "6"),
    ("round trip", "one decode with the way to the worker and back, median, ms", "–"),
    ("pointer", f"pointer to paint with {POINTS:,} points, median, ms", "–"),
    ("pointer, p95", f"pointer to paint with {POINTS:,} points, p95, ms", "35"),
    ("pan, p95", f"frames with {POINTS:,} points, panned and zoomed, p95, ms", "40"),
    ("drawing", f"{POINTS:,} points drawn anew once the map rests, ms", "–"),
    ("thumbnails", f"frames a second with {THUMBNAILS:,} thumbnails, panned and zoomed", "30"),
    ("thumbnails, p95", "one such frame, p95, ms", "–"),
    ("grid", "grid of 400 images, ms", "500"),
    ("task", "longest task on the main thread meanwhile, ms", "50"),
)


def table(rounds: list[Round], files: Files, where: str, options: argparse.Namespace) -> str:
    low, high = min(options.loads), max(options.loads)
    lines = [
        f"{where}. {len(rounds)} rounds: median (lowest to highest) of the rounds. Processes that "
        f"wanted a core meanwhile (load average): {low:.1f} to {high:.1f}.",
        "",
        "| | measured | allowed |",
        "| --- | --- | --- |",
        f"| scripts and styles without the runtime, gzipped, KB | {scripts(files):.1f} | 200 |",
    ]
    for key, name, allowed in ROWS:
        digits = 1 if key.startswith(("decode", "round", "start")) else 0
        lines.append(
            f"| {name} | {spread([r[key] for r in rounds if key in r], digits)} | {allowed} |"
        )
    words = ["python", "benchmarks/web.py", "--times", str(options.times)]
    return "\n".join([*lines, "", f"`{shlex.join(words)}`"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    demo = [Path("runs/demo/ae"), Path("runs/demo/vae")]
    parser.add_argument("runs", type=Path, nargs="*", default=demo, help="run folders, one or two")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--print", action="store_true", help="print the table only")
    options = parser.parse_args()
    where = describe()
    files = dict(site_files(make_bundle([Run.open(run) for run in options.runs]).files))
    run = json.loads(files["data/manifest.json"])["runs"][-1]["id"]
    many, pictures = (with_points(files, count) for count in (POINTS, THUMBNAILS))
    server = ExplorerServer(port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rounds = []
    options.loads = [os.getloadavg()[0]]
    first, again = starts(options.runs, options.times)
    for seconds in again:
        rounds.append(measure(server.address, server.publish, files, many, pictures, run))
        rounds[-1]["start, again"] = seconds
        if len(rounds) == 1:
            rounds[0]["start"] = first
        options.loads.append(os.getloadavg()[0])
        print({k: round(v, 1) for k, v in rounds[-1].items()}, flush=True)
    server.shutdown()
    text = table(rounds, files, where, options)
    if options.print:
        print(text)
    else:
        write_section("web", text)


if __name__ == "__main__":
    main()

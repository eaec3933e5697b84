"""The sites that the tests open: the one place that knows how they are made."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from manifests import read_manifest

Files = Mapping[str, bytes]
Once = Callable[[str, Callable[[Path], object]], Path]
"""Makes a folder of a name once for all workers of a test run."""


def command(*words: str | Path) -> None:
    """Runs reparam as from the shell; what it printed is the message where it fails."""
    line = [sys.executable, "-P", "-m", "reparam", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def demo_runs(once: Once) -> tuple[Path, Path]:
    """The AE and the VAE of `reparam demo`, but of 10 epochs of 1,500 digits and with scorecards of
    fewer draws; or those of a whole demo, in the folder that REPARAM_DEMO names.
    """

    def fill(out: Path) -> None:
        def make(model: str) -> None:
            short = ("--model", model, "--epochs", "10", "--train-size", "1500")
            command("train", "digits", *short, "--out", out / model, "--quiet")

        with ThreadPoolExecutor() as both:
            list(both.map(make, ("ae", "vae")))
        few = ("--draws", "1000", "--likelihood-images", "2")
        command("score", out / "ae", out / "vae", *few, "--quiet")

    given = os.environ.get("REPARAM_DEMO")
    out = Path(given) if given else once("demo", fill)
    return out / "ae", out / "vae"


def wide_run(once: Once) -> Path:
    """A VAE of six dimensions, hardly trained; REPARAM_WIDE names one that exists already."""

    def fill(out: Path) -> None:
        size = ("--train-size", "1000", "--epochs", "4", "--latent-dim", "6")
        command("train", "digits", "--out", out / "run", "--quiet", *size)

    given = os.environ.get("REPARAM_WIDE")
    return Path(given) if given else once("wide", fill) / "run"


def export(*runs: Path, site: Path, single_file: Path | None = None) -> None:
    """Writes the site of these runs, and the page as one file."""
    one = () if single_file is None else ("--single-file", single_file)
    command("export", *runs, "--site", site, *one)


def files_of(site: Path) -> Files:
    """A folder's files, as the server and any other web server would have them."""
    return {f.relative_to(site).as_posix(): f.read_bytes() for f in site.rglob("*") if f.is_file()}


def manifest(files: Files) -> dict[str, Any]:
    return read_manifest(files["data/manifest.json"])


def with_manifest(files: Files, changed: dict[str, Any]) -> Files:
    """The site with another manifest."""
    return {**files, "data/manifest.json": json.dumps(changed).encode()}

"""reparam explore as its own process: it says its address, serves the page, and ends on Ctrl-C."""

import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from manifests import read_manifest

from reparam.runs.folder import foreign_files

WITH_PAGE = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from reparam.explorer import built
built.PAGE = Path(sys.argv.pop(1))
from reparam.cli.main import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>the page</title>")
    (folder / "single.html").write_text("<!--BUNDLE-->")
    return folder


@contextmanager
def explorer(page: Path, *args: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", WITH_PAGE, str(page), "explore", "--no-browser"]
    process = subprocess.Popen(
        [*command, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read()


@pytest.mark.slow
def test_it_serves_the_runs_and_ends_on_ctrl_c(ae_run, vae_run, page) -> None:
    with explorer(page, ae_run, vae_run, "--images", "7") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert b"the page" in get(address)
        runs = read_manifest(get(f"{address}data/manifest.json"))["runs"]
        assert [(run["id"], run["points"]["count"]) for run in runs] == [("ae", 7), ("vae", 7)]
        for run in runs:
            mu = run["points"]["mu"]
            assert len(get(address + mu["file"])) == mu["bytes"] == 7 * 2 * 2
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0
        assert said.endswith("stopped\n")
        assert "Traceback" not in said
        assert "reaches this machine" not in said


@pytest.mark.slow
def test_a_second_start_does_not_make_the_bundle_again(vae_run: Path, page, tmp_path: Path) -> None:
    """Unless an option changed; the run stays one that may be trained anew."""
    run = shutil.copytree(vae_run, tmp_path / "run")
    manifests, said = [], []
    for images in ("7", "7", "6"):
        with explorer(page, run, "--images", images) as (process, address):
            manifests.append(get(f"{address}data/manifest.json"))
            process.send_signal(signal.SIGINT)
            said.append(process.communicate(timeout=60)[1])
    assert manifests[0] == manifests[1] != manifests[2]
    assert ["encoding the images" in words for words in said] == [True, False, True]
    assert foreign_files(run) == []


def test_another_host_is_warned_of(vae_run, page) -> None:
    with explorer(page, vae_run, "--host", "0.0.0.0") as (process, address):
        assert b"the page" in get(address)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert "with --host 0.0.0.0 everybody who reaches this machine can see the images" in said


def test_mistakes(refused, vae_run) -> None:
    assert "port must be a number from 1 to 65535, got 70000" in refused(
        "explore", vae_run, "--port", "70000"
    )
    assert "images must be 1 or more" in refused("explore", vae_run, "--images", "-1")

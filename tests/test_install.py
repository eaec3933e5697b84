"""The wheel with the core dependencies alone: nothing else is on the path."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import reparam
from reparam.extras import EXTRAS, is_installed
from reparam.loggers import LOGGERS, LoggerOptions

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_extras_of_the_package_are_those_that_it_asks_for() -> None:
    optional = PROJECT["optional-dependencies"]
    assert set(EXTRAS) <= set(optional)
    in_all = Requirement(optional["all"][0]).extras
    assert in_all == set(optional) - {"all", "bench", "dev", "docs"}
    loggers = {part.extra: (part.package,) for part in _loggers()}
    assert in_all == {*EXTRAS, *loggers}
    packages = packages_distributions()
    for extra, modules in {**EXTRAS, **loggers}.items():
        if is_installed(modules[0]):
            providers = {canonicalize_name(packages[module][0]) for module in modules}
            assert providers == set(_packages_of(extra)), extra


def _loggers() -> Iterator[type[LoggerOptions]]:
    """Those of the package itself."""
    for name in LOGGERS.names:
        part = LOGGERS.find(name)
        if part.__module__.startswith("reparam."):
            yield part


def _packages_of(extra: str) -> Iterator[str]:
    """The packages that the extra names, through the extras of reparam that it names."""
    for line in PROJECT["optional-dependencies"][extra]:
        wanted = Requirement(line)
        if wanted.name == "reparam":
            for other in wanted.extras:
                yield from _packages_of(other)
        else:
            yield canonicalize_name(wanted.name)


def test_the_readmes_count_the_dependencies() -> None:
    count = len(PROJECT["dependencies"])
    for name, words in (("", f"({count} dependencies:"), (".ko", f"패키지 {count}개")):
        assert words in (ROOT / f"README{name}.md").read_text(encoding="utf-8")


HELP_WITHOUT_EXTRAS = """
import sys
from reparam.cli.main import run
from reparam.cli.reference import command_modules
from reparam.extras import EXTRAS
for modules in EXTRAS.values():
    sys.modules.update(dict.fromkeys(modules))  # None: an import of it fails
for command in command_modules():
    try:
        status = run([*command.split(), "--help"])
    except SystemExit as shown:
        status = shown.code
    assert status == 0, command
"""


def test_help_needs_no_extra() -> None:
    command = [sys.executable, "-c", HELP_WITHOUT_EXTRAS]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _core() -> dict[str, Path]:
    """Top-level files and folders of the core dependencies and of theirs."""
    places: dict[str, Path] = {}
    seen, todo = set(), list(PROJECT["dependencies"])
    while todo:
        wanted = Requirement(todo.pop())
        if wanted.name in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(wanted.name)
        found = distribution(wanted.name)
        todo += found.requires or ()
        tops = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
        places |= {top: Path(str(found.locate_file(top))) for top in tops}
    return places


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the wheel's content and links to the core dependencies."""
    pytest.importorskip("hatchling")
    if not (ROOT / "reparam/explorer/page/index.html").is_file():
        pytest.skip("the wheel has the explorer's page: run make page")
    folder = tmp_path_factory.mktemp("installed")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    subprocess.run([*build, ROOT], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name, place in _core().items():
        (site / name).symlink_to(place)
    return site


@pytest.mark.slow
def test_the_wheel_says_what_it_has_from_others(installed: Path) -> None:
    (facts,) = installed.glob("reparam-*.dist-info")
    licences = (ROOT / "web/public/THIRD_PARTY_LICENSES.txt").read_bytes()
    for copy in (facts / "licenses/web/public", installed / "reparam/explorer/page"):
        assert (copy / "THIRD_PARTY_LICENSES.txt").read_bytes() == licences
    bill = facts / "sboms/sbom.cdx.json"
    assert bill.read_bytes() == (ROOT / "sbom.cdx.json").read_bytes()
    single = (installed / "reparam/explorer/page/single.html").read_text(encoding="utf-8")
    assert all(line in single for line in licences.decode().splitlines() if "Copyright" in line)


def test_the_change_log_begins_with_this_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert first
    assert first[1] == reparam.__version__
    start = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert f"reparam-{reparam.__version__}-py3" in start


def _reparam(site: Path, folder: Path, *words: str) -> tuple[int, str]:
    """Exit status and last line. -S: without the environment's own packages."""
    said = subprocess.run(
        [sys.executable, "-S", "-m", "reparam", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    return said.returncode, (said.stdout + said.stderr).strip().rpartition("\n")[2]


@pytest.mark.slow
def test_the_core_alone_trains_samples_and_scores(installed: Path, tmp_path: Path) -> None:
    def works(*words: str) -> None:
        status, line = _reparam(installed, tmp_path, *words)
        assert status == 0, line

    def lacks(extras: str, *words: str) -> None:
        status, line = _reparam(installed, tmp_path, *words)
        assert status == 2
        assert line.endswith(f"not installed. Fix: pip install 'reparam[{extras}]'"), line

    train = ("train", "digits", "--train-size", "600", "--epochs", "1", "--quiet")
    works(*train, "--out", "run")
    works("sample", "run", "--count", "4")
    works("encode", "run")
    works("encode", "run", "--out", "latents.npz")
    works("decode", "run", "latents.npz")
    works("reconstruct", "run")
    works("info", "run")
    works("score", "run", "--quiet")
    for words in (("demo",), ("report", "run"), ("compare", "run"), ("sweep", "digits")):
        works(words[0], "--help")
        lacks("report", *words)
    works("neighbours", "--help")
    works("anomaly", "score", "--help")
    works("push", "--help")
    lacks("tables", "neighbours", "run")
    lacks("tables", "encode", "run", "--out", "latents.parquet")
    lacks("tables", "decode", "run", "run/export/latents.csv", "--out", "more")
    lacks("report,tables", "anomaly", "score", "run", "digits")
    lacks("export", "export", "run", "--onnx", "onnx")
    lacks("explore", "export", "run", "--site", "site")
    lacks("diffusers", "export", "run", "--diffusers", "folder")
    lacks("explore", "explore", "run", "--no-browser")
    lacks("hub", "push", "run", "someone/model")
    lacks("hub", "pull", "someone/model")
    lacks("flow", "train", "digits", "--prior", "flow", "--out", "flow")
    assert not (tmp_path / "flow").exists()
    lacks("flow", "fit-prior", "run", "--prior", "flow")
    lacks("tensorboard", *train, "--logger", "tensorboard", "--out", "logged")
    lacks("perceptual", *train, "--terms", "perceptual", "--out", "perceptual")

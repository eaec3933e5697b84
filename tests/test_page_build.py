"""The page is built by npm once for each state of its sources. Here its sources are a stand-in."""

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

BUILD = """
const fs = require("fs");
fs.mkdirSync("dist/assets", { recursive: true });
for (const name of ["index.html", "single.html"]) fs.copyFileSync("src/index.html", "dist/" + name);
fs.appendFileSync("times.log", "x");
"""


@pytest.fixture
def hook() -> ModuleType:
    path = Path(__file__).parents[1] / "hatch_build.py"
    spec = importlib.util.spec_from_file_location("hatch_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    web = tmp_path / "web"
    (web / "src").mkdir(parents=True)
    (web / "src" / "index.html").write_text("one")
    (web / "build.cjs").write_text(BUILD)
    package = {"name": "stand-in", "version": "1.0.0", "scripts": {"build": "node build.cjs"}}
    lock = {"name": "stand-in", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": package}}
    (web / "package.json").write_text(json.dumps(package))
    (web / "package-lock.json").write_text(json.dumps(lock))
    return tmp_path


needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@needs_npm
def test_it_builds_when_the_sources_changed_and_only_then(hook: ModuleType, root: Path) -> None:
    page = root / "reparam" / "explorer" / "page"
    (root / "web" / "build.cjs").write_text(BUILD.replace("times.log", "../times.log"))
    assert hook.build_page(root)
    assert (page / "index.html").read_text() == "one"
    assert not hook.build_page(root)
    (root / "web" / "src" / "index.html").write_text("two")
    (page / "of-the-old-page.js").write_text("")
    assert hook.build_page(root)
    assert (page / "index.html").read_text() == "two"
    assert not (page / "of-the-old-page.js").exists()
    assert (root / "times.log").read_text() == "xx"
    assert [entry.name for entry in page.parent.iterdir()] == ["page"]


@needs_npm
def test_the_old_page_stays_when_the_build_fails(hook: ModuleType, root: Path) -> None:
    page = root / "reparam" / "explorer" / "page"
    assert hook.build_page(root)
    (root / "web" / "build.cjs").write_text("process.exit(3)")
    with pytest.raises(hook.PageBuildError, match=r"npm run build .* status 0, got 3"):
        hook.build_page(root)
    assert (page / "index.html").read_text() == "one"


def test_without_npm_it_says_so(
    hook: ModuleType, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(hook.PageBuildError, match=r"no npm on the PATH\. Fix: install Node\.js"):
        hook.build_page(root)


def test_a_page_that_is_built_needs_no_npm(
    hook: ModuleType, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = root / "reparam" / "explorer" / "page"
    page.mkdir(parents=True)
    (page / "index.html").write_text("built elsewhere")
    (page / hook.STAMP).write_text(hook.sources_hash(root / "web"))
    monkeypatch.setenv("PATH", str(root))
    assert not hook.build_page(root)


def test_the_hash_is_of_sources_alone(hook: ModuleType, root: Path) -> None:
    web = root / "web"
    before = hook.sources_hash(web)
    for folder in ("node_modules", "dist", "test-results"):
        (web / folder).mkdir()
        (web / folder / "made.js").write_text("made")
    assert hook.sources_hash(web) == before
    (web / "src" / "index.html").rename(web / "src" / "renamed.html")
    assert hook.sources_hash(web) != before


def test_without_sources_it_says_so(hook: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(hook.PageBuildError, match=r"got no package\.json"):
        hook.build_page(tmp_path)

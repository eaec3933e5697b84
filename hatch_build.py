"""Builds the explorer's page: web/ by npm into reparam/explorer/page, where web/ has changed.

hatchling calls it for a wheel, which then carries the page and installs without npm. An editable
install leaves the page alone. By hand: ``python hatch_build.py`` (or ``make page``).
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, where hatchling need not be installed
    BuildHookInterface = object

ROOT = Path(__file__).parent
NOT_SOURCES = frozenset(("node_modules", "dist", "test-results", "playwright-report"))
"""Folders of web/ that building and testing make."""

STAMP = ".sources"
"""In the page's folder: the hash of the sources that it was built from."""

COMMANDS = (("ci",), ("run", "build"))


class PageBuildHook(BuildHookInterface):  # type: ignore[misc, valid-type]
    """What hatchling calls before it puts a wheel together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        try:
            build_page(ROOT)
        except PageBuildError as error:
            self.app.abort(str(error))


class PageBuildError(RuntimeError):
    """The page cannot be built; one line that says what to do."""


def build_page(root: Path) -> bool:
    """Builds ``root``/web into ``root``/reparam/explorer/page; False where nothing has changed.

    The old page stands until the new one is whole. Raises PageBuildError without web/ or npm, and
    where a command of npm fails or leaves no page.
    """
    web, page = root / "web", root / "reparam" / "explorer" / "page"
    if not (web / "package.json").is_file():
        raise PageBuildError(
            f"the explorer's page is built from {web}, got no package.json there. Fix: build from "
            "a checkout or from the whole source distribution"
        )
    key = sources_hash(web)
    stamp = page / STAMP
    if stamp.is_file() and stamp.read_text() == key and (page / "index.html").is_file():
        return False
    npm = shutil.which("npm")
    if npm is None:
        raise PageBuildError(
            "the explorer's page is built by npm, got no npm on the PATH. Fix: install Node.js "
            "20.19 or newer, which brings it (https://nodejs.org), or install a wheel of reparam, "
            "which has the page"
        )
    for command in COMMANDS:
        done = subprocess.run([npm, *command], cwd=web, check=False)
        if done.returncode:
            raise PageBuildError(
                f"npm {' '.join(command)} in {web} must end with status 0, got "
                f"{done.returncode}. Fix: see its messages above"
            )
    missing = [n for n in ("index.html", "single.html") if not (web / "dist" / n).is_file()]
    if missing:
        raise PageBuildError(
            f"npm run build must write {web / 'dist' / missing[0]}, got none. Fix: see its messages"
        )
    _replace(page, web / "dist", key)
    return True


def sources_hash(web: Path) -> str:
    """SHA-256 of every source's name and content; what building makes does not count."""
    digest = hashlib.sha256()
    for file in sorted(web.rglob("*")):
        parts = file.relative_to(web).parts
        if file.is_file() and not NOT_SOURCES.intersection(parts):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{'/'.join(parts)}\0{content}\n".encode())
    return digest.hexdigest()


def _replace(page: Path, dist: Path, key: str) -> None:
    """Puts a copy of ``dist``, with its stamp, in the place of ``page``."""
    page.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=page.parent, prefix=".page-") as temporary:
        fresh = Path(temporary) / "page"
        shutil.copytree(dist, fresh)
        (fresh / STAMP).write_text(key)
        if page.exists():
            page.rename(Path(temporary) / "old")
        fresh.rename(page)


if __name__ == "__main__":
    try:
        print("built" if build_page(ROOT) else "nothing has changed")
    except PageBuildError as error:
        sys.exit(f"error: {error}")

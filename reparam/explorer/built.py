"""The explorer's page as it was built from web/: the files of ``reparam/explorer/page``."""

from collections.abc import Mapping
from pathlib import Path

from reparam.errors import PageError

PAGE = Path(__file__).parent / "page"
"""Written by hatch_build.py; part of the wheel, and of no checkout."""

INDEX = "index.html"
SINGLE = "single.html"
"""The page with its scripts, styles, worker and WebAssembly in one file."""


def check_page() -> None:
    """Raises PageError where the page was not built: looked at before any work is done."""
    for name in (INDEX, SINGLE):
        if not _is_of_the_page(PAGE / name):
            raise _not_built(name)


def page_files() -> Mapping[str, bytes]:
    """Every file of the page but the single one, by its name below the site.

    Links and hidden files are left out. Raises PageError where the page was not built.
    """
    check_page()
    files = {
        file.relative_to(PAGE).as_posix(): file.read_bytes()
        for file in sorted(PAGE.rglob("*"))
        if _is_of_the_page(file)
    }
    del files[SINGLE]
    return files


def single_page() -> bytes:
    """The page as one file, without data. Raises PageError where the page was not built."""
    check_page()
    return (PAGE / SINGLE).read_bytes()


def _is_of_the_page(file: Path) -> bool:
    """Whether a file lies in the page's folder by itself: no link on the way, nothing hidden."""
    if not file.is_file():
        return False
    parts = file.relative_to(PAGE).parts
    hidden = any(part.startswith(".") for part in parts)
    return not hidden and file.resolve() == PAGE.resolve().joinpath(*parts)


def _not_built(name: str) -> PageError:
    return PageError(
        f"the explorer's page must be built once, got no {PAGE / name}. Fix: run `make page` in "
        "the checkout, which needs npm (it comes with Node.js, https://nodejs.org), or install a "
        "wheel of reparam, which has it"
    )

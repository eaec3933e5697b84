"""A page that stands in for the built one, which takes npm."""

from pathlib import Path

import pytest

from reparam.explorer import built

INDEX = b'<!doctype html><title>page</title><script type="module" src="assets/a.js"></script>'
SINGLE = b"<!doctype html><title>page</title><body><!--BUNDLE--><script>1</script></body>"


def write_page(folder: Path) -> Path:
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(INDEX)
    (folder / "single.html").write_bytes(SINGLE)
    (folder / "assets" / "a.js").write_bytes(b"console.log(1)")
    (folder / ".sources").write_text("hash")
    return folder


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_page(tmp_path / "page")
    monkeypatch.setattr(built, "PAGE", folder)
    return folder

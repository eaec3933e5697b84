"""Page and bundle put together."""

import base64
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reparam.errors import PageError
from reparam.explorer import built, check_page, single_file, site_files

from .conftest import INDEX

BUNDLE = {
    "data/manifest.json": b'{"classes": ["</script><!--<img onerror=1>"]}',
    "data/vae/mu.bin": bytes(range(256)) * 40,
    "data/</script><b>.bin": b"a name that nothing here makes",
}


class Elements(HTMLParser):
    """The tags of a page, and the text of the element with the id bundle."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.bundle = ""
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.inside = ("id", "bundle") in attrs

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.bundle += data


def test_a_site_is_the_page_and_the_bundle(page: Path) -> None:
    files = site_files(BUNDLE)
    assert files == {"index.html": INDEX, "assets/a.js": b"console.log(1)", **BUNDLE}


def test_one_file_holds_every_file_of_the_bundle(page: Path) -> None:
    found = Elements()
    found.feed(single_file(BUNDLE).decode())
    assert found.tags == ["title", "body", "script", "script"]
    coded = json.loads(found.bundle)
    assert {name: base64.b64decode(data) for name, data in coded.items()} == BUNDLE


@pytest.mark.parametrize("content", [b"<!doctype html>", b"<!--BUNDLE--><!--BUNDLE-->"])
def test_a_single_page_that_does_not_say_where_the_bundle_goes(page: Path, content: bytes) -> None:
    (page / "single.html").write_bytes(content)
    with pytest.raises(PageError, match=r"must hold <!--BUNDLE--> once, got (none|2)"):
        single_file(BUNDLE)


@pytest.mark.parametrize("missing", ["index.html", "single.html"])
def test_a_page_that_was_not_built_says_what_to_run(page: Path, missing: str) -> None:
    check_page()
    (page / missing).unlink()
    for call in (check_page, lambda: site_files(BUNDLE), lambda: single_file(BUNDLE)):
        with pytest.raises(PageError, match=rf"{missing}\. Fix: run `make page` .* needs npm"):
            call()


def test_links_out_of_the_page_are_not_followed(page: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.txt").write_text("secret")
    (page / "key.txt").symlink_to(secret / "key.txt")
    (page / "more").symlink_to(secret)
    assert set(site_files({})) == {"index.html", "assets/a.js"}
    (page / "index.html").unlink()
    (page / "index.html").symlink_to(secret / "key.txt")
    with pytest.raises(PageError):
        site_files({})


def test_the_page_belongs_to_the_package() -> None:
    assert Path(built.__file__).parent / "page" == built.PAGE

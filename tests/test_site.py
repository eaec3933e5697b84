"""The documentation's site: what its menu names, what its tutorials run, what its pages load."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import griffe
import jupytext
import markdown
import pytest
import yaml
from mkdocs.exceptions import PluginError

import mkdocs_hooks
import reparam
from mkdocs_layout import Layout
from mkdocs_signatures import Defaults, in_python

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIALS = DOCS / "tutorials"


def named(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for part in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from named(part)


def cells(page: Path) -> list[str]:
    notebook = jupytext.read(page, fmt="md")
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_the_menu_names_every_page_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    pages = [page for page in named(nav) if not page.startswith(mkdocs_hooks.REPOSITORY)]
    written = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert sorted(pages) == sorted(written)


@pytest.mark.parametrize("page", sorted(TUTORIALS.glob("*.ko.md")), ids=lambda page: page.name)
def test_a_translation_has_the_cells_of_its_original(page: Path) -> None:
    assert cells(page) == cells(TUTORIALS / page.name.replace(".ko", "")) != []


def test_the_reference_has_every_public_name_once() -> None:
    names = [name for group in mkdocs_hooks._packages().values() for name in group]
    assert sorted(names) == sorted(set(reparam.__all__) - {"__version__"})


def test_every_command_has_a_page_and_a_sentence() -> None:
    pages = mkdocs_hooks._commands()
    steps = {f"anomaly {step}" for step in ("fit", "calibrate", "score", "test")}
    assert steps <= set(pages)
    assert len({mkdocs_hooks._command_page(name) for name in pages}) == len(pages)
    assert all(20 < len(mkdocs_hooks._summary(text)) < 200 for text in pages.values())
    assert mkdocs_hooks._summary(pages["anomaly test"]) in pages["anomaly test"].replace("\n", " ")


@pytest.mark.parametrize(
    ("place", "uri", "link", "led"),
    [
        ("docs/models.md", "models.md", "anomaly.md", "anomaly.md"),
        (
            "docs/models.md",
            "models.md",
            "../benchmarks/RESULTS.md",
            "repository/benchmarks/RESULTS.md",
        ),
        (
            "docs/measures/fid.md",
            "measures/fid.md",
            "../../reparam/errors.py",
            "../repository/reparam/errors.py.md",
        ),
        ("CHANGELOG.md", "repository/CHANGELOG.md", "docs/models.md", "../models.md"),
    ],
)
def test_a_link_leads_to_the_same_file(place: str, uri: str, link: str, led: str) -> None:
    text = f"[a]({link}) [b]({link}#part) [c](https://example.org/{link}) [d](#part)"
    expected = f"[a]({led}) [b]({led}#part) [c](https://example.org/{link}) [d](#part)"
    assert mkdocs_hooks._led(text, place, uri) == expected


def test_a_link_to_a_command_leads_to_its_page() -> None:
    said = mkdocs_hooks._led("[a](../commands/index.md#anomaly-fit)", "docs/a/b.md", "a/b.md")
    assert said == "[a](../commands/anomaly-fit.md)"


def test_cells_run_once_for_both_languages_and_a_failure_names_its_page() -> None:
    page = "```python\nimport time\ntime.time_ns()\n```"
    first = mkdocs_hooks._executed(page, "tutorials/a.md", None, None)
    again = mkdocs_hooks._executed(f"한국어\n\n{page}", "tutorials/a.ko.md", None, None)
    assert re.search(r"\d{15}", first)
    assert again == f"한국어\n\n{first}"
    with pytest.raises(PluginError, match=r"tutorials/b.md: (.|\n)*ZeroDivisionError"):
        mkdocs_hooks._executed("```python\n1 / 0\n```", "tutorials/b.md", None, None)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("x = 1", "```python\nx = 1\n```"),
        ("%%sh\nls", "```sh\nls\n```"),
        ("%%writefile a.py\nx = 1", '```python title="a.py"\nx = 1\n```'),
    ],
)
def test_a_cell_is_shown_in_its_language(cell: str, shown: str) -> None:
    assert mkdocs_hooks._shown(cell) == shown


def test_a_long_line_that_a_cell_prints_continues_below() -> None:
    words, row = "word " * 40, "  a" + " " * 80 + "b"
    shown = mkdocs_hooks._text(f"{row}\n{words}").split("\n")[1:-1]
    assert shown[0] == row
    assert "".join(shown[1:]).split() == words.split()
    assert all(len(line) <= mkdocs_hooks.COLUMNS for line in shown)


def test_a_cell_shows_no_address() -> None:
    assert "\n3 at 0x1\n" in mkdocs_hooks._text("3 at 0x1\n")
    with pytest.raises(PluginError, match=r"got <a\.Legend at 0x7f52>\. Fix"):
        mkdocs_hooks._text("<a.Legend at 0x7f52>")


def test_code_that_is_not_run_is_shown_as_other_code() -> None:
    text = "```python .noeval\nx = 1\n```\n\n```sh\nls\n```"
    assert mkdocs_hooks.UNRUN.sub(r"\1", text) == text.replace(" .noeval", "")
    ran = jupytext.reads(mkdocs_hooks.PYTHON + text, fmt="md").cells
    assert [cell.source for cell in ran if cell.cell_type == "code"] == ["%%sh\nls"]


@pytest.mark.parametrize("name", ["AE", "VAE", "DenoisingAE"])
def test_an_estimators_arguments_are_explained(name: str) -> None:
    rows = mkdocs_hooks._arguments(name).split("| --- | --- | --- |\n")[1].strip().split("\n")
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    arguments = inspect.signature(getattr(reparam, name)).parameters
    assert [cell[0].strip() for cell in cells] == [f"`{argument}`" for argument in arguments]
    assert all(len(cell) == 3 and len(cell[2]) > 10 for cell in cells)


def test_a_base_that_is_not_exported_is_shown_once_before_those_that_have_it() -> None:
    page = mkdocs_hooks._package_text("estimators", ["AE", "VAE"])
    blocks = re.findall(r"^::: (\S+)$", page, re.MULTILINE)
    bases = ["reparam.estimators.base.Estimator", "reparam.estimators.using.FittedModel"]
    assert blocks == [*bases, "reparam.AE", "reparam.VAE"]


def test_a_signature_shows_defaults_and_not_how_flags_look() -> None:
    found = griffe.load("reparam.data", extensions=griffe.load_extensions(Defaults))
    parameters = {one.name: str(one.default) for one in found["config.DataConfig"].parameters}
    assert parameters["source"] == "'digits'"
    assert parameters["image_size"] == parameters["pixel_range"] == "None"
    found = griffe.load("reparam.objective", extensions=griffe.load_extensions(Defaults))
    assert str(found["base.Added.details"].value) == "dict()"
    assert str(found["mmd.MmdOptions.weight"].value) == "10.0"


def test_an_explanation_names_options_as_python_does() -> None:
    assert in_python("Of --image-size (--range) or --no-split-folders.") == (
        "Of `image_size` (`range`) or `split_folders=False`."
    )
    assert in_python("See `--weight` and --help-all - or --.") == (
        "See `--weight` and `--help-all` - or --."
    )


def laid_out(text: str) -> str:
    return markdown.markdown(text, extensions=["tables", Layout()])


def test_a_table_with_sentences_is_marked_and_its_cells_have_their_titles() -> None:
    page = laid_out(f"| a | `b` |\n| --- | --- |\n| c | {'word ' * 20} |")
    assert '<table data-prose="">' in page
    assert '<td data-title="a">c</td>' in page
    assert '<td data-title="b">word' in page
    assert "data-prose" not in laid_out("| a | b |\n| --- | --- |\n| 1 | 2 |")


@pytest.mark.parametrize("code", ["a", "--a  --b", "a <b> &c; && &amp;", "'a' \"b\"", "x" * 40])
def test_code_is_what_it_was_but_for_marks(code: str) -> None:
    assert re.sub("</?span[^>]*>", "", laid_out(f"`{code}`")) == markdown.markdown(f"`{code}`")


def test_words_of_code_that_fit_a_line_stay_whole() -> None:
    page = laid_out(f"`--image-size {'x' * 40}`")
    assert '<span class="word">--image-size</span>' in page
    assert f"<span>{'x' * 40}</span>" in page


def test_options_in_commands_stay_whole() -> None:
    text = "```sh\nreparam train a/ --latent-dim 2 \\\n    --out b-c  # d --e\n```\n\n--f"
    pieces = {"pymdownx.highlight": {"pygments_lang_class": True}}
    names = ["pymdownx.highlight", "pymdownx.superfences"]
    before = markdown.markdown(text, extensions=names, extension_configs=pieces)
    after = mkdocs_hooks.on_page_content(before, *[None] * 3)
    assert re.findall(r'<span class="word">([^<]*)</span>', after) == ["--latent-dim", "--out"]
    assert re.sub(r'<span class="word">([^<]*)</span>', r"\1", after) == before


def test_options_in_headings_stay_whole() -> None:
    html = '<h2 id="a --b">Options of --latent-dim</h2><p>of --latent-dim</p>'
    assert mkdocs_hooks.on_page_content(html, *[None] * 3) == html.replace(
        "--latent-dim</h2>", '<span class="word">--latent-dim</span></h2>'
    )


class Loads(HTMLParser):
    """What a page makes a browser load, and no more: a link that one follows is not loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        kept = ["src", "srcset", "poster", "data"] + (["href"] if tag == "link" else [])
        self.found += [value for name in kept if (value := given.get(name))]
        self.found += re.findall(r"url\(([^)]+)\)", given.get("style") or "")


def test_loads_are_found() -> None:
    page = Loads()
    page.feed(
        '<a href="https://a"><img src="https://b"><link href="https://c"><i style="x:url(d)">'
    )
    assert page.found == ["https://b", "https://c", "d"]


@pytest.mark.slow
def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    words = ["-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, check=True)
    pages = list(tmp_path.rglob("*.html"))
    assert {
        mkdocs_hooks._command_page(name).replace(".md", ".html")
        for name in mkdocs_hooks._commands()
    } <= {page.relative_to(tmp_path).as_posix() for page in pages}
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text())
        for target in loads.found:
            assert not re.match(r"\w+:|//", target) or target.startswith("data:"), (page, target)
            assert (page.parent / re.split("[?#]", target)[0]).exists() or page.name == "404.html"
    for style in tmp_path.rglob("*.css"):
        targets = re.findall(r"url\(([^)]+)\)", style.read_text())
        assert [t for t in targets if re.match(r"[\"']?(https?:)?//", t)] == []
    for tutorial in TUTORIALS.glob("*.md"):
        built = (tmp_path / "tutorials" / f"{tutorial.stem}.html").read_text()
        assert "language-text output" in built

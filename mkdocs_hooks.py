"""What `make docs` makes of the package itself: commands, names, notebooks, files outside docs/.

With REPARAM_DOCS_EXECUTE=0 the cells of the tutorials are not run: seconds instead of minutes.
MkDocs calls the functions `on_...` (https://www.mkdocs.org/user-guide/configuration/#hooks).
"""

import functools
import importlib
import inspect
import itertools
import os
import posixpath
import re
import sys
import tempfile
import textwrap
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import jupytext
import nbclient
import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import reparam
from mkdocs_layout import Layout
from mkdocs_signatures import in_python
from reparam.cli.help_text import names_text
from reparam.cli.main import COMMANDS
from reparam.cli.reference import reference, table_row
from reparam.estimators.base import Estimator
from reparam.late import imports_for_types
from reparam.runs import options_of, preset_config, shared_options

ROOT = Path(__file__).parent
REPOSITORY = "repository"
"""Where the site has the files of the repository that lie outside docs/."""

COLUMNS = 92
"""Of the terminal that the cells of the tutorials believe to have."""

PYTHON = (
    "---\njupyter:\n  kernelspec: {name: python3, language: python, display_name: Python}\n---\n\n"
)
"""Without it, jupytext takes the language of the first cell, which may be a shell's."""

OWN_ARGUMENTS = {
    "image_shape": "Of flat rows: height, width and channels of an image, or row.",
    "pixel_range": "The values of X that are black and white; fit: its least and its largest.",
    "out": "The run folder to write; None keeps none.",
    "quiet": "No progress.",
}
"""Arguments of the estimators that are no options of a command."""

LINK = re.compile(r"(\]\()((?!https?:|mailto:|#)[^)\s#]+)")
COMMAND = re.compile(r"(?<=commands/)index\.md#([\w-]+)")
"""A command's place on the page of all of them, which has a page of its own on the site."""
UNRUN = re.compile(r"(?<=^```)(\w+) \.noeval$", re.MULTILINE)
"""Code that a tutorial shows and does not run, as jupytext marks it."""
WRITEFILE = "%%writefile "
SHELL = re.compile(r'<div class="language-sh highlight">.*?</div>', re.DOTALL)
FLAG = re.compile(r"(?<=>)--?[a-z][\w-]*")
WORD = r'<span class="word">\g<0></span>'
HEADING = re.compile(r"<h[1-6].*?</h[1-6]>", re.DOTALL)
FLAG_IN_TEXT = re.compile(r"(?<=\s)--[a-z][\w-]*(?=[\s<])")
FENCE = re.compile(r"(^(`{3,}).*?^\2$)", re.DOTALL | re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The generated pages into the navigation; what a phone needs into tables and code."""
    config.markdown_extensions.append(Layout())
    for section in config.nav or []:
        for title, pages in section.items():
            if title == "Commands":
                pages.extend(
                    {job: [{f"reparam {name}": _command_page(name)} for name in names]}
                    for job, names in _by_job()
                )
            elif title == "Python":
                pages.extend({package: _package_page(package)} for package in _packages())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that no file has: one for a command, a package, and a linked file elsewhere."""

    def add(uri: str, text: str) -> None:
        files.append(File.generated(config, uri, content=text))

    for name, text in _commands().items():
        add(_command_page(name), text)
    for package, names in _packages().items():
        add(_package_page(package), _package_text(package, names))
    for file in _linked_files(ROOT / "docs"):
        where = file.relative_to(ROOT).as_posix()
        text, wide = file.read_text(), ""
        if file.suffix != ".md":  # one block of code: the room of the contents is the code's
            text = f"# {where}\n\n````{file.suffix[1:]}\n{text}````\n"
            wide = "hide: [toc]\n"
        about = f"---\nsearch:\n  boost: 0.2\nsource: {where}\n{wide}---\n\n"
        add(_repository_page(file), about + text)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A tutorial with what its cells print and draw; links that leave docs/ to where it goes."""
    uri = page.file.src_uri
    if uri.startswith("tutorials/") and os.environ.get("REPARAM_DOCS_EXECUTE") != "0":
        markdown = _executed(markdown, uri, config, files)
    if uri == "commands/index.md":
        entries = []
        for job, names in _by_job():
            entries += [f"\n## {job.capitalize()}\n"]
            entries += [
                f"- [reparam {name}]({posixpath.basename(_command_page(name))}): "
                + _summary(_commands()[name])
                for name in names
            ]
        markdown = "\n".join([markdown, "", *entries])
    elif uri == "python/index.md":
        entries = [
            f"- [{package}]({package}.md): "
            + ", ".join(f"[{name}]({package}.md#reparam.{name})" for name in names)
            for package, names in _packages().items()
        ]
        said, heading, shapes = markdown.partition("\n## ")
        markdown = "\n".join([said, *entries, heading + shapes])
    markdown = UNRUN.sub(r"\1", markdown)
    place = str(page.meta.get("source", f"docs/{uri}"))
    return _outside_code(markdown, lambda text: _led(text, place, uri))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Options of commands and in headings stay whole where a phone breaks a line (see Layout)."""
    html = SHELL.sub(lambda block: FLAG.sub(WORD, block[0]), html)
    return HEADING.sub(lambda heading: FLAG_IN_TEXT.sub(WORD, heading[0]), html)


# Links -------------------------------------------------------------------------------------------


def _outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Changes what is not between fences."""
    parts = FENCE.split(markdown)  # text, a block and its fence, text, ...
    return "".join(
        change(part) if i % 3 == 0 else part if i % 3 == 1 else "" for i, part in enumerate(parts)
    )


def _led(text: str, place: str, uri: str) -> str:
    """The links of a page that is the file ``place`` of the repository and ``uri`` of the site."""

    def lead(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(place), found[2]))
        to = target.removeprefix("docs/") if target.startswith("docs/") else None
        to = to or _repository_page(ROOT / target)
        return found[1] + posixpath.relpath(to, posixpath.dirname(uri))

    return LINK.sub(lead, COMMAND.sub(r"\1.md", text))


def _linked_files(folder: Path) -> Iterator[Path]:
    """Files outside docs/ that its pages link to, and those that these link to; the changelog."""
    waiting = [*folder.rglob("*.md"), ROOT / "CHANGELOG.md"]
    seen = set(waiting)
    while waiting:
        file = waiting.pop()
        if folder not in file.parents:
            yield file
        if file.suffix != ".md":
            continue
        for _, target in LINK.findall("".join(FENCE.split(file.read_text())[::3])):
            to = (file.parent / target).resolve()
            if to not in seen and to.is_file() and folder not in to.parents:
                seen.add(to)
                waiting.append(to)


def _repository_page(file: Path) -> str:
    where = f"{REPOSITORY}/{file.relative_to(ROOT).as_posix()}"
    return where if file.suffix == ".md" else f"{where}.md"


# Commands and names ------------------------------------------------------------------------------


_commands = functools.cache(reference)


def _by_job() -> Iterator[tuple[str, list[str]]]:
    """The commands as `reparam --help` groups them."""
    for job, names in itertools.groupby(_commands(), lambda name: COMMANDS[name.split()[0]].job):
        yield job, list(names)


def _command_page(name: str) -> str:
    return f"commands/{name.replace(' ', '-')}.md"


def _summary(page: str) -> str:
    """The first sentence below the title."""
    return " ".join(page.split("\n\n")[1].split()).partition(". ")[0].rstrip(".")


def _packages() -> dict[str, list[str]]:
    """The public names of each package, in the order in which they are exported."""
    found: dict[str, list[str]] = {}
    for name, (module, _) in sorted(imports_for_types("reparam")):
        found.setdefault(module.removeprefix("reparam."), []).append(name)
    return dict(sorted(found.items()))


def _package_page(package: str) -> str:
    return f"python/{package}.md"


def _package_text(package: str, names: list[str]) -> str:
    """What a package says of itself, and its names, each below its bases that nobody exports."""
    doc = importlib.import_module(f"reparam.{package}").__doc__ or ""
    entries = [f"# {package}\n", f"{doc.strip()}\n"]
    shown: set[type] = set()
    for name in names:
        bases = [base for base in _unseen(getattr(reparam, name)) if base not in shown]
        shown.update(bases)
        entries += [f"::: {base.__module__}.{base.__qualname__}\n" for base in bases]
        entries.append(f"::: reparam.{name}\n{_arguments(name)}")
    return "\n".join(entries)


def _unseen(public: object) -> list[type]:
    """The bases of a class, within its own package, that have no entry of their own."""
    bases = public.__mro__ if isinstance(public, type) else ()
    package = ".".join(public.__module__.split(".")[:2]) if bases else ""
    own = [base for base in bases if f"{base.__module__}.".startswith(f"{package}.")]
    return [base for base in own if base.__name__ not in reparam.__all__]


def _arguments(name: str) -> str:
    """The arguments of an estimator, whose signature is made of the options of its preset."""
    public = getattr(reparam, name)
    if not (isinstance(public, type) and issubclass(public, Estimator)):
        return ""
    options = options_of(preset_config(public.preset))
    meaning = {
        **{key: in_python(f"{one.doc}{names_text(one.registry)}") for key, one in options.items()},
        **{
            key: f"All of {', '.join(option.name for option in several)}."
            for key, several in shared_options(options).items()
        },
        **OWN_ARGUMENTS,
    }
    rows = ["", f"The arguments of `{name}`, all by name:", "", "| argument | default | meaning |"]
    rows.append("| --- | --- | --- |")
    rows += [
        table_row(key, repr(argument.default), meaning[key])
        for key, argument in inspect.signature(public).parameters.items()
    ]
    return "\n".join([*rows, ""])


# Notebooks ---------------------------------------------------------------------------------------


def _executed(markdown: str, uri: str, config: MkDocsConfig, files: Files) -> str:
    cells = jupytext.reads(PYTHON + markdown, fmt="md").cells
    code = tuple(cell.source for cell in cells if cell.cell_type == "code")
    try:
        outputs = iter(_outputs(code) if code else ())
    except nbclient.exceptions.CellExecutionError as error:
        raise PluginError(f"{uri}: {error}") from error
    blocks = []
    for cell in cells:
        if cell.cell_type != "code":
            blocks.append(cell.source)
            continue
        blocks.append(_shown(cell.source))
        found = next(outputs)
        blocks.append(_text("".join(o.text for o in found if o.get("name") == "stdout")))
        for number, output in enumerate(o for o in found if "data" in o):
            if "image/png" in output.data:
                picture = f"{posixpath.splitext(uri)[0]}-{len(blocks)}-{number}.png"
                content = b64decode(output.data["image/png"])
                files.append(File.generated(config, picture, content=content))
                blocks.append(f"![what the cell draws]({posixpath.basename(picture)})")
            else:
                blocks.append(_text(output.data.get("text/plain", "")))
    return "\n\n".join(filter(None, blocks))


def _shown(source: str) -> str:
    """A cell's code in its language; of a file that it writes, below the file's name."""
    magic, _, rest = source.partition("\n")
    if magic.startswith(WRITEFILE):
        return f'```python title="{magic.removeprefix(WRITEFILE)}"\n{rest}\n```'
    if magic.startswith("%%"):
        return f"```{magic[2:]}\n{rest}\n```"
    return f"```python\n{source}\n```"


def _text(output: str) -> str:
    """What a cell prints, without what moves a terminal's cursor or colours it. Raises PluginError
    for an object that only its address tells of.
    """
    plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", output).rstrip()
    if found := re.search(r"<\S+ at 0x[0-9a-f]+>", plain):
        raise PluginError(
            f"a cell must show something readable, got {found[0]}. Fix: end it with ;"
        )
    lines = "\n".join(_broken(line) for line in plain.split("\n"))
    return f"```{{ .text .output }}\n{lines}\n```" if plain else ""


def _broken(line: str) -> str:
    """A line as a terminal shows it: what does not fit continues below, where there is a space."""
    if len(line) <= COLUMNS:
        return line
    return textwrap.fill(line, COLUMNS, drop_whitespace=False, replace_whitespace=False)


@functools.cache  # a translation has the cells of its original
def _outputs(code: tuple[str, ...]) -> list[list[nbformat.NotebookNode]]:
    """What the cells put out, in an empty folder. Raises nbclient's error where one fails."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in code])
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook, timeout=1800, resources={"metadata": {"path": folder}}
        )
        client.execute(env={**os.environ, "PATH": path, "COLUMNS": str(COLUMNS), "NO_COLOR": "1"})
    return [cell.outputs for cell in notebook.cells]

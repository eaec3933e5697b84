"""sbom.cdx.json and THIRD_PARTY_LICENSES.txt list what wheel and page have from others."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from third_party import npm_component, page_folders

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
COMPONENTS = json.loads((ROOT / "sbom.cdx.json").read_text(encoding="utf-8"))["components"]
LICENSES = (WEB / "public/THIRD_PARTY_LICENSES.txt").read_text(encoding="utf-8")
STALE = "Fix: make licences"

OWN_SUFFIXES = {".cpp", ".css", ".js", ".h", ".j2", ".py", ".typed", ""}
"""Of files of the package that are our own; "" is that of LICENSE."""


def _named(name: str) -> dict:
    (found,) = [each for each in COMPONENTS if each["name"] == name]
    return found


def test_every_npm_package_that_may_be_in_the_page_is_listed() -> None:
    packages = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = [npm_component(folder, packages[folder]) for folder in page_folders(packages)]
    needed = json.loads((WEB / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert set(needed) <= {each["name"] for each in wanted}
    npm = [each for each in COMPONENTS if each.get("purl", "").startswith("pkg:npm/")]
    assert npm == wanted, STALE


def test_what_the_page_and_its_build_both_need_is_listed() -> None:
    """npm's own list without the build's packages leaves such a one out."""
    packages = {
        "": {"dependencies": {"a": "1"}, "devDependencies": {"build": "1"}},
        "node_modules/a": {
            "dependencies": {"both": "1", "@types/a": "1"},
            "optionalDependencies": {"c": "1"},
            "peerDependencies": {"peer": "1", "not-there": "1"},
        },
        "node_modules/@types/a": {"dependencies": {"of-types": "1"}},
        "node_modules/a/node_modules/both": {"dependencies": {"c": "1"}},
        "node_modules/a/node_modules/c": {"optional": True, "dependencies": {"a": "1"}},
        "node_modules/both": {"dev": True},
        "node_modules/build": {"dev": True, "dependencies": {"both": "2", "peer": "1"}},
        "node_modules/c": {"dev": True},
        "node_modules/of-types": {},
        "node_modules/peer": {"peer": True},
    }
    assert page_folders(packages) == [
        "node_modules/a",
        "node_modules/a/node_modules/both",
        "node_modules/a/node_modules/c",
        "node_modules/peer",
    ]


def test_what_the_page_imports_is_what_it_needs() -> None:
    """A package that only builds the page is in no list of licences."""
    needed = json.loads((WEB / "package.json").read_text(encoding="utf-8"))["dependencies"]
    imports = re.compile(r'\b(?:from|import) "([^."][^"]*)"')
    found = set()
    for file in (WEB / "src").rglob("*.ts"):
        for name in imports.findall(file.read_text(encoding="utf-8")):
            parts = name.split("/")
            found.add("/".join(parts[: 2 if name.startswith("@") else 1]))
    assert found == set(needed)


def test_every_file_of_data_is_listed() -> None:
    command = ["git", "-C", str(ROOT), "ls-files", "reparam"]
    shipped = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    foreign = [file for file in shipped if Path(file).suffix not in OWN_SUFFIXES]
    assert foreign == ["reparam/data/digits/digits.npz"]
    for file in foreign:
        (known,) = _named(file)["hashes"]
        assert known["content"] == hashlib.sha256((ROOT / file).read_bytes()).hexdigest(), STALE


@pytest.mark.parametrize("each", COMPONENTS, ids=lambda each: each["name"])
def test_every_component_has_the_text_of_its_licence(each: dict) -> None:
    title = f"{each['name']} {each.get('version', '')}".rstrip()
    licence = each["licenses"][0]["license"]["id"]
    head = f"\n\n{title}\n{'-' * len(title)}\n{licence}\n\n"
    assert head in LICENSES, STALE
    text = re.split(r"\n\n[^\n]+\n-{5,}\n", LICENSES.partition(head)[2])[0]
    assert "copyright" in text.lower()
    assert "warrant" in text.lower()

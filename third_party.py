"""What the wheel and the explorer's page have from others, as two files: ``make licences``.

sbom.cdx.json is a bill of materials (CycloneDX 1.5). THIRD_PARTY_LICENSES.txt has the licence of
each of its components; it lies in web/public, so that the page, and each site and file that is made
of it, has it too. Both are part of the wheel. Needs web/node_modules (``npm ci`` in web/).
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).parent
WEB = ROOT / "web"
SBOM = ROOT / "sbom.cdx.json"
LICENSES = WEB / "public" / "THIRD_PARTY_LICENSES.txt"

DATA = (ROOT / "reparam" / "data" / "digits" / "digits.npz",)
"""Files of the package that others made; a file LICENSE beside each says from where it is."""

Packages = Mapping[str, Mapping[str, Any]]
"""``packages`` of package-lock.json: what is known of each, by its folder; "" is the page's own."""

READS = ("dependencies", "optionalDependencies", "peerDependencies")
"""What a package may bring into the page."""

COPYRIGHT = {
    "@cfworker/json-schema": "Jeremy Danyow",
    "guid-typescript": "nicolas",
    "onnxruntime-common": "Microsoft Corporation",
    "onnxruntime-web": "Microsoft Corporation",
}
"""Holders for the packages that npm has without the text of their licence."""

NOTES = {
    "onnxruntime-web": "The notices of what its WebAssembly was compiled with: "
    "https://github.com/microsoft/onnxruntime/blob/v{version}/ThirdPartyNotices.txt",
}

ISC = """\
Permission to use, copy, modify, and/or distribute this software for any purpose with or without
fee is hereby granted, provided that the above copyright notice and this permission notice
appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS
SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE
AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT,
NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE
OF THIS SOFTWARE.
"""


def page_folders(packages: Packages) -> list[str]:
    """Where all that may be in the page is installed: the ``dependencies`` of web/package.json, and
    theirs, but for types, which are no code.

    `npm sbom --omit dev` does not say it: it omits what the build needs too. Some of these may not
    be in the page: onnxruntime-web is bundled before it is published, and does not say with which.
    """
    found: set[str] = set()
    todo = [("", name) for name in packages[""]["dependencies"]]
    while todo:
        reader, name = todo.pop()
        folder = _folder_of(name, reader, packages)
        if folder is not None and folder not in found and not name.startswith("@types/"):
            found.add(folder)
            todo += [(folder, each) for kind in READS for each in packages[folder].get(kind, {})]
    return sorted(found, key=name_of)


def _folder_of(name: str, reader: str, packages: Packages) -> str | None:
    """The package that one in the folder ``reader`` finds under a name, as Node.js looks for it;
    None for one that is optional and not installed.
    """
    while (folder := f"{reader}/node_modules/{name}".lstrip("/")) not in packages:
        if not reader:
            return None
        reader = reader.rpartition("node_modules/")[0].rstrip("/")
    return folder


def name_of(folder: str) -> str:
    """The name of the package that is installed in a folder."""
    return folder.rpartition("node_modules/")[2]


def npm_component(folder: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """A package as npm's own lists have it."""
    name, version = name_of(folder), known["version"]
    algorithm, _, digest = known["integrity"].partition("-")
    return {
        "bom-ref": f"{name}@{version}",
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:npm/{quote(name)}@{version}",
        "hashes": [
            {
                "alg": algorithm.upper().replace("SHA", "SHA-"),
                "content": base64.b64decode(digest).hex(),
            }
        ],
        "licenses": [{"license": {"id": known["license"]}}],
    }


def data_component(file: Path) -> dict[str, Any]:
    name = file.relative_to(ROOT).as_posix()
    text = file.with_name("LICENSE").read_text(encoding="utf-8")
    return {
        "bom-ref": name,
        "type": "data",
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}],
        "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        "description": " ".join(text.partition("\n\n")[0].split()),
    }


def license_text(folder: str, licence: str) -> str:
    """That of an npm package: its own file, or the standard text with the holder's name."""
    for file in sorted((WEB / folder).glob("[Ll][Ii][Cc][Ee][Nn][Ss][Ee]*")):
        return file.read_text(encoding="utf-8")
    standard = {
        "ISC": ISC,
        "MIT": (ROOT / "LICENSE").read_text(encoding="utf-8").split("\n\n", 2)[2],
    }
    return f"Copyright (c) {COPYRIGHT[name_of(folder)]}\n\n{standard[licence]}"


def sections(components: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A text for each component, by its place: its name, and its licence."""
    for place, each in components.items():
        name, version = each["name"], each.get("version", "")
        licence = each["licenses"][0]["license"]["id"]
        if each["type"] == "data":
            text = (ROOT / place).with_name("LICENSE").read_text(encoding="utf-8")
        else:
            text = license_text(place, licence)
            if name in NOTES:
                text += f"\n{NOTES[name].format(version=version)}\n"
        title = f"{name} {version}".rstrip()
        yield f"{title}\n{'-' * len(title)}\n{licence}\n\n{text.strip()}\n"


def main() -> None:
    packages = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    components = {
        **{folder: npm_component(folder, packages[folder]) for folder in page_folders(packages)},
        **{file.relative_to(ROOT).as_posix(): data_component(file) for file in DATA},
    }
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "bom-ref": "reparam",
                "type": "library",
                "name": "reparam",
                "purl": "pkg:pypi/reparam",
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": [*components.values()],
    }
    SBOM.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    head = (
        "What reparam and its explorer's page have from others, and its licences.\n"
        "reparam itself: MIT, see LICENSE.\n"
    )
    LICENSES.parent.mkdir(exist_ok=True)
    LICENSES.write_text("\n\n".join([head, *sections(components)]), encoding="utf-8")


if __name__ == "__main__":
    main()

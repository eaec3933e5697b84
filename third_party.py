"""What the wheel and the explorer's page have from others, as two files: ``make licences``.

sbom.cdx.json is a bill of materials (CycloneDX 1.5). THIRD_PARTY_LICENSES.txt has the licence of
each of its components; it lies in web/public, so that the page, and each site and file that is made
of it, has it too. Both are part of the wheel. Needs npm and web/node_modules (``npm ci`` in web/).
"""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
WEB = ROOT / "web"
SBOM = ROOT / "sbom.cdx.json"
LICENSES = WEB / "public" / "THIRD_PARTY_LICENSES.txt"

DATA = (ROOT / "reparam" / "data" / "digits" / "digits.npz",)
"""Files of the package that others made; a file LICENSE beside each says from where it is."""

LISTED = ("npm", "sbom", "--package-lock-only", "--omit", "dev", "--sbom-format", "cyclonedx")
"""All that may be in the page: the ``dependencies`` of web/package.json, and theirs. Some of these
may not be in it: onnxruntime-web is bundled before it is published, and does not say with which.
"""

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


def npm_components() -> list[dict[str, Any]]:
    """As npm's own list has them, each of the same fields in the same order."""
    done = subprocess.run(LISTED, cwd=WEB, check=True, capture_output=True, text=True)
    fields = ("bom-ref", "type", "name", "version", "purl", "hashes", "licenses")
    found = json.loads(done.stdout)["components"]
    return [{field: each[field] for field in fields} for each in found]


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


def license_text(name: str, licence: str) -> str:
    """That of an npm package: its own file, or the standard text with the holder's name."""
    folder = WEB / "node_modules" / name
    for file in sorted(folder.glob("[Ll][Ii][Cc][Ee][Nn][Ss][Ee]*")):
        return file.read_text(encoding="utf-8")
    standard = {
        "ISC": ISC,
        "MIT": (ROOT / "LICENSE").read_text(encoding="utf-8").split("\n\n", 2)[2],
    }
    return f"Copyright (c) {COPYRIGHT[name]}\n\n{standard[licence]}"


def sections(components: list[dict[str, Any]]) -> Iterator[str]:
    """A text for each component: its name, and its licence."""
    for each in components:
        name, version = each["name"], each.get("version", "")
        licence = each["licenses"][0]["license"]["id"]
        if each["type"] == "data":
            text = (ROOT / name).with_name("LICENSE").read_text(encoding="utf-8")
        else:
            text = license_text(name, licence)
            if name in NOTES:
                text += f"\n{NOTES[name].format(version=version)}\n"
        title = f"{name} {version}".rstrip()
        yield f"{title}\n{'-' * len(title)}\n{licence}\n\n{text.strip()}\n"


def main() -> None:
    components = [*npm_components(), *map(data_component, DATA)]
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
        "components": components,
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

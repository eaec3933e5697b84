"""The explorer's manifest, checked against its schema whenever a test reads one."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from typeguard import CollectionCheckStrategy, check_type

from reparam.export.manifest import Manifest

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "web" / "src" / "bundle" / "manifest.schema.json").read_text())


def read_manifest(data: bytes) -> dict[str, Any]:
    """The manifest in these bytes. Raises ValidationError where the schema does not allow it, and
    TypeCheckError where the types do not: unlike the schema, they allow no other fields.
    """
    found = json.loads(data)
    Draft202012Validator(SCHEMA).validate(found)
    check_type(found, Manifest, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    return found

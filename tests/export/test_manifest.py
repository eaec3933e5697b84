"""The manifest's schema is sound, and the types of Python are the same as the schema's."""

import copy
import json
from collections.abc import Callable
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from jsonschema import Draft202012Validator, ValidationError
from manifests import SCHEMA, read_manifest
from typeguard import TypeCheckError

from reparam.export import manifest
from reparam.export.bundle import MANIFEST, make_bundle
from reparam.export.bundle import SCHEMA as NUMBER

from .conftest import Finished

SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}
DEFINITIONS = {"Manifest": SCHEMA, **SCHEMA["$defs"]}


def of_type(hint: Any) -> dict[str, Any]:
    """A Python type as JSON Schema."""
    if is_typeddict(hint):
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if hint in SIMPLE:
        return {"type": SIMPLE[hint]}
    arguments = get_args(hint)
    if get_origin(hint) is list:
        return {"type": "array", "items": of_type(arguments[0])}
    if get_origin(hint) is dict:
        value = arguments[1]
        return {"type": "object", "additionalProperties": value is object or of_type(value)}
    assert arguments[1:] == (NoneType,), hint
    some = of_type(arguments[0])
    if "$ref" in some:
        return {"anyOf": [some, {"type": "null"}]}
    return {**some, "type": [some["type"], "null"]}


def type_alone(schema: dict[str, Any]) -> dict[str, Any]:
    """A field's schema without its description and without limits on its values."""
    if "const" in schema:
        return {"type": SIMPLE[type(schema["const"])]}
    kept = {k: v for k, v in schema.items() if k in ("$ref", "anyOf", "type")}
    for name in ("items", "additionalProperties"):
        if name in schema:
            inner = schema[name]
            kept[name] = type_alone(inner) if isinstance(inner, dict) else inner
    return kept


def fields(definition: dict[str, Any]) -> dict[str, Any]:
    """The fields of an object and of what it extends; none may be missing from one."""
    assert definition["type"] == "object"
    assert definition["required"] == list(definition["properties"])
    found: dict[str, Any] = {}
    for base in definition.get("allOf", []):
        found |= fields(DEFINITIONS[base["$ref"].removeprefix("#/$defs/")])
    return found | definition["properties"]


def test_the_schema_is_one_and_has_the_bundles_number() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema"]["const"] == NUMBER


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_types_are_the_schemas(name: str) -> None:
    hints = get_type_hints(getattr(manifest, name))
    ours = {field: of_type(hint) for field, hint in hints.items()}
    assert ours == {field: type_alone(s) for field, s in fields(DEFINITIONS[name]).items()}


Change = Callable[[dict[str, Any]], object]


def remove(run: dict[str, Any]) -> None:
    del run["prior"]["draws"]["low"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (remove, ValidationError),
        (lambda run: run.update(id="My run!"), ValidationError),
        (lambda run: run["points"].update(mu=None), ValidationError),
        (lambda run: run["golden"]["encoded"].update(mu=None), ValidationError),
        (lambda run: run["figures"]["loss"].update(rate="much"), ValidationError),
        (lambda run: run["latent"].update(shape=[]), ValidationError),
        (lambda run: run.update(new=1), TypeCheckError),
        (lambda run: run["points"]["mu"].update(new=1), TypeCheckError),
    ],
)
def test_another_manifest_is_refused(
    finished: Finished, change: Change, error: type[Exception]
) -> None:
    changed = copy.deepcopy(read_manifest(bundle_of(finished)))
    change(changed["runs"][0])
    with pytest.raises(error):
        read_manifest(json.dumps(changed).encode())


def bundle_of(finished: Finished) -> bytes:
    return make_bundle([finished("vae")], images=5).files[MANIFEST]

"""Configuration ↔ plain mappings, as they stand in config.json and in --config files."""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from typeguard import TypeCheckError, check_type

from reparam.errors import ConfigError, unknown_name
from reparam.objective import given_once
from reparam.training.config import RunConfig

T = TypeVar("T")


def to_mapping(config: object) -> dict[str, Any]:
    """A dataclass as JSON values."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        return list(value) if isinstance(value, tuple) else value

    out: dict[str, Any] = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        out[field.name] = to_mapping(value) if dataclasses.is_dataclass(value) else plain(value)
    return out


def updated(config: T, values: Mapping[str, Any], where: str) -> T:
    """``config`` with the fields in ``values`` replaced.

    Raises ConfigError, naming ``where``, for a key that is not a field (with the nearest one that
    is) and for a value of the wrong type.
    """
    hints = get_type_hints(type(config))
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            raise ConfigError(f"{where}: {unknown_name('option', key, hints)}")
        current = getattr(config, key)
        if dataclasses.is_dataclass(current):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{where}: {key} is a section of options, found {value!r}")
            changes[key] = updated(current, value, f"{where}, section {key}")
        else:
            changes[key] = _coerce(value, hints[key], f"{where}: {key}")
    try:
        return dataclasses.replace(config, **changes)  # type: ignore[type-var]
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _coerce(value: Any, hint: Any, where: str) -> Any:
    wanted = str(hint)
    if isinstance(value, list):
        value = tuple(value)
    takes_float = hint is float or float in get_args(hint)
    if isinstance(value, int) and not isinstance(value, bool) and takes_float:
        value = float(value)
    if isinstance(value, str) and "Path" in wanted:
        value = Path(value)
    try:
        if isinstance(value, bool) and "bool" not in wanted:
            raise TypeCheckError("a truth value")
        return check_type(value, hint)
    except TypeCheckError as error:
        expected = getattr(hint, "__name__", None) if isinstance(hint, type) else wanted
        expected = (expected or wanted).replace("typing.", "").replace("pathlib.", "")
        raise ConfigError(f"{where} must be {expected}, found {value!r}: change it") from error


def read_config_file(path: Path) -> dict[str, Any]:
    """A TOML or JSON file as a mapping, with its options in sections as in config.json.

    Options may also stand outside of sections. Raises ConfigError for a file that cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"config file {path}: {reason}; give a TOML or JSON file") from error
    try:
        loaded = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except ValueError as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise ConfigError(f"config file {path} is not valid {kind}: {error}") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"config file {path} must hold options by name, found a list or a value")
    return loaded


RECORDS = ("format", "versions", "command", "created", "image_shape", "class_names", "fingerprint")
"""Keys of config.json that record a run and are not options."""


def apply_config_file(config: RunConfig, values: Mapping[str, Any], where: str) -> RunConfig:
    """``config`` with the options of a file, whether in sections or outside of them."""
    options = {key: value for key, value in values.items() if key not in RECORDS}
    owner = section_of_option(config)
    sections: dict[str, Any] = {}
    for key, value in options.items():
        if key in owner:
            sections.setdefault(owner[key], {})[key] = value
        elif isinstance(value, Mapping) and isinstance(sections.get(key), dict):
            sections[key] = {**value, **sections[key]}
        else:
            sections[key] = value
    known = {*owner, *to_mapping(config)}
    for key in sections:
        if key not in known:
            raise ConfigError(f"{where}: {unknown_name('option', key, known)}")
    if isinstance(sections.get("objective"), Mapping):
        sections["objective"] = given_once(sections["objective"])
    return updated(config, sections, where)


def section_of_option(config: RunConfig) -> dict[str, str]:
    """Which section each option of data, model, objective and training belongs to."""
    return {
        option: section
        for section, values in to_mapping(config).items()
        if isinstance(values, dict)
        for option in values
    }

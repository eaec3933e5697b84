"""``resolve``: the one place where preset, recipe, file and flags become a configuration."""

import dataclasses
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar, get_args, get_origin, get_type_hints

from typeguard import TypeCheckError

from reparam.errors import ConfigError, UnknownOption
from reparam.fields import as_path
from reparam.registry import Part, Registry, check_different
from reparam.runs.migrations import migrate_config
from reparam.runs.options import (
    TYPE,
    Option,
    options_of,
    registry_of,
    shared_options,
    unknown_option,
    warn_of_deprecated,
)
from reparam.runs.weights import check_format
from reparam.types import Json, check_value

C = TypeVar("C")
P = TypeVar("P", bound=Part)


Layer = tuple[str, Mapping[str, object]]
"""Where options come from, for messages, and the options: by name, in sections, or both."""

Assignment = tuple[tuple[str, ...], object, object]
"""Of one option: its path, its value, and its hint."""


def resolve(config: C, layers: Sequence[Layer]) -> C:
    """``config`` with the options of the layers, of which a later one wins.

    A layer has options by name (``encoder_filters``, or ``dropout`` for all parts that have one),
    in sections as in ``config.json``, or both. Parts are chosen first: by name, by a mapping with a
    ``type``, or as a ``Part``, whose options are all taken. The mapping of a part that a later
    layer replaces counts for nothing. Raises ConfigError, naming the layer, for an option that
    there is not and for a value that cannot be.
    """
    chosen, changes = _merged(config, layers)
    try:
        return _rebuilt(chosen, changes)
    except ConfigError as error:
        raise ConfigError(f"{_refused_layer(config, layers)}: {error}") from error


def _merged(config: C, layers: Sequence[Layer]) -> tuple[C, Json]:
    """``config`` with its parts as the layers choose them, and the changes of their options."""
    chosen = config
    for where, values in layers:
        chosen = with_parts(chosen, values, where)
    options = options_of(chosen)
    changes: Json = {}
    for where, values in layers:
        given = [
            (path, _coerce(value, hint, f"{where}: {path[-1]}"))
            for path, value, hint in _assignments(chosen, values, options, options, where)
        ]
        for path, value in given:
            if value is not None:
                _make_way(changes, path, chosen)
        for path, value in given:
            _put(changes, path, value)
    return chosen, changes


def _refused_layer(config: object, layers: Sequence[Layer]) -> str:
    """The layer from which on the configuration is refused."""
    for count in range(len(layers) - 1, 0, -1):
        try:
            _rebuilt(*_merged(config, layers[:count]))
        except ConfigError:
            continue
        return layers[count][0]
    return layers[0][0]


def with_parts(config: C, values: Mapping[str, object], where: str) -> C:
    """``config`` with the parts that ``values`` choose, with their default options. Nothing checks
    how they go together yet: a later option may fix it.
    """
    hints = get_type_hints(type(config))
    changes: dict[str, object] = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        current, hint = getattr(config, field.name), hints[field.name]
        registry = registry_of(hint)
        value = values.get(field.name)
        if registry is not None and value is not None:
            if get_origin(hint) is tuple:
                parts = tuple(
                    _chosen(registry, entry, _same(current, entry), f"{where}: {field.name}")
                    for entry in _entries(value, f"{where}: {field.name}")
                )
                check_different(parts, f"{where}: {field.name}")
                changes[field.name] = parts
            else:
                changes[field.name] = _chosen(registry, value, current, f"{where}: {field.name}")
        elif registry is None and dataclasses.is_dataclass(current):
            outside = {key: v for key, v in values.items() if key != field.name}
            inside = value if isinstance(value, Mapping) else {}
            changes[field.name] = with_parts(current, {**outside, **inside}, where)
    return _unchecked(config, changes)


def _entries(value: object, where: str) -> Sequence[object]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return value
    raise ConfigError(f"{where} must be a list, got {value!r}. Fix: write it as one")


def _same(current: Sequence[Part], entry: object) -> Part | None:
    name = _type_of(entry)
    return next((part for part in current if part.type == name), None)


def _type_of(value: object) -> str | None:
    if isinstance(value, Part):
        return value.type
    if isinstance(value, Mapping):
        value = value.get(TYPE)
    return value if isinstance(value, str) else None


def _chosen(registry: Registry, value: object, current: Part | None, where: str) -> Part:
    if isinstance(value, Part):
        if not isinstance(value, registry.base):
            raise ConfigError(
                f"{where} must be of kind {registry.kind}, got {type(value).__name__}. Fix: give "
                f"one of {', '.join(registry.names)}"
            )
        return value
    name = _type_of(value)
    if name is None:
        if isinstance(value, Mapping) and TYPE not in value and current is not None:
            return current
        raise ConfigError(
            f"{where} must be the name of a part or its options with a type, got {value!r}. Fix: "
            f"give one of {', '.join(registry.names)}"
        )
    try:
        found = registry.find(name)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    return current if current is not None and type(current) is found else found()


def _assignments(
    config: object,
    values: Mapping[str, object],
    options: Mapping[str, Option],
    everywhere: Mapping[str, Option],
    where: str,
) -> Iterator[Assignment]:
    """Every option that ``values`` give for ``config``, outside of sections and in them.

    ``everywhere``: the options of the whole configuration, for messages.
    """
    shared = shared_options(options)
    for key, value in values.items():
        section = getattr(config, key, None)
        if key in options:
            option = options[key]
            if option.registry is None:
                yield option.path, option.taken(value), option.hint
            else:
                yield from _of_parts(option, value, everywhere, where)
        elif key in shared:
            for option in shared[key]:
                yield option.path, option.taken(value), option.hint
        elif dataclasses.is_dataclass(section):
            if not isinstance(value, Mapping):
                raise ConfigError(
                    f"{where}: {key} must be a section of options, got {value!r}. Fix: give names "
                    "and values"
                )
            inside = {name: option for name, option in options.items() if option.path[0] == key}
            place = f"{where}, section {key}"
            yield from _assignments(section, value, inside, everywhere, place)
        else:
            known = [*options, *shared, *_sections(config)]
            raise UnknownOption(f"{where}: {unknown_option(key, known, everywhere)}")


def _sections(config: object) -> list[str]:
    fields = dataclasses.fields(config)  # type: ignore[arg-type]
    return [f.name for f in fields if dataclasses.is_dataclass(getattr(config, f.name))]


def _of_parts(
    option: Option, value: object, everywhere: Mapping[str, Option], where: str
) -> Iterator[Assignment]:
    """The options that a part's mapping or the part itself gives; of several parts, those of each.

    Those of a part that is not the chosen one are left out.
    """
    several = get_origin(option.hint) is tuple
    chosen = option.default if several else (option.default,)
    for entry in _entries(value, where) if several else (value,):
        name = _type_of(entry)
        if name is not None and name not in chosen:
            continue
        if isinstance(entry, Part):
            entry = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
        if not isinstance(entry, Mapping):
            continue
        path = (*option.path, name) if several else option.path
        inside = {o.path[-1]: o for o in everywhere.values() if o.path[:-1] == path}
        for key, own in entry.items():
            if key == TYPE:
                continue
            if key not in inside:
                kind = f"{where}, {option.name} {name or option.default}"
                raise UnknownOption(f"{kind}: {unknown_option(key, inside, everywhere)}")
            yield inside[key].path, inside[key].taken(own), inside[key].hint


def part_from_mapping(registry: Registry[P], values: Json, where: str) -> P:
    """The part that ``to_mapping`` gave. Raises ConfigError for one that is not registered, and
    for options that it does not have or that cannot be.
    """
    part = registry.find(values[TYPE])()
    return resolve(part, [(where, {k: v for k, v in values.items() if k != TYPE})])


def _make_way(changes: Json, path: tuple[str, ...], config: object) -> None:
    """Takes back what earlier layers gave of options that exclude one another."""
    owner = config
    for key in path[:-1]:
        owner = _child(owner, key)
    exclusive = getattr(owner, "exclusive", ())
    if path[-1] in exclusive:
        for name in exclusive:
            _put(changes, (*path[:-1], name), None)


def _put(changes: Json, path: tuple[str, ...], value: object) -> None:
    """Writes a value into the nested changes."""
    for key in path[:-1]:
        changes = changes.setdefault(key, {})
    changes[path[-1]] = value


def _child(owner: object, key: str) -> object:
    if isinstance(owner, tuple):
        return next(part for part in owner if part.type == key)
    return getattr(owner, key)


def _rebuilt(chosen: C, changes: Json) -> C:
    """``chosen`` with the changes, checked again from the leaves up."""
    values: Json = {}
    for field in dataclasses.fields(chosen):  # type: ignore[arg-type]
        current = getattr(chosen, field.name)
        change = changes.get(field.name)
        if dataclasses.is_dataclass(current):
            values[field.name] = _rebuilt(current, change or {})
        elif isinstance(current, tuple) and current and isinstance(current[0], Part):
            own = change or {}
            values[field.name] = tuple(_rebuilt(p, own.get(p.type, {})) for p in current)
        else:
            values[field.name] = change if field.name in changes else current
    return type(chosen)(**values)


def _unchecked(config: C, changes: Mapping[str, object]) -> C:
    """``dataclasses.replace`` without ``__post_init__``: the parts may not go together yet."""
    found = object.__new__(type(config))
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = changes.get(field.name, getattr(config, field.name))
        object.__setattr__(found, field.name, value)
    return found


def _coerce(value: object, hint: object, where: str) -> object:
    wanted, value = str(hint), _by_hint(value, hint)
    takes_float = hint is float or float in get_args(hint)
    try:
        if isinstance(value, int) and not isinstance(value, bool) and takes_float:
            value = float(value)
        check_value(value, hint)
        return value
    except (TypeCheckError, OverflowError) as error:
        expected = getattr(hint, "__name__", None) if isinstance(hint, type) else wanted
        expected = (expected or wanted).replace("typing.", "").replace("pathlib.", "")
        raise ConfigError(f"{where} must be {expected}, got {value!r}. Fix: change it") from error


def _by_hint(value: object, hint: object) -> object:
    """JSON's lists and texts as the tuples and paths that they were written from, at any depth."""
    if isinstance(value, str):
        return as_path(value) if "Path" in str(hint) else value
    if not isinstance(value, list):
        return value
    several = [hint, *get_args(hint)]  # of a union, the member that takes a list
    kind = next((each for each in several if get_origin(each) in (tuple, list)), tuple)
    args = get_args(kind) or (object, ...)
    same = get_origin(kind) is list or args[-1] is ...
    hints = [args[0]] * len(value) if same else [*args, *[object] * len(value)]
    found = [_by_hint(each, of) for each, of in zip(value, hints, strict=False)]
    return found if get_origin(kind) is list else tuple(found)


def read_config_file(path: Path) -> Json:
    """A TOML or JSON file as a mapping, with its options in sections as in config.json, or outside
    of them. Warns of deprecated ones, but in the config.json of a run, which is migrated. Raises
    ConfigError for a file that cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        if path.is_dir():  # which Windows calls a permission that is missing
            reason = "it is a folder"
        raise ConfigError(
            f"config file {path} must be readable, got: {reason}. Fix: give a TOML or JSON file"
        ) from error
    try:
        loaded = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise ConfigError(
            f"config file {path} must be valid {kind}, got: {error}. Fix: correct it"
        ) from error
    if not isinstance(loaded, dict):
        raise ConfigError(
            f"config file {path} must hold options by name, got a list or a value. Fix: give names"
        )
    if "format" in loaded:  # the config.json of a run
        loaded = migrate_config(loaded, check_format(path, loaded["format"]))
        options = {name: value for name, value in loaded.items() if name in _SECTIONS}
        return {"recipe": "plain", **options}  # nothing is left to a recipe
    in_sections = [section for section in loaded.values() if isinstance(section, dict)]
    warn_of_deprecated(dict.fromkeys(chain(loaded, *in_sections)), f"config file {path}")
    if isinstance(loaded.get("model"), str):  # as the flag is called
        loaded["preset"] = loaded.pop("model")
    if isinstance(loaded.get("data"), str):
        loaded["source"] = loaded.pop("data")
    return loaded


_SECTIONS = ("preset", "data", "inputs", "model", "objective", "terms", "training", "seed")
"""What of a config.json are options; the rest records a run."""

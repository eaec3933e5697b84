"""The estimators' arguments: every option of a run's configuration by its name, and back."""

import inspect
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from reparam.errors import ConfigError, unknown_name
from reparam.registry import registries
from reparam.runs import (
    Option,
    RunConfig,
    misplaced_option,
    options_of,
    preset_config,
    resolve,
    shared_options,
    warn_of_deprecated,
)

OWN_OPTIONS = {"image_shape": None, "pixel_range": None, "out": None, "quiet": True}
"""Options of the estimators beside those of the configuration."""


def _is_offered(option: Option) -> bool:
    """Of the data's options an estimator, which is given its images, has one."""
    return option.path[0] not in ("preset", "data") or option.name == "valid_fraction"


def argument_defaults(config: RunConfig) -> dict[str, object]:
    """Every option of an estimator with its value in ``config``, in the order of the signature.

    An option that several parts have, such as dropout, is None: as each of them has it.
    """
    options = options_of(config)
    offered = {name: option.default for name, option in options.items() if _is_offered(option)}
    shared = {name: None for name, several in shared_options(options).items() if len(several) > 1}
    return offered | shared | OWN_OPTIONS


def constructor(preset: str) -> Callable[..., None]:
    """An ``__init__`` whose signature lists the options with the preset's defaults."""
    defaults = argument_defaults(preset_config(preset))

    def __init__(self: object, **options: object) -> None:
        for name in options:
            if name not in defaults:
                raise ConfigError(_unknown(type(self).__name__, name, defaults, options))
        for name, value in {**defaults, **options}.items():
            setattr(self, name, value)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        *(inspect.Parameter(name, keyword, default=value) for name, value in defaults.items()),
    ]
    __init__.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return __init__


def _unknown(estimator: str, name: str, known: Iterable[str], given: Mapping[str, object]) -> str:
    """What to say of an argument that there is not: a part that has it, or the nearest name."""
    names = list(known)
    misplaced = misplaced_option(name, chosen={})
    if misplaced is None or any(other.endswith(f"_{name}") for other in names):
        return unknown_name(f"option of {estimator}", name, names, f"help({estimator})")
    for registry in registries:
        if owners := registry.owners(name):
            chosen = given.get(registry.flag)
            owner = chosen if chosen in owners else owners[0]
            part = f"{{'type': '{owner}', '{name.removeprefix(registry.prefix(owner))}': VALUE}}"
            return (
                f"{estimator}: option {name!r} must be given with its {registry.kind}, got it as "
                f"an argument. Fix: {registry.flag}={f'[{part}]' if registry.several else part}"
            )
    return f"{estimator}: {misplaced}"


def config_of(preset: str, estimator: str, arguments: Mapping[str, object]) -> RunConfig:
    """The configuration that the arguments of an estimator make.

    Raises ConfigError for values that cannot be.
    """
    base = preset_config(preset)
    options, defaults = options_of(base), argument_defaults(base)
    shared = shared_options(options)
    given = {
        name: _plain(arguments[name])
        for name in sorted(arguments)
        if name not in OWN_OPTIONS and not _equal(arguments[name], defaults[name])
    }
    warn_of_deprecated(given, estimator)

    def rank(name: str) -> int:
        if name in shared:
            return 1
        return 0 if name in options and options[name].registry is not None else 2

    # What is more of one thing wins: a part given whole, what several parts share, one option.
    layers = [{name: value for name, value in given.items() if rank(name) == k} for k in range(3)]
    return resolve(base, [(estimator, layer) for layer in layers])


def arguments_of(config: RunConfig) -> dict[str, object]:
    """Arguments of an estimator that give this configuration: parts whole, the rest by name."""
    options = options_of(config)
    parts = [option.path for option in options.values() if option.registry is not None]
    params: dict[str, object] = {}
    for name, option in options.items():
        of_part = any(option.path[: len(path)] == path != option.path for path in parts)
        if _is_offered(option) and not of_part:
            value: object = config
            for key in option.path:
                value = getattr(value, key)
            params[name] = value
    return params


def _plain(value: object) -> object:
    """NumPy's numbers, as a grid search passes them, and lists as the configuration has them."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    return tuple(value) if isinstance(value, list) else value


def _equal(value: object, default: object) -> bool:
    return type(value) is type(default) and bool(value == default)

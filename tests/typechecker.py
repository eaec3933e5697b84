"""The run-time checks of the tests: beartype for types, jaxtyping for the sizes that share a name.

jaxtyping's import hook decorates every function and dataclass with ``jaxtyping.jaxtyped``. That
checks each call twice, by two functions compiled for it, and binds its arguments once more: a
quarter of the suite's time. Here a function is checked by beartype alone, once, and has a scope of
names for jaxtyping where an annotation has a shape.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float
_in_scope = jaxtyping.jaxtyped


def install(package: str) -> None:
    """Every module of the package that is imported from now on is checked."""
    jaxtyping.jaxtyped = jaxtyped
    jaxtyping.install_import_hook(package, None)


def jaxtyped(*, typechecker: object) -> Callable[[Any], Any]:
    """In the place of jaxtyping's decorator."""
    return decorated


def decorated(item: Any) -> Any:
    if inspect.isclass(item):
        if dataclasses.is_dataclass(item):
            item.__init__ = decorated(item.__init__)  # type: ignore[misc]
        return item
    if isinstance(item, classmethod | staticmethod):
        return type(item)(decorated(item.__func__))
    if isinstance(item, property):
        accessors = (item.fget, item.fset, item.fdel)
        return property(*(accessor and decorated(accessor) for accessor in accessors))
    hints = item.__annotations__
    for name, hint in hints.items():
        hints[name] = resolved(hint, item.__globals__)
    if not any(map(has_shape, hints.values())):
        return _checked(item)
    if inspect.isgeneratorfunction(item):
        # beartype checks the arguments only at the first item, when another scope may be open. And
        # given a generator function without a checker, jaxtyping stops checking the shapes of its
        # results, in every function that names them.
        return _in_scope(item, typechecker=_checked)
    return in_scope(_checked(item))


def in_scope(function: Callable[..., Any]) -> Callable[..., Any]:
    """What is a size in one call has no part in another."""
    scope = _in_scope("context")

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        with scope:
            return function(*args, **kwargs)

    return call


def resolved(hint: Any, names: dict[str, Any]) -> Any:
    """The hint without strings; Any where a name is not defined yet, or is there for mypy alone."""

    def of(value: Any) -> None: ...

    of.__annotations__["value"] = hint
    try:
        return get_type_hints(of, names, include_extras=True)["value"]
    except NameError:
        return Any


def has_shape(hint: Any) -> bool:
    if inspect.isclass(hint):
        return issubclass(hint, jaxtyping.AbstractArray)
    return get_origin(hint) is not Literal and any(map(has_shape, get_args(hint)))

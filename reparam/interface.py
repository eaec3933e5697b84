"""A class that lists what its subclasses must define, and says which of it one of them lacks."""

from abc import ABC
from typing import Any, TypeVar

from reparam.errors import ConfigError

Made = TypeVar("Made", bound="Interface")


class Interface(ABC):  # noqa: B024 - its subclasses have the abstract methods
    """Base of the contracts that parts fulfil. Raises ConfigError where a class that lacks an
    abstract method is instantiated: the class is often a user's.
    """

    def __new__(cls: type[Made], *_: Any, **__: Any) -> Made:
        check_defined(cls)
        return super().__new__(cls)


def check_defined(part: type) -> None:
    """Raises ConfigError for a class that has not defined all that its contract asks for."""
    if missing := sorted(getattr(part, "__abstractmethods__", ())):
        raise ConfigError(
            f"{part.__name__} must define {', '.join(missing)}, got a class without. Fix: define "
            f"{'it' if len(missing) == 1 else 'them'} as docs/extending.md shows"
        )

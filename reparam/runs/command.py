"""A command as it can be typed again, with the plug-ins that it was given."""

import shlex
from collections.abc import Sequence

from reparam.registry import loaded_plugins


def command_line(name: str, args: Sequence[str]) -> str:
    """``reparam NAME ARGS``, quoted for a shell."""
    plugins = [word for path in loaded_plugins() for word in ("--plugin", path)]
    return shlex.join(["reparam", name, *args, *plugins])

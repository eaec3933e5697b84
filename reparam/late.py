"""Names of a package whose modules are imported when one of them is first used.

Imports that take as long as PyTorch's would else be paid by every command.
"""

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator


def late_names(package: str) -> Callable[[str], object]:
    """``__getattr__`` of a package (PEP 562) for the names that its ``__init__`` imports under
    ``if TYPE_CHECKING:``. Type checkers read them there, and so does this: they are written once.
    """
    places = dict(imports_for_types(package))

    def find(name: str) -> object:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, own_name = places[name]
        value = getattr(importlib.import_module(module), own_name)
        setattr(sys.modules[package], name, value)
        return value

    return find


def imports_for_types(package: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each name under ``if TYPE_CHECKING:`` with its module and what it is called there."""
    for block in ast.parse(inspect.getsource(sys.modules[package])).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for line in block.body:
                if isinstance(line, ast.ImportFrom) and line.module is not None:
                    for name in line.names:
                        yield name.asname or name.name, (line.module, name.name)

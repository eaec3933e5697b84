"""Names of a package whose modules are imported when one of them is first used.

Imports that take as long as PyTorch's would else be paid by every command.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence


def late_names(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """``__getattr__`` of a package (PEP 562): ``names`` lists those of each module below it, as
    ``name`` or ``name as other``.
    """
    places = {
        entry.rpartition(" ")[2]: (f"{package}.{module}", entry.partition(" ")[0])
        for module, entries in names.items()
        for entry in entries
    }

    def find(name: str) -> object:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, own_name = places[name]
        value = getattr(importlib.import_module(module), own_name)
        setattr(sys.modules[package], name, value)
        return value

    return find

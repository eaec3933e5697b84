"""Fields as one types them in Python: an extension of Griffe, which reads the sources."""

import re
from typing import Any

import griffe

OPTION = "reparam.fields.option"
FLAG = re.compile(r"(?<![\w`-])--(no-)?([a-z][\w-]*)")


class Defaults(griffe.Extension):  # type: ignore[misc]
    """A field shows its default, not how it is declared; explanations name fields, not flags."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """Griffe's own name for where it has read a field."""
        value = attr.value
        if not isinstance(value, griffe.ExprCall):
            return
        given = {
            one.name: one.value for one in value.arguments if isinstance(one, griffe.ExprKeyword)
        }
        if value.function.canonical_path == OPTION:
            attr.value = value.arguments[0]
        elif value.function.canonical_path == "dataclasses.field":
            factory = given.get("default_factory")
            attr.value = given.get("default") if factory is None else f"{factory}()"

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Griffe's own name for where it has read anything."""
        if obj.docstring is not None:
            obj.docstring.value = in_python(obj.docstring.value)


def in_python(text: str) -> str:
    """An explanation in which options have the names that they have in Python."""
    return FLAG.sub(_name, text)


def _name(flag: re.Match[str]) -> str:
    if flag[0] == "--help-all":
        return f"`{flag[0]}`"
    return f"`{flag[2].replace('-', '_')}{'=False' if flag[1] else ''}`"

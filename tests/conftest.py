"""Shapes and types of the package are checked at run time by its tests, and only there."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import typechecker
from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests import onnxruntime by themselves
# Two processes of two threads each on two cores wait for each other most of the time; one thread
# a process lets the tests run side by side (docs/log.md).
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Half a million objects of modules and tests live to the end. To look for garbage among them as
# often as Python does by itself took a sixth of the time of the tests (docs/log.md).
gc.set_threshold(50_000, 20, 100)

# No test asserts seconds: machines differ, and have other work.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

# The tests of the page go without: make test has checked the same code, and what is checked is
# compiled anew in each of their processes.
if os.environ.get("REPARAM_TYPECHECK") != "0":
    typechecker.install("reparam")


@pytest.fixture(autouse=True)
def plugins_of_one_test() -> Iterator[None]:
    """Commands that are told to the user name the plug-ins that are loaded."""
    from reparam import registry

    before = dict(registry._loaded)
    yield
    registry._loaded.clear()
    registry._loaded.update(before)


@pytest.fixture(autouse=True)
def garbage_of_one_test() -> Iterator[None]:
    """The console script lets what is there stay to the end, which in process is other tests'."""
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder with the whole of MNIST, for tests that need it."""
    root = Path(__file__).parents[1]
    candidates = [os.environ.get("REPARAM_DATA"), root.parent / "shared/data/mnist"]
    for candidate in filter(None, candidates):
        if (Path(candidate) / "t10k-images-idx3-ubyte.gz").exists():
            return Path(candidate)
    pytest.skip("full MNIST is not on this machine (set REPARAM_DATA to its folder)")

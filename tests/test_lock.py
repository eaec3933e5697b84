"""requirements/ has what pyproject.toml asks for, with hashes, and leaves PyTorch's builds out."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TORCH = Requirement((ROOT / "requirements/torch.txt").read_text().strip())
PINNED = re.compile(r"^(?P<line>[A-Za-z0-9][^\\\n]*?) \\\n(?P<hashes>(?: +--hash=.*\n)+)", re.M)
SYSTEMS = [
    {"sys_platform": system, "platform_system": name, "python_version": python, "extra": ""}
    for system, name in (("linux", "Linux"), ("darwin", "Darwin"), ("win32", "Windows"))
    for python in ("3.11", "3.12", "3.13", "3.14")
]


def _locked(extra: str) -> list[tuple[Requirement, str]]:
    text = (ROOT / f"requirements/{extra}.txt").read_text()
    found = [(Requirement(m["line"]), m["hashes"]) for m in PINNED.finditer(text)]
    assert len(found) == len(re.findall(r"^[A-Za-z0-9]", text, re.M))
    return found


def _asked_for(extra: str) -> dict[str, Requirement]:
    """What the package and its extra ask for, with the extras that this one names."""
    found: dict[str, Requirement] = {}
    todo = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]
    while todo:
        wanted = Requirement(todo.pop())
        if wanted.name == "reparam":
            for other in wanted.extras:
                todo += PROJECT["optional-dependencies"][other]
        else:
            found[canonicalize_name(wanted.name)] = wanted
    return found


@pytest.mark.parametrize("extra", ["dev", "bench"])
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda each: " ".join(each.values()))
def test_lock_has_what_the_package_asks_for(extra: str, system: dict[str, str]) -> None:
    env = {**system, "python_full_version": f"{system['python_version']}.0"}
    pins: dict[str, str] = {TORCH.name: next(iter(TORCH.specifier)).version}
    for pin, _ in _locked(extra):
        if pin.marker is None or pin.marker.evaluate(env):
            name = canonicalize_name(pin.name)
            assert name not in pins, "twice for one system"
            pins[name] = next(iter(pin.specifier)).version
    for name, wanted in _asked_for(extra).items():
        if wanted.marker is None or wanted.marker.evaluate(env):
            assert name in pins, f"{name}: Fix: make lock"
            assert wanted.specifier.contains(pins[name]), f"{name}: Fix: make lock"


@pytest.mark.parametrize("extra", ["dev", "bench"])
def test_every_file_has_a_hash_but_those_of_pytorch(extra: str) -> None:
    for pin, hashes in _locked(extra):
        assert next(iter(pin.specifier)).operator == "=="
        for each in hashes.replace("\\", "").split():
            assert re.fullmatch("--hash=sha256:[0-9a-f]{64}", each)
        assert not re.match("torch$|triton|nvidia|cuda", pin.name)


def test_tensorflow_is_in_the_benchmarks_lock_alone() -> None:
    dev, bench = ({str(pin) for pin, _ in _locked(extra)} for extra in ("dev", "bench"))
    assert any(pin.startswith("tensorflow-cpu==") for pin in bench)
    assert not any(pin.startswith("tensorflow") for pin in dev)

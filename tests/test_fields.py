"""Fields as options: the docstring below each explains it; its choices and limits are checked."""

import re
import subprocess
import sys
from dataclasses import dataclass, fields
from typing import Literal

import pytest

from reparam.errors import ConfigError
from reparam.fields import check_options, field_docs, option
from reparam.model import ENCODERS, LIKELIHOODS, POSTERIORS, PRIORS
from reparam.objective import OBJECTIVES
from reparam.runs import RunConfig, options_of


@dataclass(frozen=True)
class Base:
    kept: int = 1
    """Of the base."""

    changed: int = 2
    """As the base says."""


@dataclass(frozen=True)
class Options(Base):
    """What the class says is no field's."""

    changed: int = 3
    """As the
    class   says,  in two lines."""

    silent: int = 4

    after: int = option(5, flag="behind", alias="b")
    """After a silent one."""
    ...  # noqa: PIE790  no text
    number: int = 6
    7  # noqa: B018  no text


def test_docs_are_those_below_each_field_with_the_bases():
    assert field_docs(Options) == {
        "kept": "Of the base.",
        "changed": "As the class says, in two lines.",
        "after": "After a silent one.",
    }
    assert field_docs(Base)["changed"] == "As the base says."


def test_a_class_within_a_function_has_them_too():
    @dataclass
    class Local:
        """Indented."""

        side: int = 1
        """Of a patch."""

    assert field_docs(Local) == {"side": "Of a patch."}


def test_a_class_without_a_source_has_none():
    made = dataclass(type("Typed", (), {"__annotations__": {"a": int}, "a": 1}))
    assert field_docs(made) == {}


def test_an_option_keeps_its_default_and_how_its_flag_looks():
    assert Options().after == 5
    (found,) = [field for field in fields(Options) if field.name == "after"]
    assert (found.metadata["flag"], found.metadata["alias"]) == ("behind", "b")


def test_every_option_of_the_package_is_explained():
    missing = [name for name, found in options_of(RunConfig()).items() if not found.doc]
    assert not missing


@pytest.mark.parametrize("registry", [ENCODERS, POSTERIORS, PRIORS, LIKELIHOODS, OBJECTIVES])
def test_every_option_of_every_part_is_explained(registry):
    for name in registry.names:
        part = registry.find(name)
        assert part.__doc__
        assert {field.name for field in fields(part)} <= set(field_docs(part)), name


@dataclass(frozen=True)
class Limited:
    count: int = option(4, least=1)
    widths: tuple[int, ...] = option((8, 8), least=1)
    share: float = option(0.5, above=0, most=1)
    weight: float | str | None = option(None, above=0)
    free: float = -1.0
    how: Literal["fast", "well"] = "fast"
    images: int | Literal["auto"] | None = "auto"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"count": 0}, "count must be 1 or more, got 0"),
        ({"widths": (3, -2, 0)}, "widths must be 1 or more, got -2"),
        ({"count": 10**20}, f"count must be 1 or more and at most {2**53}, got 1{20 * '0'}"),
        ({"count": 10**400}, f"count must be 1 or more and at most {2**53}, got 1{400 * '0'}"),
        ({"share": 0.0}, "share must be above 0 and at most 1, got 0.0"),
        ({"share": float("nan")}, "share must be above 0 and at most 1, got nan"),
        ({"weight": float("inf")}, "weight must be above 0, got inf"),
    ],
)
def test_numbers_beyond_their_limits_are_refused(options: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=f"^part_{says}. Fix: "):
        check_options(Limited(**options), "part_")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"how": "slow"}, "how must be one of fast, well, got 'slow'"),
        ({"how": None}, "how must be one of fast, well, got None"),
        ({"images": "all"}, "images must be one of auto, got 'all'"),
    ],
)
def test_words_that_are_no_choice_are_refused(options: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=f"^part_{says}. Fix: "):
        check_options(Limited(**options), "part_")


BUILD = """
import reparam
from reparam.data import DataConfig, load_images
from reparam.evaluation import ScoreConfig
from reparam.model import GaussianLikelihoodOptions, ModelConfig
from reparam.objective import InputConfig
from reparam.report import ReportChoices
from reparam.runs import TrainingConfig

for build in (
    lambda: TrainingConfig(schedule="another"),
    lambda: InputConfig(binarise="another"),
    lambda: ScoreConfig(likelihood_images="another"),
    lambda: ModelConfig(classes="another"),
    lambda: GaussianLikelihoodOptions(weight="another"),
    lambda: ReportChoices(lang="another"),
    lambda: load_images(DataConfig(fit="another")),
):
    try:
        print("built", build())
    except reparam.ConfigError as error:
        print(error)
print(DataConfig(image_size=16).image_size, DataConfig(image_size="8x4").image_size)
"""


def test_every_configuration_refuses_another_word() -> None:
    """In a process of its own, which does not check types as these tests do."""
    said = subprocess.run([sys.executable, "-c", BUILD], capture_output=True, text=True, check=True)
    lines = said.stdout.splitlines()
    assert len(lines) == 8
    assert lines[7] == "(16, 16) (8, 4)"  # as its text says
    for line in lines[:7]:
        assert re.fullmatch(r"\w+ must be one of .*, got 'another'\. Fix: .*", line)


def test_numbers_within_their_limits() -> None:
    check_options(Limited(how="well", images=None))
    check_options(Limited(images=3))
    check_options(Limited())
    check_options(Limited(count=1, widths=(), share=1.0, weight="auto", free=float("nan")))

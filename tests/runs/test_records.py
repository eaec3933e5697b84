"""Metrics and results: what is written is read, and what is something else is refused."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.data import SPLITS
from reparam.errors import RunError
from reparam.runs import SPLIT_IMAGES, Epoch, Result
from reparam.runs.metrics import add_metrics, check_lines, keep_metrics, read_metrics

numbers = st.floats(allow_nan=False)
counts = st.integers(0, 2**40)
names = st.from_regex(r"[a-z][a-z_0-9]{0,12}", fullmatch=True)
losses = st.dictionaries(names, numbers, max_size=4)
weights = st.fixed_dictionaries({}, optional=dict.fromkeys(("r_loss_factor", "sigma"), numbers))
texts = st.text(max_size=20)

epochs = st.builds(
    Epoch,
    **dict.fromkeys(("epoch", "step", "backoffs"), counts),
    **dict.fromkeys(("learning_rate", "seconds"), numbers),
    weight=weights,
    train=losses,
    valid=losses,
    warnings=st.dictionaries(names, texts, max_size=2),
)
results = st.builds(
    Result,
    **dict.fromkeys(("epochs", "best_epoch", "backoffs", "processes"), counts),
    **dict.fromkeys(("seconds", "images_per_second"), numbers),
    **dict.fromkeys(("device", "precision", "kernels", "deterministic_reason"), texts),
    weight=weights,
    deterministic=st.none() | st.booleans(),
    splits=st.dictionaries(
        st.sampled_from(SPLITS),
        st.builds(lambda found, n: {**found, SPLIT_IMAGES: float(n)}, losses, counts),
    ),
)


@given(epoch=epochs)
def test_an_epoch_survives_its_line(epoch: Epoch) -> None:
    assert Epoch.from_mapping(json.loads(json.dumps(epoch.to_mapping())), "here") == epoch


@given(result=results)
def test_a_result_survives_its_file(result: Result) -> None:
    assert Result.from_mapping(json.loads(json.dumps(result.to_mapping())), "here") == result


@settings(max_examples=20)
@given(
    several=st.lists(epochs, min_size=1, max_size=4),
    run_id=st.sampled_from(("", "an id")),
    cut=st.integers(1, 10),
)
def test_lines_that_are_read_and_written_again_are_the_same(
    several, run_id, cut, tmp_path_factory
) -> None:
    """Also after a crash within a line: what is before it is not touched."""
    file: Path = tmp_path_factory.mktemp("metrics") / "metrics.jsonl"
    several = [replace(epoch, epoch=number) for number, epoch in enumerate(several, 1)]
    for epoch in several:
        add_metrics(file, run_id, epoch)
    whole = file.read_bytes()
    keep_metrics(file, run_id, len(several))
    assert file.read_bytes() == whole
    assert read_metrics(file, run_id) == several
    line = whole.splitlines(keepends=True)[-1]
    file.write_bytes(whole + line[:-cut])
    assert read_metrics(file, run_id) == several
    keep_metrics(file, run_id, len(several))
    assert file.read_bytes() == whole
    keep_metrics(file, run_id, len(several) - 1)
    assert read_metrics(file, run_id) == several[:-1]


def lines_of(file: Path, epochs: int, run_id: str) -> list[str]:
    for number in range(1, epochs + 1):
        add_metrics(file, run_id, Epoch.from_mapping({**FINE_EPOCH, "epoch": number}, "here"))
    return file.read_text().splitlines(keepends=True)


@pytest.mark.parametrize("kept", [[0, 2], [1, 2], [0, 1], [], [1, 0, 2], [0, 0, 1, 2]], ids=str)
def test_a_missing_line_is_refused(kept: list[int], tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    lines = lines_of(file, 3, "an id")
    file.write_text("".join(lines[place] for place in kept))
    with pytest.raises(RunError, match=r"must have a line for each of \d epochs, got"):
        check_lines(file, read_metrics(file, "an id"), 3)
    before = file.read_bytes()
    with pytest.raises(RunError, match=r"must have a line for each of \d epochs, got"):
        keep_metrics(file, "an id", 3)
    assert file.read_bytes() == before


def test_a_changed_line_or_another_runs_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    text = "".join(lines_of(file, 2, "an id"))
    with pytest.raises(RunError, match=r"line 1 does not belong to the run's config\.json"):
        read_metrics(file, "another")
    file.write_text(text.replace('"step": 2', '"step": 3'))
    with pytest.raises(RunError, match="line 1 does not belong"):
        read_metrics(file, "an id")
    file.write_text(json.dumps(FINE_EPOCH) + "\n")  # of a run from before there were digests
    with pytest.raises(RunError, match="line 1 does not belong"):
        read_metrics(file, "an id")
    assert [epoch.epoch for epoch in read_metrics(file, "")] == [1]


FINE_EPOCH = {"epoch": 1, "step": 2, "learning_rate": 0.1, "seconds": 1}
FINE_RESULT = {
    "epochs": 2,
    "best_epoch": 1,
    "seconds": 1,
    "images_per_second": 3.5,
    "device": "cpu",
    "precision": "32-true",
    "kernels": "pytorch",
}


def refused(cls: type[Epoch] | type[Result], values: dict[str, Any]) -> str:
    with pytest.raises(RunError) as error:
        cls.from_mapping(values, "the file")
    return str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"epoch": "1"}, {"epoch": 1.5}, {"epoch": None}, {"seconds": "1"}, {"train_mse": "low"}),
        *({"train_mse": None}, {"valid_mse": [1.0]}, {"warnings": ["x"]}, {"warnings": {"x": 1}}),
        {"sigma": "0.1"},
    ],
    ids=str,
)
def test_an_epochs_wrong_types_are_refused_in_one_line(wrong: dict[str, Any]) -> None:
    Epoch.from_mapping(FINE_EPOCH, "the file")
    said = refused(Epoch, FINE_EPOCH | wrong)
    assert said.startswith("the file must hold what reparam wrote, got: ")
    assert "Fix: " in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "wrong",
    [
        *({"epochs": "2"}, {"device": 1}, {"deterministic": "yes"}, {"test": 1.0}, {"weight": 1}),
        *({"test": {"mse": "x"}}, {"weight": {"sigma": None}}),
    ],
    ids=str,
)
def test_a_results_wrong_types_are_refused_in_one_line(wrong: dict[str, Any]) -> None:
    Result.from_mapping(FINE_RESULT, "the file")
    said = refused(Result, FINE_RESULT | wrong)
    assert "Fix: " in said
    assert "\n" not in said


def test_what_is_missing_is_named() -> None:
    for cls, fine in ((Epoch, FINE_EPOCH), (Result, FINE_RESULT)):
        for name in fine:
            left = {key: value for key, value in fine.items() if key != name}
            assert repr(name) in refused(cls, left)


def test_a_loss_that_is_not_finite_is_read() -> None:
    """The metrics of a run that ended in one: JSON as Python writes it."""
    found = Epoch.from_mapping(FINE_EPOCH | json.loads('{"train_mse": NaN}'), "the file")
    assert math.isnan(found.train["mse"])


def test_a_damaged_line_is_refused_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text(f"{json.dumps(FINE_EPOCH)}\n[1, 2]\n")
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 2 must hold"):
        read_metrics(file, "")
    file.write_text(f"{json.dumps(FINE_EPOCH)}\nhalf a li\n{json.dumps(FINE_EPOCH)}\n")
    with pytest.raises(RunError, match=r"metrics\.jsonl: damaged"):
        read_metrics(file, "")

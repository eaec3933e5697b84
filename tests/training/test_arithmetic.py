"""The arithmetic that is chosen: the fastest that is possible, and then always the same."""

import os
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reparam.data import Batch
from reparam.errors import ConfigError, DiskFullError
from reparam.model import build_autoencoder
from reparam.objective import FULL, Loss
from reparam.runs import ARITHMETIC, Run
from reparam.training import arithmetic, train
from reparam.training.arithmetic import (
    BFLOAT16,
    CLEARLY,
    FLOAT32,
    NATIVE,
    NATIVE_FLOAT32,
    Arithmetic,
    Timer,
    candidates,
    candidates_of,
    choose,
    fastest,
    seconds_an_image,
)

ALL = [NATIVE, BFLOAT16, FLOAT32]


def _choose(run: Run, images: int, timer: Timer | None = None) -> Arithmetic:
    """On a CPU."""
    possible = candidates_of(run.config, run.facts.image_shape, "cpu")
    return choose(run, possible, images, timer)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A machine with bfloat16 and kernels of ours, as far as choosing goes; an empty cache."""
    monkeypatch.setattr(arithmetic, "fast_bfloat16", lambda device: True)
    monkeypatch.setattr(arithmetic, "unavailable_because", lambda dtype: None)
    monkeypatch.setattr(arithmetic, "SHORT", 0)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1), raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return monkeypatch


@pytest.mark.parametrize(
    ("precision", "kernels", "left"),
    [
        ("auto", "auto", ALL),
        ("auto", "pytorch", [BFLOAT16, FLOAT32]),
        ("auto", "native", [NATIVE]),
        ("bfloat16", "auto", [NATIVE, BFLOAT16]),
        ("bfloat16", "pytorch", [BFLOAT16]),
        ("float32", "auto", [NATIVE_FLOAT32, FLOAT32]),
        ("float32", "pytorch", [FLOAT32]),
        ("float32", "native", [NATIVE_FLOAT32]),
    ],
)
def test_what_the_options_leave(small, machine, precision, kernels, left) -> None:
    training = small(precision=precision, kernels=kernels).training
    assert candidates(training, "cpu") == left
    if kernels != "native":
        assert all(other.kernels == "pytorch" for other in candidates(training, "cuda"))
    machine.setattr(arithmetic, "unavailable_because", lambda dtype: "there is no g++")
    if kernels != "native":
        assert candidates(training, "cpu") == [
            other for other in left if other.kernels == "pytorch"
        ]


def test_a_processor_without_bfloat16_has_kernels_for_float32(small, machine) -> None:
    machine.setattr(arithmetic, "fast_bfloat16", lambda device: False)
    training = small(precision="auto").training
    assert candidates(training, "cpu") == [NATIVE_FLOAT32, FLOAT32]
    machine.setattr(
        arithmetic,
        "unavailable_because",
        lambda dtype: None if dtype is torch.float32 else "the processor has no AVX512-BF16",
    )
    assert candidates(training, "cpu") == [NATIVE_FLOAT32, FLOAT32]
    with pytest.raises(ConfigError, match="the processor has no AVX512-BF16"):
        candidates(small(precision="bfloat16", kernels="native").training, "cpu")


def test_a_model_without_layers_for_them_is_not_asked_for_own_kernels(
    small, machine, new_run
) -> None:
    run = new_run(small("burda", precision="auto"))
    assert _choose(run, 1, lambda *_: [2.0, 1.0]).same_as(FLOAT32)


def test_a_short_run_is_not_measured(small, machine, new_run, tmp_path) -> None:
    machine.setattr(arithmetic, "SHORT", 100)

    def never(*_: object) -> list[float]:
        raise AssertionError("measured")

    run = new_run(small(precision="auto"))
    assert _choose(run, 99, never).same_as(NATIVE)
    assert not (tmp_path / "cache" / "reparam" / "arithmetic").exists()
    # A run keeps what it began in; another, which is long enough, is measured.
    assert _choose(run, 1000, never).same_as(NATIVE)
    long = new_run(small(precision="auto"), "long")
    assert _choose(long, 100, lambda *_: [3.0, 1.0, 2.0]).same_as(BFLOAT16)


@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_a_gpu_has_one(small, machine, has_bfloat16) -> None:
    machine.setattr(arithmetic, "fast_bfloat16", lambda device: has_bfloat16)
    assert candidates(small(precision="auto").training, "cuda") == [
        BFLOAT16 if has_bfloat16 else FLOAT32
    ]


@given(st.lists(st.floats(1e-6, 10.0), min_size=3, max_size=3))
def test_the_fastest_or_one_that_is_nearly_as_fast(seconds) -> None:
    found = fastest(ALL, seconds)
    number = [found.same_as(other) for other in ALL].index(True)
    assert seconds[number] * CLEARLY <= min(seconds)
    # No earlier one is as near.
    assert all(seconds[i] * CLEARLY > min(seconds) for i in range(number))
    assert all(f"{1e6 * taken:.0f} µs" in found.reason for taken in seconds)


def test_a_slow_candidate_is_timed_and_not_taken(small, machine, new_run) -> None:
    """Whichever it is: here each step of our own kernels sleeps, then each of PyTorch's."""

    def sleep(*_: object) -> None:
        time.sleep(0.15)

    def slow(model: torch.nn.Module, *_: object) -> None:
        model.encoder.register_forward_pre_hook(sleep)

    machine.setattr(arithmetic, "use_native", slow)
    run = new_run(small(precision="auto"), "own-are-slow")
    assert not _choose(run, 1).same_as(NATIVE)

    build = arithmetic.build_autoencoder
    machine.setattr(
        arithmetic, "use_native", lambda model, _: model.encoder._forward_pre_hooks.clear()
    )

    def built(*what: object) -> torch.nn.Module:
        model = build(*what)
        slow(model)
        return model

    machine.setattr(arithmetic, "build_autoencoder", built)
    run = new_run(small(precision="auto", batch_size=8), "pytorchs-are-slow")
    assert _choose(run, 1).same_as(NATIVE)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_epoch_is_validated_in_it_and_the_result_in_float32(
    precision, new_run, small, blobs
) -> None:
    run = new_run(small(epochs=3, precision=precision))
    train(run, blobs)
    result = run.finished("it is")
    epoch, exact = run.metrics()[result.best_epoch - 1].valid, result.splits["valid"]
    found = {name: exact[name] for name in epoch}
    assert found == pytest.approx(epoch, rel=1e-6 if precision == "float32" else 0.02)
    assert (found == pytest.approx(epoch, rel=1e-6)) == (precision == "float32")


def test_it_is_measured_once(small, machine, new_run, tmp_path) -> None:
    asked = []

    def timer(seconds):
        def measure(*_: object) -> list[float]:
            asked.append(seconds)
            return list(seconds)

        return measure

    first, second = timer((3.0, 1.0, 2.0)), timer((1.0, 2.0, 3.0))
    run, equal = (new_run(small(precision="auto"), name) for name in ("run", "equal"))
    assert _choose(run, 1, first).same_as(BFLOAT16)
    assert _choose(equal, 1, second).same_as(BFLOAT16)  # of the cache
    (kept,) = (tmp_path / "cache" / "reparam" / "arithmetic").iterdir()
    kept.write_text("{")
    assert _choose(run, 1, second).same_as(BFLOAT16)  # of the run
    assert len(asked) == 1
    other = new_run(small(precision="auto", encoder_filters=[8, 8]), "other")
    assert _choose(other, 1, second).same_as(NATIVE)
    damaged = new_run(small(precision="auto"), "damaged")
    assert _choose(damaged, 1, second).same_as(NATIVE)
    # What is no longer possible is not taken.
    machine.setattr(arithmetic, "unavailable_because", lambda dtype: "there is no g++")
    assert _choose(damaged, 1, timer((1.0, 2.0))).same_as(BFLOAT16)


def test_what_a_busy_machine_measures_is_for_one_run(small, machine, new_run) -> None:
    """Own kernels lose under a load, and win without."""
    machine.setattr(os, "getloadavg", lambda: (100.0 * (os.cpu_count() or 1), 1.0, 1.0))
    first, second = (new_run(small(precision="auto"), name) for name in ("first", "second"))
    chosen = _choose(first, 1, lambda *_: [3.0, 1.0, 2.0])
    assert chosen.same_as(BFLOAT16)
    assert "the machine was busy: a quiet one may choose otherwise" in chosen.reason
    assert _choose(second, 1, lambda *_: [1.0, 2.0, 3.0]).same_as(NATIVE)
    assert _choose(first, 1, lambda *_: [1.0, 2.0, 3.0]).same_as(BFLOAT16)  # as it began


@pytest.mark.parametrize("fault", ["a file", "a full disk"])
def test_a_choice_needs_no_cache(small, machine, new_run, tmp_path, fault) -> None:
    if fault == "a file":
        (tmp_path / "cache").write_text("no folder")
    else:

        def full(file, *_: object) -> None:
            raise DiskFullError(f"{file}: the disk is full")

        machine.setattr(arithmetic, "write_mapping", full)
    run = new_run(small(precision="auto"))
    assert _choose(run, 1, lambda *_: [3.0, 1.0, 2.0]).same_as(BFLOAT16)
    assert _choose(run, 1, lambda *_: [1.0, 2.0, 3.0]).same_as(BFLOAT16)  # of the run


def test_a_run_with_its_choice_can_be_replaced(small, machine, new_run, blobs) -> None:
    run = new_run(small(precision="auto"))
    _choose(run, 1, lambda *_: [3.0, 1.0, 2.0])
    assert (run.path / ARITHMETIC).exists()
    Run.create(run.path, run.config, blobs, command="test", overwrite=True)
    assert not (run.path / ARITHMETIC).exists()


def test_measuring_moves_no_random_stream(small, machine, new_run) -> None:
    run = new_run(small(precision="auto", dropout=0.25))
    torch.manual_seed(3)
    before = torch.get_rng_state()
    seconds_an_image(run.config, run.facts.image_shape, [BFLOAT16, FLOAT32], 1000)
    assert torch.equal(before, torch.get_rng_state())


SLOW = {NATIVE_FLOAT32: (60e-3, 10e-3), FLOAT32: (30e-3, 19e-3)}
"""Seconds of a step of residual networks at 64 × 64 on two cores with AVX2: those of a step, and of
an image.
"""


def _steps(monkeypatch: pytest.MonkeyPatch, of: dict[Arithmetic, tuple[float, float]]):
    """Steps that take this long by what they say; and the list of what all of them took."""
    took: list[float] = []

    def timed(config: object, shape: object, which: Arithmetic):
        def step(images: int) -> float:
            took.append(of[which][0] + images * of[which][1])
            return took[-1]

        return step

    monkeypatch.setattr(arithmetic, "timed_step", timed)
    return took


def test_what_is_slower_for_one_image_and_faster_for_a_batch_is_taken(small, monkeypatch) -> None:
    took = _steps(monkeypatch, SLOW)
    config = small(precision="auto", batch_size=32)
    seconds = seconds_an_image(config, (64, 64, 3), list(SLOW), 60_000)
    assert fastest(list(SLOW), seconds).same_as(NATIVE_FLOAT32)
    assert sum(took) < 0.01 * 60_000 * min(seconds)


@given(
    fixed=st.lists(st.floats(1e-4, 1e-1), min_size=2, max_size=2),
    each=st.lists(st.floats(1e-6, 1), min_size=2, max_size=2),
    images=st.integers(10_000, 10**8),
    batch=st.integers(1, 512),
)
def test_timing_takes_seconds_and_stops_at_a_batch(small, fixed, each, images, batch) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        rates = dict(zip(SLOW, zip(fixed, each, strict=True), strict=True))
        took = _steps(monkeypatch, rates)
        found = seconds_an_image(small(batch_size=batch), (8, 8, 1), list(SLOW), images)
    slowest = max(a + b for a, b in rates.values())  # of one image: no step can take less
    assert sum(took) < 4 * len(SLOW) * max(arithmetic.SECONDS[1], arithmetic.ROUNDS * slowest)
    assert all(seconds >= rates[which][1] for which, seconds in zip(SLOW, found, strict=True))


def test_losses_in_bfloat16_are_autocasts(small, blobs) -> None:
    config = small("vae")
    torch.manual_seed(0)
    loss = Loss(build_autoencoder(config.model, blobs.image_shape), config.objective)
    x = torch.rand(5, 1, 8, 8)
    batch = Batch(x, None, torch.arange(5))

    def noise() -> torch.Generator:
        return torch.Generator().manual_seed(1)

    with torch.autocast("cpu", torch.bfloat16):
        plain = loss(batch, FULL, noise())
    found = BFLOAT16.of(loss)(batch, FULL, noise())
    assert found.objective.dtype is torch.float32
    assert torch.equal(found.objective, plain.objective.float())
    assert all(torch.equal(found.terms[name], plain.terms[name].float()) for name in plain.terms)
    exact = FLOAT32.of(loss)(batch, FULL, noise())
    assert not torch.equal(exact.objective, found.objective)
    torch.testing.assert_close(exact.objective, found.objective, rtol=0.05, atol=0.5)


def test_a_run_says_what_it_was_trained_in_and_why(small, machine, new_run, blobs) -> None:
    machine.setattr(arithmetic, "unavailable_because", lambda dtype: "there is no g++")
    run = new_run(small(precision="auto", epochs=1))
    train(run, blobs)
    result = Run.open(run.path).finished("it is")
    assert result.precision in ("bf16-mixed", "32-true")
    assert result.kernels == "pytorch"
    assert result.arithmetic_reason.startswith("the fastest for this model")
    alone = new_run(small(epochs=1), "alone")
    train(alone, blobs)
    assert not (alone.path / ARITHMETIC).exists()
    assert "the only one" in Run.open(alone.path).finished("it is").arithmetic_reason

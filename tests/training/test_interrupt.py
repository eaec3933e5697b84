"""Signals: the first requests a stop, a second one ends training, also where a step hangs."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from reparam.data import load_images
from reparam.runs import Run
from reparam.training import interrupt, train
from reparam.training.interrupt import SIGNALS, stop_on_signal

HANGS = """
import ctypes, sys
from pathlib import Path

from reparam.runs import Run
from reparam.training import StepDone, interrupt, train

interrupt.GRACE = 1.0

def hang(event):
    if isinstance(event, StepDone) and (event.epoch, event.batch) == (2, 2):
        libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
        libc.pthread_mutex_init(mutex, None)
        libc.pthread_mutex_lock(mutex)
        print("hangs", flush=True)
        libc.pthread_mutex_lock(mutex)  # never returns, whatever signals come

run = Run.open(Path(sys.argv[1]))
train(run, run.images(), [hang])
"""


@pytest.fixture
def make(small, blobs, tmp_path: Path) -> Callable[[str], Run]:
    """Runs on images in a file, which another process can find."""
    np.savez(tmp_path / "blobs.npz", images=blobs.images, labels=blobs.labels)

    def create(name: str) -> Run:
        config = small(epochs=3, device="cpu")
        data = replace(config.data, source=str(tmp_path / "blobs.npz"))
        config, images = replace(config, data=data), load_images(data)
        return Run.create(tmp_path / name, config, images, command="test", overwrite=False)

    return create


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals and threads")
def test_a_second_signal_ends_a_step_that_never_returns(make) -> None:
    whole, runs = make("whole"), {number: make(number.name) for number in SIGNALS}
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with contextlib.ExitStack() as stack:
        hanging = {}
        for number, run in runs.items():
            hanging[number] = subprocess.Popen(
                [sys.executable, "-c", HANGS, str(run.path)],
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(hanging[number].kill)
        for number, process in hanging.items():
            assert process.stdout is not None
            assert process.stdout.readline() == "hangs\n"
            process.send_signal(number)
        time.sleep(interrupt.SAME_REQUEST + 2)
        for number, process in hanging.items():
            assert process.poll() is None
            process.send_signal(number)
            _, said = process.communicate(timeout=30)
            assert process.returncode == 128 + number
            (line,) = said.splitlines()
            assert line.startswith("reparam: error: training must end within 1 s of the second")
            assert f"second {number.name}, got" in line
            assert "reparam resume" in line
    for each in (whole, *runs.values()):  # the lock is free, the checkpoint is the first epoch's
        train(each, each.images())
    a = load_file(whole.weights)
    for run in runs.values():
        b = load_file(run.weights)
        assert all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_a_second_signal_ends_at_once_a_repeated_one_does_not(
    first: signal.Signals, second: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stop_on_signal() as request:
        assert not request.stop_requested
        signal.raise_signal(first)
        signal.raise_signal(second)  # as GNU timeout and torchrun do
        assert request.stop_requested
        monkeypatch.setattr(interrupt, "SAME_REQUEST", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(second)


def test_all_is_as_before_afterwards() -> None:
    handlers, threads = [signal.getsignal(number) for number in SIGNALS], threading.enumerate()
    with pytest.raises(ValueError, match="from inside"), stop_on_signal():
        raise ValueError("from inside")
    assert [signal.getsignal(number) for number in SIGNALS] == handlers
    assert signal.set_wakeup_fd(-1) == -1
    assert threading.enumerate() == threads


def test_training_in_another_thread_leaves_signals_alone() -> None:
    handlers, seen = [signal.getsignal(number) for number in SIGNALS], []

    def enter() -> None:
        with stop_on_signal() as request:
            seen.extend(signal.getsignal(number) for number in SIGNALS)
            assert not request.stop_requested

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == handlers


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_ends_by_its_own_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of multiprocessing.Pool do; and it does not pass for a signal to its parent."""
    monkeypatch.setattr(interrupt, "SAME_REQUEST", 0.0)
    monkeypatch.setattr(interrupt, "GRACE", 0.0)
    context = multiprocessing.get_context("fork")
    runs = context.Semaphore(0)

    def child() -> None:
        runs.release()
        time.sleep(600)

    with stop_on_signal() as request:
        for _ in range(3):
            process = context.Process(target=child)
            process.start()
            assert runs.acquire(timeout=60)
            process.terminate()
            process.join(60)
            assert process.exitcode == -signal.SIGTERM
        time.sleep(0.5)  # the parent would be ended by now
        assert not request.stop_requested
        process = context.Process(target=child)
        process.start()
        assert runs.acquire(timeout=60)
        late = threading.Timer(60, process.kill)
        late.start()
    assert process.is_alive(), "the end of training does not wait for it"
    late.cancel()
    process.kill()
    process.join()

"""Several processes train one run: real ones, on the CPU."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from reparam.data import load_images
from reparam.errors import ConfigError
from reparam.model import SharedNoise, normal, uniform
from reparam.runs import Run, RunConfig, TrainingConfig
from reparam.training import assemble, leads, planned, train
from reparam.training.team import share_of

SCRIPT = """
import json, os, sys
from pathlib import Path
from reparam.runs import Run
from reparam.training import assemble, train
from reparam.training.feed import HostFeed

folder, log, fails = sys.argv[1:]
writes, seen = [], []

def audit(event, details):
    path = str(details[0]) if details else ""
    changes = event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir")
    if event == "open" and isinstance(details[2], int):
        changes = bool(details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    if changes and path.startswith(folder):
        writes.append(path)

def batch(self, indices, original=HostFeed.batch):
    seen.append(indices.tolist())
    return original(self, indices)

def fail(event):
    if fails == "fail":
        raise ValueError("a listener failed")

sys.addaudithook(audit)
HostFeed.batch = batch
run = Run.open(Path(folder))
team = assemble(run.config.training)
train(run, run.images(), [fail], team)
Path(log, f"{team.rank}.json").write_text(json.dumps({"writes": writes, "seen": seen}))
"""

Make = Callable[..., Run]


@pytest.fixture
def make(small, blobs, tmp_path: Path) -> Make:
    """Runs on images in a file: ``make("name", "vae", train_size=65, devices=2)``."""
    np.savez(tmp_path / "blobs.npz", images=blobs.images, labels=blobs.labels)

    def create(name: str, preset: str = "vae", train_size: int | None = None, **options) -> Run:
        config: RunConfig = small(preset, device="cpu", **{"epochs": 3, **options})
        data = replace(config.data, source=str(tmp_path / "blobs.npz"), train_size=train_size)
        config = replace(config, data=data)
        images = load_images(data)
        return Run.create(tmp_path / name, config, images, command="test", overwrite=False)

    return create


def start(run: Run, *words: str, runner: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [sys.executable, *(runner or ("-m", "reparam")), "resume", str(run.path), *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    """What it said on stderr."""
    try:
        out, said = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == status, said
    assert out == ""
    return said


def curve(run: Run) -> np.ndarray:
    return np.array(
        [[e.train["loss_nats"], e.train["rate_nats"], e.valid["loss_nats"]] for e in run.metrics()]
    )


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_shares_are_the_batch_nothing_lost_nothing_twice(size) -> None:
    for whole in range(1, 40):
        rows = [list(range(whole))[share_of(whole, rank, size)] for rank in range(size)]
        assert list(chain(*rows)) == list(range(whole))
        assert max(map(len, rows)) - min(map(len, rows)) <= 1


def test_shared_noise_is_the_whole_batchs() -> None:
    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(5)

    like = torch.zeros(())
    for draw in (normal, uniform):
        alone, two = generator(), (generator(), generator())
        for _ in range(2):
            whole = draw(torch.Size((7, 3)), alone, like)
            parts = [
                draw(torch.Size((n, 3)), SharedNoise(g, first, 7), like)
                for g, first, n in zip(two, (0, 3), (3, 4), strict=True)
            ]
            assert torch.equal(whole, torch.cat(parts))


@pytest.mark.parametrize(
    ("preset", "train_size"),
    [
        pytest.param("vae", 65, id="last batch of one image"),
        pytest.param("dae", None, id="noisy images", marks=pytest.mark.slow),
    ],
)
def test_two_processes_are_one_with_twice_the_batch(make: Make, preset, train_size) -> None:
    options = {"train_size": train_size, "latent_dim": 3}
    one = make("one", preset, batch_size=16, **options)
    two = make("two", preset, batch_size=8, devices=2, **options)
    train(one, one.images())
    said = finish(start(two))
    np.testing.assert_allclose(curve(two), curve(one), rtol=1e-5)
    a, b = one.result(), two.result()
    assert a is not None
    assert b is not None
    assert (a.processes, b.processes) == (1, 2)
    assert b.splits["test"]["loss_nats"] == pytest.approx(a.splits["test"]["loss_nats"], rel=1e-5)
    assert said.count("epoch 1/3") == said.count("2 processes") == 1, "one of them speaks"


@pytest.mark.slow
def test_two_processes_of_torchrun(make: Make) -> None:
    one, two = make("one", batch_size=16), make("two", batch_size=8, devices=2)
    train(one, one.images())
    runner = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "reparam")
    finish(start(two, "--quiet", runner=runner))
    np.testing.assert_allclose(curve(two), curve(one), rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"weight": "auto", "free_bits": 0.1},
        pytest.param({"target_rate": 2.0}, marks=pytest.mark.slow),
    ],
)
def test_two_processes_move_the_weight_as_one(make: Make, options) -> None:
    """What moves σ², and which dimensions' bits are free, are means over both parts of a batch."""
    one = make("one", batch_size=16, train_size=65, **options)
    two = make("two", batch_size=8, devices=2, train_size=65, **options)
    train(one, one.images())
    finish(start(two))
    np.testing.assert_allclose(curve(two), curve(one), rtol=1e-5)
    sigmas = [[epoch.weight["sigma"] for epoch in run.metrics()] for run in (one, two)]
    assert sigmas[1] == pytest.approx(sigmas[0], rel=1e-5)
    assert len(set(sigmas[0])) == 3, "it moves"


def run_script(run: Run, tmp_path: Path, fails: str = "") -> subprocess.CompletedProcess[str]:
    """The script in two processes: Fabric starts the second one by the same command."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), str(run.path), str(tmp_path), fails]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(words, capture_output=True, text=True, timeout=120, env=env)


def test_every_image_once_an_epoch_and_one_process_writes(make: Make, tmp_path: Path) -> None:
    run = make("run", batch_size=8, devices=2, epochs=2, batch_norm=True, dropout=0.25)
    done = run_script(run, tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    count = len(run.images().splits["train"])
    steps = -(-count // 16)
    for epoch in range(2):
        seen = [list(chain(*each["seen"][epoch * steps :][:steps])) for each in (first, second)]
        assert sorted(seen[0] + seen[1]) == list(range(count))
        assert abs(len(seen[0]) - len(seen[1])) <= steps
    assert first["writes"]
    assert second["writes"] == []


@pytest.mark.slow
def test_an_error_of_the_first_process_ends_all(make: Make, tmp_path: Path) -> None:
    done = run_script(make("run", devices=2), tmp_path, "fail")
    assert done.returncode != 0
    assert "a listener failed" in done.stderr


@pytest.mark.parametrize("victim", [pytest.param("first", marks=pytest.mark.slow), "second"])
def test_when_one_process_is_killed_all_end(make: Make, victim) -> None:
    run = make("run", batch_size=4, devices=2, epochs=100_000)
    process = start(run, "--quiet")
    wait_until(lambda: len(run.metrics()) > 2)
    (second,) = children(process.pid)
    os.kill(process.pid if victim == "first" else second, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if victim == "first" else 2), said
    assert "of this run has ended" in said
    assert "reparam resume" in said
    wait_until(lambda: not is_alive(second) and not is_alive(process.pid), 20)


@pytest.mark.parametrize("devices", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_ctrl_c_ends_all_and_any_number_of_processes_goes_on(make: Make, devices) -> None:
    whole, run = (make(name, batch_size=8, devices=2, epochs=40) for name in ("whole", "run"))
    process = start(run)
    wait_until(lambda: len(run.metrics()) > 2)
    (second,) = children(process.pid)
    process.send_signal(signal.SIGINT)
    said = finish(process, 130)
    assert "stopped; everything up to here is saved" in said.splitlines()[-1]
    assert "Traceback" not in said
    wait_until(lambda: not is_alive(second), 20)
    assert len(run.metrics()) < 40
    finish(start(run, "--devices", devices, "--quiet"))
    alone = replace(whole.config.training, devices=1)
    train(whole, whole.images(), team=assemble(alone))
    np.testing.assert_allclose(curve(run), curve(whole), rtol=1e-3)


def test_python_alone_starts_no_processes(make: Make) -> None:
    run = make("run", devices=2)
    with pytest.raises(ConfigError, match="found --devices 2 --num-nodes 1 in Python"):
        train(run, run.images())


def test_what_torchrun_started_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TORCHELASTIC_RUN_ID": "x",
        "WORLD_SIZE": "6",
        "LOCAL_WORLD_SIZE": "3",
        "RANK": "4",
    }.items():
        monkeypatch.setenv(name, value)
    found = planned(TrainingConfig())
    assert (found.devices, found.num_nodes) == (3, 2)
    assert found.global_batch == 6 * found.batch_size
    assert not leads()
    with pytest.raises(ConfigError, match=r"2 × 3 processes .* found --num-nodes 1 --devices 2"):
        planned(TrainingConfig(devices=2))


def test_what_slurm_started_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    started = {"SLURM_NTASKS": "8", "SLURM_NNODES": "2", "SLURM_PROCID": "0"}
    for name, value in started.items():
        monkeypatch.setenv(name, value)
    found = planned(TrainingConfig())
    assert (found.devices, found.num_nodes) == (4, 2)
    assert leads()
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert not leads()
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert planned(TrainingConfig(devices=2)).devices == 2, "a lone task starts its own"


def test_machines_must_find_each_other() -> None:
    with pytest.raises(ConfigError, match="2 machines must find each other"):
        assemble(TrainingConfig(device="cpu", num_nodes=2))

"""Several processes train one run: real ones, on the CPU."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
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
from reparam.training import assemble, resolve_processes, train
from reparam.training.team import share_of

from .resuming import assert_equal_runs

SCRIPT = """
import json, os, sys, time
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
    if fails == "alone":
        (second,) = team.fabric.strategy.launcher.procs
        second.kill()
        time.sleep(60)

sys.addaudithook(audit)
HostFeed.batch = batch
run = Run.open(Path(folder))
team = assemble(run.config.training)
train(run, run.images(), [fail], team)
Path(log, f"{team.rank}.json").write_text(json.dumps({"writes": writes, "seen": seen}))
"""
DYING = """
import os, signal, sys
from torch.optim.optimizer import register_optimizer_step_post_hook
from reparam.cli.main import main

rank, step = sys.argv.pop(1), int(sys.argv.pop(1))
done = []

def die(*_):
    done.append(1)
    if os.environ["RANK"] == rank and len(done) == step:
        os.kill(os.getpid(), signal.SIGKILL)

register_optimizer_step_post_hook(die)
sys.exit(main())
"""
"""The command, in which the process of a rank dies after so many steps."""

LOST = "another process of this run has ended"

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


STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    """Also where a test fails: what it started would take the processor from all that follow."""
    yield
    for process in STARTED:
        with process, suppress(ProcessLookupError):  # waits, and closes what it wrote to
            os.killpg(process.pid, signal.SIGKILL)
    STARTED.clear()


def launch(command: list[str]) -> subprocess.Popen[str]:
    """In a session of its own, so that its children can be ended with it."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    STARTED.append(process)
    return process


def start(run: Run, *words: str, runner: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    return launch([sys.executable, *(runner or ("-m", "reparam")), "resume", str(run.path), *words])


def start_nodes(*program: str) -> list[subprocess.Popen[str]]:
    """torchrun on each of two machines, which are this one, with one process each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    torchrun += ["--master-addr=127.0.0.1", f"--master-port={port}"]
    return [launch([*torchrun, f"--node-rank={node}", *program]) for node in (0, 1)]


def end(process: subprocess.Popen[str], seconds: float = 120) -> str:
    """What it said on stderr, once it has ended; it must do so in time."""
    out, said = process.communicate(timeout=seconds)
    assert out == ""
    return said


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    said = end(process)
    assert process.returncode == status, said
    return said


def curve(run: Run) -> np.ndarray:
    keys = ("train_loss_nats", "train_rate_nats", "valid_loss_nats")
    lines = [epoch.to_mapping() for epoch in run.metrics()]
    return np.array([[line[key] for key in keys] for line in lines])


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def is_reparam(pid: int) -> bool:
    return b"reparam" in Path(f"/proc/{pid}/cmdline").read_bytes()


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
def test_two_processes_average_clip_and_accumulate_as_one(make: Make) -> None:
    """Of the last batch, of one image, the second process has no row."""
    options = {
        "train_size": 65,
        "latent_dim": 3,
        "ema": 0.9,
        "clip": 1.0,
        "clip_spikes": 1.1,
        "weight": "auto",
    }
    one = make("one", batch_size=16, **options)
    two = make("two", batch_size=8, devices=2, accumulate=3, checkpoint_seconds=60, **options)
    train(one, one.images())
    finish(start(two))
    np.testing.assert_allclose(curve(two), curve(one), rtol=1e-4)
    a, b = (run.load_model().state_dict() for run in (one, two))
    for name, values in a.items():
        torch.testing.assert_close(b[name], values, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_two_processes_of_torchrun(make: Make) -> None:
    one, two = make("one", batch_size=16), make("two", batch_size=8, devices=2)
    train(one, one.images())
    runner = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "reparam")
    finish(start(two, "--quiet", runner=runner))
    np.testing.assert_allclose(curve(two), curve(one), rtol=1e-5)


@pytest.mark.slow
def test_two_processes_play_one_game(make: Make) -> None:
    """Parameters without a gradient before the term's start, and a weight that is of all images."""
    options = {"terms": ["adversarial"], "adversarial_channels": [8], "train_size": 65}
    one = make("one", batch_size=16, **options)
    two = make("two", batch_size=8, devices=2, **options)
    train(one, one.images())
    finish(start(two))
    np.testing.assert_allclose(curve(two), curve(one), rtol=1e-4)
    for a, b in zip(one.metrics(), two.metrics(), strict=True):
        for name in ("adversarial", "adversarial_margin", "adversarial_weight"):
            assert b.train[name] == pytest.approx(a.train[name], rel=1e-3), name
    assert two.metrics()[-1].train["adversarial_weight"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"weight": "auto", "free_bits": 0.1}, {"target_rate": 2.0}])
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["first", "second"])
def test_when_one_process_is_killed_all_end(make: Make, victim) -> None:
    run = make("run", batch_size=4, devices=2, epochs=100_000)
    process = start(run, "--quiet")
    wait_until(lambda: len(run.metrics()) > 2)
    (second,) = children(process.pid)
    os.kill(process.pid if victim == "first" else second, signal.SIGKILL)
    said = end(process, 60)
    assert process.returncode == (-signal.SIGKILL if victim == "first" else 2), said
    (line,) = said.splitlines()
    assert LOST in line
    assert "reparam resume" in line
    wait_until(lambda: not is_alive(second) and not is_alive(process.pid), 20)


@pytest.mark.slow
def test_the_first_process_killed_before_they_are_connected_leaves_no_other(make: Make) -> None:
    process = start(make("run", devices=2), "--quiet")
    wait_until(lambda: any(is_reparam(pid) for pid in children(process.pid)))
    (second,) = filter(is_reparam, children(process.pid))
    process.kill()
    said = end(process)  # until the second one, too, has closed its stderr
    assert LOST in said
    assert said.count("reparam: error") == 1
    wait_until(lambda: not is_alive(second), 20)


@pytest.mark.slow
def test_the_first_process_says_why_it_is_killed_while_it_works_alone(
    make: Make, tmp_path: Path
) -> None:
    """No transfer fails then: Fabric's launcher ends it."""
    done = run_script(make("run", devices=2), tmp_path, "alone")
    assert done.returncode == -signal.SIGKILL
    (line,) = done.stderr.splitlines()
    assert LOST in line


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_two_machines_go_on_bit_for_bit_after_one_loses_its_process(
    make: Make, tmp_path: Path, victim
) -> None:
    whole, cut = (
        make(name, batch_size=8, num_nodes=2, dropout=0.25, batch_norm=True)
        for name in ("whole", "cut")
    )
    for node in start_nodes("-m", "reparam", "resume", str(whole.path), "--quiet"):
        finish(node)
    script = tmp_path / "dying.py"
    script.write_text(DYING)
    steps = -(-len(whole.images().splits["train"]) // 16)
    middle = steps + steps // 2  # of the second epoch
    nodes = start_nodes(str(script), str(victim), str(middle), "resume", str(cut.path), "--quiet")
    assert "SIGKILL" in end(nodes[victim])
    said = end(nodes[1 - victim], 20)
    assert nodes[1 - victim].returncode != 0
    (line,) = [line for line in said.splitlines() if "reparam: error" in line]
    assert LOST in line
    assert "Traceback" not in said.split(line)[0], "what follows it is torchrun's"
    assert len(cut.metrics()) == 1
    for node in start_nodes("-m", "reparam", "resume", str(cut.path), "--quiet"):
        finish(node)
    assert len(cut.metrics()) == 3
    assert_equal_runs(whole, cut)


@pytest.mark.slow
def test_two_machines_end_when_the_first_one_refuses(tmp_path: Path) -> None:
    words = ("train", str(tmp_path / "nowhere"), "--out", str(tmp_path / "run"))
    first, second = start_nodes("-m", "reparam", *words)
    assert "no such file or folder" in end(first)
    (line,) = [line for line in end(second, 20).splitlines() if "reparam: error" in line]
    assert "process 1 of 2 must reach the others" in line


@pytest.mark.slow
@pytest.mark.parametrize("devices", ["1", "2"])
def test_ctrl_c_ends_all_and_any_number_of_processes_goes_on(make: Make, devices) -> None:
    whole, run = (make(name, batch_size=8, devices=2, epochs=40) for name in ("whole", "run"))
    process = start(run)
    wait_until(lambda: len(run.metrics()) > 2)
    (second,) = children(process.pid)
    process.send_signal(signal.SIGINT)
    said = finish(process, 130)
    assert "stopped and everything up to here is saved" in said.splitlines()[-1]
    assert "Traceback" not in said
    wait_until(lambda: not is_alive(second), 20)
    assert len(run.metrics()) < 40
    finish(start(run, "--devices", devices, "--quiet"))
    alone = replace(whole.config.training, devices=1)
    train(whole, whole.images(), team=assemble(alone))
    np.testing.assert_allclose(curve(run), curve(whole), rtol=1e-3)


@pytest.mark.slow
def test_the_script_of_the_documents_trains_in_two_processes(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/scaling.md").read_text(encoding="utf-8")
    script = textwrap.dedent(text.partition("```python\n")[2].partition("```")[0])
    shorter = script.replace("devices=2", "devices=2, epochs=1")
    assert shorter.count("epochs=1") == 1
    (tmp_path / "mine.py").write_text(shorter)
    words = [sys.executable, "mine.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert Run.open(tmp_path / "runs/mine").finished("it is").epochs == 1


def test_python_alone_starts_no_processes(make: Make) -> None:
    run = make("run", devices=2)
    with pytest.raises(ConfigError, match="devices and num_nodes must be 1 in Python, got 2 and 1"):
        train(run, run.images())


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets variables of the environment. What Fabric makes of them ends with the test."""
    from lightning_fabric.utilities.rank_zero import rank_zero_only

    monkeypatch.setattr(rank_zero_only, "rank", 0)

    def update(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return update


def test_what_torchrun_started_counts(environment) -> None:
    environment(TORCHELASTIC_RUN_ID="x", WORLD_SIZE="6", LOCAL_WORLD_SIZE="3")
    environment(RANK="4", LOCAL_RANK="1", GROUP_RANK="1")
    found = resolve_processes(TrainingConfig())
    assert (found.devices, found.num_nodes) == (3, 2)
    assert found.global_batch == 6 * found.batch_size
    team = assemble(TrainingConfig(device="cpu", devices=2))
    assert (team.rank, team.size, team.leads) == (4, 6, False)
    with pytest.raises(ConfigError, match=r"2 machines × 3 .* got --num-nodes 1 --devices 2"):
        resolve_processes(TrainingConfig(devices=2))


def test_what_slurm_started_counts(environment) -> None:
    environment(SLURM_NTASKS="8", SLURM_NNODES="2")
    with pytest.raises(ConfigError, match="got no SLURM_NTASKS_PER_NODE"):
        resolve_processes(TrainingConfig())
    environment(SLURM_NTASKS_PER_NODE="4", SLURM_PROCID="7", SLURM_LOCALID="3", SLURM_NODEID="1")
    found = resolve_processes(TrainingConfig())
    assert (found.devices, found.num_nodes) == (4, 2)
    team = assemble(TrainingConfig(device="cpu"))
    assert (team.rank, team.size, team.leads) == (7, 8, False)


def test_a_lone_slurm_task_starts_its_own(environment) -> None:
    environment(SLURM_NTASKS="1", SLURM_PROCID="0", SLURM_LOCALID="0", SLURM_NODEID="0")
    two = TrainingConfig(device="cpu", devices=2)
    assert resolve_processes(two) == two
    team = assemble(two)
    assert (team.rank, team.size, team.leads) == (0, 2, True)


def test_machines_must_find_each_other() -> None:
    with pytest.raises(ConfigError, match="2 machines must find each other"):
        assemble(TrainingConfig(device="cpu", num_nodes=2))

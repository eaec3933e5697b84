"""What goes to a peer's process and comes back, and the memory that it reports."""

import gzip
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from peers.job import Answer, Job, Reply
from speed import environment
from speed_table import TITLES

NEEDS = {"keras_fit": "tensorflow", "lightning_trainer": "lightning", "pythae_trainer": "pythae"}
PARAMETERS = {False: 207_237, True: 208_005}
"""Trainable ones, without and with batch norm; 105,220 of them are the encoder's without."""


def ask(words: list[str]) -> str:
    env = {**environment(), "OMP_NUM_THREADS": "1"}  # beside other tests: see conftest.py
    done = subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """MNIST's file of training images, with 48 of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 28, 28), np.uint8)
    raw = np.array([2051, 48, 28, 28], ">i4").tobytes() + pixels.tobytes()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(raw))
    return str(tmp_path)


def test_jobs_and_replies_survive_json():
    job = Job("folder", 64, (32, 128), batch_norm=True, dropout=0.25, repeats=2)
    assert Job.from_json(job.to_json()) == job
    reply = Reply((Answer(32, 64, (0.5, 1.5), 207_237, 10**8),), "torch 2")
    assert Reply.from_json(reply.to_json()) == reply
    assert reply.answers[0].images_per_second == 2 * 64 / 2
    assert Reply.from_json(Reply(absent="pythae").to_json()).absent == "pythae"


@pytest.mark.parametrize(
    "changes",
    [{"batch_sizes": [128, 32]}, {"batch_sizes": []}, {"images": 0}, {"repeats": 0}],
)
def test_jobs_that_cannot_be(changes):
    values = json.loads(Job("folder", 64, (32,)).to_json())
    with pytest.raises(ValueError, match="found"):
        Job.from_json(json.dumps(values | changes))


def test_too_few_images(folder):
    assert Job(folder, 48, (8,)).pixels().shape == (48, 28, 28)
    with pytest.raises(ValueError, match="48 images"):
        Job(folder, 49, (8,)).pixels()


@pytest.mark.slow
@pytest.mark.parametrize("peer", TITLES)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_every_installed_peer_trains_the_same_network(peer, batch_norm, folder):
    job = Job(folder, 48, (16, 24), batch_norm, dropout=0.25 * batch_norm)
    reply = Reply.from_json(ask(["-m", "peers.run", peer, job.to_json()]))
    if (package := NEEDS.get(peer)) and find_spec(package) is None:
        assert reply.absent == package
        return
    assert [answer.batch_size for answer in reply.answers] == [16, 24]
    for answer in reply.answers:
        assert answer.parameters == PARAMETERS[batch_norm]
        assert len(answer.seconds) == 1
        assert answer.seconds[0] > 0


def test_peak_memory_counts_what_was_held_and_let_go():
    code = (
        "from memory import peak_bytes; before = peak_bytes(); held = bytearray(b'1') * 10**8; "
        "del held; print(peak_bytes() - before)"
    )
    assert 10**8 * 0.95 < int(ask(["-c", code])) < 10**8 * 1.2


def test_peers_choose_their_own_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert "OMP_NUM_THREADS" not in environment()
    assert environment()["PYTHONPATH"].split(os.pathsep)[0].endswith("benchmarks")

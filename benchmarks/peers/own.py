"""reparam's own loop, as ``reparam train`` runs it, on images in memory.

The seconds are the loop's own, which it writes into metrics.jsonl: the steps of an epoch and what
feeds them, without the checkpoint after it. The other peers write none at all.
"""

import tempfile
from pathlib import Path

import numpy as np

from peers.job import LEARNING_RATE, Job, Trained
from reparam.data import image_set_from_arrays
from reparam.runs import IN_MEMORY, Run, preset_config, resolve
from reparam.training import EpochDone, Event
from reparam.training import train as train_run

PACKAGES = ("reparam", "torch")


def train(job: Job, pixels: np.ndarray, batch_size: int) -> Trained:
    options = {
        "data": {"source": IN_MEMORY, "valid_fraction": 0.0, "test_fraction": 0.0},
        "batch_norm": job.batch_norm,
        "dropout": job.dropout,
        "training": {
            "epochs": 1 + job.repeats,
            "batch_size": batch_size,
            "learning_rate": LEARNING_RATE,
            "device": "cpu",
            "sample_every": 0,
        },
    }
    config = resolve(preset_config("vae"), [("the benchmark", options)])
    ends = []

    def clock(event: Event) -> None:
        if isinstance(event, EpochDone):
            ends.append(event.metrics.seconds)

    images = image_set_from_arrays(pixels, name="MNIST", config=config.data)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", config, images, command="benchmark", overwrite=False)
        model = train_run(run, images, [clock])
    parameters = sum(p.numel() for p in model.parameters())
    return Trained(tuple(np.diff(ends).tolist()), parameters)

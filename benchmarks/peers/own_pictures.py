"""reparam, by its own command, for a given time: `reparam train` with as many epochs as fit, or
with as many as it takes by itself where no time is given.

The seconds are those of the whole command: its start, reading the pictures, training, validation,
checkpoints, and the losses of every split at the end.
"""

import subprocess
import sys
import time
from pathlib import Path

from memory import peak_bytes_of_children

from peers.picture_job import PictureJob, PictureReply

PACKAGES = ("reparam", "torch")

RUN = "run"

SHORT = 2
"""Epochs of a short trial: a term that begins in the middle of a run needs one before that."""

TRIAL = 0.05
"""Share of the time that is given to a trial of more epochs, beside the short one."""

FITS = (0.9, 1.05)
"""Shares of the time that a training may take; else it is made anew, with other epochs."""

TRIES = 3


def train(job: PictureJob) -> PictureReply:
    out = Path(job.out) / RUN  # kept, for own_refined.py and for a look at it
    seconds = in_time(job, out) if job.seconds else command(job, out)
    return finished(job, out, seconds, peak_bytes_of_children())


def in_time(job: PictureJob, out: Path) -> float:
    """The seconds of the training that is in ``out``: about those of the job."""
    epochs = job.epochs or epochs_that_fit(job, out)
    for _ in range(TRIES):
        seconds = command(job, out, epochs)
        share = seconds / job.seconds
        if FITS[0] <= share <= FITS[1] or (epochs == 1 and share > 1):
            break
        epochs = max(1, int(epochs / share))
    return seconds


def command(job: PictureJob, out: Path, epochs: int | None = None) -> float:
    """Seconds of one training. Raises RuntimeError with the command's errors when it fails."""
    words = ["train", *job.source, *job.words, "--seed", str(job.seed), "--out", str(out)]
    words += ["--overwrite", "--quiet", *(["--epochs", str(epochs)] if epochs else [])]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "reparam", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"reparam {' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return time.perf_counter() - began


def epochs_that_fit(job: PictureJob, out: Path) -> int:
    """By the line through the seconds of SHORT epochs and of more."""
    command(job, out, SHORT)  # decodes the pictures, compiles the kernels
    began = time.perf_counter()
    short = command(job, out, SHORT)
    more = 4
    while True:
        took = command(job, out, SHORT + more)
        each = (took - short) / more
        if each > 0 and (took >= TRIAL * job.seconds or time.perf_counter() - began > job.seconds):
            return max(1, SHORT + int((job.seconds - short) / each))
        more *= 2


def finished(job: PictureJob, out: Path, seconds: float, peak: int) -> PictureReply:
    """Reconstructs the held-out pictures with the run's best weights."""
    from reparam.evaluation import reconstruct_images  # imported late: memory of the trainings
    from reparam.runs import Run

    run = Run.open(out)
    result = run.finished("a benchmark is of a finished run")
    model = run.load_model()
    job.save(reconstruct_images(model, job.held_out_pixels()).images)
    return PictureReply(
        seconds=seconds,
        epochs=result.epochs,
        images=result.epochs * len(job.training_pixels()),
        parameters=sum(p.numel() for p in model.parameters()),
        latents=model.latent_dim,
        peak_bytes=peak,
        precision=result.precision,
    )

"""The processes that train one run together; most runs have one.

A step's batch is shared out: each process takes its part of the very batch that one process would
take, with the same noise, and the gradient is the mean over the whole batch, however unequal the
parts. So the losses do not depend on the number of processes, but for rounding, dropout (each
process draws its own), batch norm (each takes the statistics of its own part; the running ones that
are kept are those of the first process) and terms that compare the images of a batch: mmd,
total-correlation, dip, factor. The first process alone writes, prints and listens.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import distributed

from reparam.errors import LostError
from reparam.model import Noise, SharedNoise
from reparam.printable import note

if TYPE_CHECKING:
    from lightning_fabric import Fabric

REQUEST_EVERY = 16
"""Steps between two agreements on whether somebody asked to stop."""

STARTER = "REPARAM_STARTER_PID"
"""The environment variable that tells a process which process has started it."""


@dataclass(frozen=True)
class Team:
    """This process' place among those that train together. ``leads``: it is the first.

    It is known before the other processes run: ``launch`` starts and connects them.
    """

    fabric: "Fabric"

    @property
    def rank(self) -> int:
        return self.fabric.global_rank

    @property
    def size(self) -> int:
        return self.fabric.world_size

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def times(self) -> str:
        """`` × 2 processes`` behind the device's name, or nothing."""
        return f" × {self.size} processes" if self.size > 1 else ""

    def share(self, whole: int) -> slice:
        """Which rows of a step's batch are this process'."""
        return share_of(whole, self.rank, self.size)

    def part(self, indices: torch.Tensor) -> torch.Tensor:
        """This process' part of a batch. Where it has none, a row that ``mean`` does not count:
        every process must go through the network for the gradients to be added up.
        """
        mine = indices[self.share(len(indices))]
        return mine if len(mine) else indices[:1]

    def noises(self, generator: torch.Generator, whole: int, turns: Sequence[slice]) -> list[Noise]:
        """The noise of each of this process' parts of a batch of ``whole`` images."""
        if self.size == len(turns) == 1:
            return [generator]
        share = self.share(whole)
        noise = SharedNoise(generator, share.start if share.stop > share.start else 0, whole)
        return [noise.part(rows.start) for rows in turns]

    def rows_in_turn(self, rows: int, whole: int, parts: int) -> list[slice]:
        """This process' ``rows`` of a batch of ``whole`` images, cut into ``parts``.

        Fewer where a process has fewer images: all processes have as many parts, and all of a
        process' are as large, or smaller by one.
        """
        parts = max(1, min(parts, whole // self.size))
        return [share_of(rows, number, parts) for number in range(parts)]

    def count(self, whole: int) -> int:
        """How many images of a batch of ``whole`` are this process'."""
        share = self.share(whole)
        return share.stop - share.start

    def counted(self, values: torch.Tensor, whole: int) -> torch.Tensor:
        """The values of this process' own images, without the row that does not count."""
        return values[: self.count(whole)]

    def mean(self, values: torch.Tensor, whole: int) -> torch.Tensor:
        """A loss whose gradient is that of the whole batch, once it is averaged over the processes
        and added up over the parts in which each of them takes its rows.
        """
        if self.size == 1 and len(values) == whole:
            return values.mean()
        return self.counted(values, whole).sum() * (self.size / whole)

    def mean_of_all(self, values: torch.Tensor, whole: int) -> torch.Tensor:
        """The mean over these images of all processes, the same in each; no gradient.

        They are a batch of ``whole`` images, or a part of it.
        """
        own = self.counted(values, whole)
        total, count = own.sum(0), own.new_full((), len(own))
        self.add_up(total)
        self.add_up(count)
        return total / count

    def gradient_of_all(self, values: torch.Tensor, at: torch.Tensor, whole: int) -> torch.Tensor:
        """That of ``mean``, averaged over the processes, at a parameter; the graph is kept."""
        (own,) = torch.autograd.grad(self.mean(values, whole), at, retain_graph=True)
        if self.size == 1:
            return own
        own = own.clone(memory_format=torch.contiguous_format)
        self.add_up(own)
        return own / self.size

    def add_up(self, values: torch.Tensor) -> None:
        """Makes ``values`` their sum over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values)

    def least(self, values: torch.Tensor) -> None:
        """Makes ``values`` the least of all processes', in place."""
        if self.size > 1:
            distributed.all_reduce(values, distributed.ReduceOp.MIN)

    def agree(self, value: float) -> float:
        """The first process' value."""
        if self.size == 1:
            return value
        kind = torch.float32 if self.fabric.device.type == "mps" else torch.float64
        shared = torch.tensor([value], dtype=kind, device=self.fabric.device)
        distributed.broadcast(shared, 0)
        return shared.item()

    def any_requested(self, requested: bool, step: int) -> bool:
        """Whether a stop was requested of any process: all must stop at one step. Looked at every
        REQUEST_EVERY steps, at each step by a process alone.
        """
        if self.size == 1:
            return requested
        if step % REQUEST_EVERY:
            return False
        asking = torch.tensor([int(requested)], device=self.fabric.device)
        distributed.all_reduce(asking)
        return bool(asking.item())

    def wait(self) -> None:
        """Until all processes are here."""
        self.fabric.barrier()

    def draw_apart(self, seed: int, epoch: int, batch: int) -> None:
        """Gives dropout numbers of its own to every process but the first, which keeps its state
        so that a run of one process resumes bit for bit.
        """
        if not self.leads:
            stream = np.random.SeedSequence((seed, self.rank, epoch, batch))
            torch.manual_seed(int(stream.generate_state(1, np.uint32)[0]))

    def launch(self) -> None:
        """Connects the processes of a run, and waits for all of them.

        Those of this machine are started by the same command, unless torchrun or SLURM has done so.
        Nothing happens when they are connected already. Raises LostError when they cannot be.
        """
        if self.size == 1:
            return
        if not distributed.is_initialized():
            _end_with_the_others(self)
        try:
            self.fabric.launch()
        except RuntimeError as error:
            if not lost(error):
                raise
            raise LostError(
                f"process {self.rank} of {self.size} must reach the others of this run, got "
                f"{str(error).splitlines()[0]!r}. Fix: see what the other processes say"
            ) from error

    def end(self) -> None:
        """Ends the processes that this one has started: it failed, and they would wait for it."""
        for process in getattr(self.fabric.strategy.launcher, "procs", []):
            if process.poll() is None:
                process.kill()  # it may hang in a transfer; it writes nothing


def share_of(whole: int, rank: int, size: int) -> slice:
    """Consecutive rows for each of ``size`` processes: all have as many, or one more."""
    return slice(rank * whole // size, (rank + 1) * whole // size)


def lost(error: RuntimeError) -> bool:
    """Whether an error says that another process has gone."""
    text = str(error).lower()
    return isinstance(error, distributed.DistError) or "gloo" in text or "nccl" in text


def lost_error(team: Team) -> LostError:
    """What to say then."""
    return LostError(
        f"process {team.rank} of {team.size}: another process of this run has ended, so this one "
        "ends too; the last checkpoint is complete. Fix: continue with `reparam resume`"
    )


def _end_with_the_others(team: Team) -> None:
    """Ends this process, with a message, when another one on this machine is gone.

    Usually the connection fails first, and LostError ends the process. But it does not fail while
    the first process validates alone, nor where it was not made yet, and with NCCL perhaps never.
    Fabric's launcher does a part of what is needed then. It kills the first process within 5
    seconds after another one failed, but says why only to its own log, at a level that is not shown
    (https://github.com/Lightning-AI/pytorch-lightning/pull/18218). And nothing ends the others when
    the first one is killed (https://github.com/Lightning-AI/pytorch-lightning/issues/2913).
    """

    def say(*_: object) -> bool:
        note(f"reparam: error: {lost_error(team)}")
        return False

    starter = int(os.environ.setdefault(STARTER, str(os.getpid())))
    if starter == os.getpid():
        log = logging.getLogger(type(team.fabric.strategy.launcher).__module__)
        log.setLevel(logging.INFO)
        log.addFilter(say)  # instead of what Fabric says
        return

    def watch() -> None:
        while os.getppid() == starter:
            time.sleep(1)
        time.sleep(5)  # for the connection's own error
        say()
        os._exit(2)

    threading.Thread(target=watch, daemon=True, name="starter").start()

"""The processes that train one run together; most runs have one.

A step's batch is shared out: each process takes its part of the very batch that one process would
take, with the same noise, and the gradient is the mean over the whole batch, however unequal the
parts. So the losses do not depend on the number of processes, but for rounding, dropout (each
process draws its own) and batch norm (each takes the statistics of its own part; the running ones
that are kept are those of the first process). The first process alone writes, prints and listens.
"""

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import distributed

from reparam.errors import ConfigError, LostError
from reparam.model import Noise, SharedNoise
from reparam.runs import TrainingConfig
from reparam.training.device import make_fabric

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PATIENCE = timedelta(hours=6)
"""How long processes wait for one that lives; the first may decode pictures or validate alone."""

ASK_EVERY = 16
"""Steps between two agreements on whether somebody asked to stop."""


@dataclass(frozen=True)
class Team:
    """This process' place among those that train together. ``leads``: it is the first."""

    fabric: "Fabric"
    precision: str

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

    def noise(self, generator: torch.Generator, whole: int) -> Noise:
        """The noise of this process' part of a batch of ``whole`` images."""
        if self.size == 1:
            return generator
        share = self.share(whole)
        return SharedNoise(generator, share.start if share.stop > share.start else 0, whole)

    def count(self, whole: int) -> int:
        """How many images of a batch of ``whole`` are this process'."""
        share = self.share(whole)
        return share.stop - share.start

    def counted(self, values: torch.Tensor, whole: int) -> torch.Tensor:
        """The values of this process' own images, without the row that does not count."""
        return values[: self.count(whole)]

    def mean(self, values: torch.Tensor, whole: int) -> torch.Tensor:
        """A loss whose gradient, once averaged over the processes, is that of the whole batch."""
        if self.size == 1:
            return values.mean()
        return self.counted(values, whole).sum() * (self.size / whole)

    def mean_of_all(self, values: torch.Tensor, whole: int) -> torch.Tensor:
        """The mean over a batch of ``whole`` images, the same in every process; no gradient."""
        total = self.counted(values, whole).sum(0)
        self.add_up(total)
        return total / whole

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

    def any_asks(self, asked: bool, step: int) -> bool:
        """Whether any process was asked to stop: all must stop at one step. Looked at every
        ASK_EVERY steps, at each step by a process alone.
        """
        if self.size == 1:
            return asked
        if step % ASK_EVERY:
            return False
        asking = torch.tensor([int(asked)], device=self.fabric.device)
        distributed.all_reduce(asking)
        return bool(asking.item())

    def wait(self) -> None:
        """Until all processes are here."""
        self.fabric.barrier()

    def draw_apart(self, seed: int, epoch: int, batch: int) -> None:
        """Gives dropout numbers of its own to every process but the first, which keeps its state
        so that a run of one process goes on bit for bit.
        """
        if not self.leads:
            stream = np.random.SeedSequence((seed, self.rank, epoch, batch))
            torch.manual_seed(int(stream.generate_state(1, np.uint32)[0]))

    def end(self) -> None:
        """Ends the processes that this one has started: it failed, and they would wait for it."""
        for process in getattr(self.fabric.strategy.launcher, "procs", []):
            if process.poll() is None:
                process.kill()  # it may hang in a transfer; it writes nothing


def share_of(whole: int, rank: int, size: int) -> slice:
    """Consecutive rows for each of ``size`` processes: all have as many, or one more."""
    return slice(rank * whole // size, (rank + 1) * whole // size)


def assemble_one(config: TrainingConfig) -> Team:
    """This process alone. Raises ConfigError where ``config`` asks for several."""
    if config.devices * config.num_nodes > 1:
        raise ConfigError(
            f"several processes are started by the command, found --devices {config.devices} "
            f"--num-nodes {config.num_nodes} in Python: run `reparam train`, or leave them out"
        )
    return Team(*make_fabric(config))


def planned(config: TrainingConfig) -> TrainingConfig:
    """``config`` with the processes that torchrun or SLURM has started, where they have.

    Raises ConfigError when --devices or --num-nodes say otherwise.
    """
    devices, nodes = _started_from_outside() or (config.devices, config.num_nodes)
    if (config.devices, config.num_nodes) not in ((1, 1), (devices, nodes)):
        raise ConfigError(
            f"{nodes} × {devices} processes (machines × processes on each) were started, found "
            f"--num-nodes {config.num_nodes} --devices {config.devices}: leave these options out"
        )
    return replace(config, devices=devices, num_nodes=nodes)


def leads() -> bool:
    """Whether this process is the first of its run, as the one who started it has said."""
    environment = os.environ
    if _slurm():
        return environment.get("SLURM_PROCID", "0") == "0"
    names = ("RANK",) if _torchrun() else ("NODE_RANK", "LOCAL_RANK")
    return all(environment.get(name, "0") == "0" for name in names)


def assemble(config: TrainingConfig) -> Team:
    """All processes of a run: ``devices`` on each of ``num_nodes`` machines, or those that
    torchrun or SLURM has started. The first one on a machine starts the others by the same command.

    Raises ConfigError when the device is not there, or not often enough.
    """
    devices, nodes = _started_from_outside() or (config.devices, config.num_nodes)
    if devices * nodes == 1:
        return Team(*make_fabric(config))
    from lightning_fabric.plugins.environments import (
        LightningEnvironment,
        SLURMEnvironment,
        TorchElasticEnvironment,
    )
    from lightning_fabric.strategies import DDPStrategy

    place: Any
    if _torchrun():
        place = TorchElasticEnvironment()
    else:
        place = SLURMEnvironment(auto_requeue=False) if _slurm() else LightningEnvironment()
    strategy = DDPStrategy(timeout=PATIENCE, gradient_as_bucket_view=True)
    _check_nodes(nodes)
    fabric, precision = make_fabric(
        config, devices=devices, num_nodes=nodes, strategy=strategy, plugins=[place]
    )
    if _started_from_outside() is None and "LOCAL_RANK" in os.environ:
        _end_with_parent()
    fabric.launch()
    return Team(fabric, precision)


def lost(error: RuntimeError) -> bool:
    """Whether an error says that another process has gone."""
    text = str(error).lower()
    return isinstance(error, distributed.DistError) or "gloo" in text or "nccl" in text


def lost_error(team: Team) -> LostError:
    """What to say then."""
    who = "the first process" if not team.leads else "another process"
    return LostError(
        f"process {team.rank} of {team.size}: {who} of this run has ended, and with it all; what "
        "is saved is whole: go on with `reparam resume`"
    )


def _torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def _slurm() -> bool:
    """Started by srun as one of several tasks; a lone task may start processes of its own."""
    names = ("bash", "interactive")  # a shell in an allocation, as Fabric knows it
    several = int(os.environ.get("SLURM_NTASKS", "1")) > 1
    return several and os.environ.get("SLURM_JOB_NAME") not in names


def _started_from_outside() -> tuple[int, int] | None:
    """Processes a machine, and machines, as torchrun or SLURM has started them."""
    if _torchrun():
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        return local, int(os.environ["WORLD_SIZE"]) // local
    if _slurm():
        nodes = int(os.environ.get("SLURM_NNODES", "1"))
        return int(os.environ["SLURM_NTASKS"]) // nodes, nodes
    return None


def _check_nodes(nodes: int) -> None:
    needed = {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK"}
    if nodes > 1 and _started_from_outside() is None and not needed <= os.environ.keys():
        raise ConfigError(
            f"{nodes} machines must find each other, found no {', '.join(sorted(needed))} in the "
            "environment: start the command by torchrun or SLURM, or set them on each machine"
        )


def _end_with_parent() -> None:
    """A process that another one started ends when that one is gone, even amid a transfer."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        time.sleep(5)  # the connection's own error says more, where it comes
        print("reparam: error: the process that started this one is gone", file=sys.stderr)
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent").start()

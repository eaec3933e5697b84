"""Which processes train a run: this one, those that it starts, or those of torchrun or SLURM."""

import os
from dataclasses import replace
from datetime import timedelta

from torch import distributed

from reparam.errors import ConfigError
from reparam.runs import TrainingConfig
from reparam.training.device import make_fabric
from reparam.training.team import Team

PATIENCE = timedelta(hours=6)
"""How long processes wait for one that lives; the first may decode pictures or validate alone."""


def assemble_one(config: TrainingConfig) -> Team:
    """This process alone. Raises ConfigError where ``config`` asks for several."""
    if config.devices * config.num_nodes > 1:
        raise ConfigError(
            f"devices and num_nodes must be 1 in Python, got {config.devices} and "
            f"{config.num_nodes}. Fix: omit them, or run `reparam train`, which starts processes"
        )
    return Team(make_fabric(config))


def assemble(config: TrainingConfig) -> Team:
    """This process among those of ``config``, or of torchrun or SLURM where they started it.

    Raises ConfigError when the device does not exist, or not often enough.
    """
    started = _started_processes()
    devices, nodes = started or (config.devices, config.num_nodes)
    config = replace(config, devices=devices, num_nodes=nodes)
    if devices * nodes == 1:
        return Team(make_fabric(config))
    from lightning_fabric.plugins.environments import LightningEnvironment
    from lightning_fabric.strategies import DDPStrategy

    if not started:
        _check_machines(nodes)
    strategy = DDPStrategy(timeout=PATIENCE, gradient_as_bucket_view=True)
    # Left to itself, Fabric takes a lone SLURM task for all of the run.
    environment = None if started else LightningEnvironment()
    return Team(make_fabric(config, strategy, environment))


def resolve_processes(config: TrainingConfig) -> TrainingConfig:
    """``config`` with the processes that torchrun or SLURM has started, where they have.

    Raises ConfigError when --devices or --num-nodes say otherwise.
    """
    devices, nodes = _started_processes() or (config.devices, config.num_nodes)
    if (config.devices, config.num_nodes) not in ((1, 1), (devices, nodes)):
        raise ConfigError(
            f"--num-nodes and --devices must be the {nodes} machines × {devices} processes that "
            f"were started, got --num-nodes {config.num_nodes} --devices {config.devices}. "
            "Fix: omit these options"
        )
    return replace(config, devices=devices, num_nodes=nodes)


def _started_processes() -> tuple[int, int] | None:
    """Processes on each machine, and machines, where torchrun or SLURM has started them.

    A lone SLURM task, and a shell in an allocation (as Fabric knows it), start their own.
    """
    environment = os.environ
    if distributed.is_torchelastic_launched():
        local = int(environment["LOCAL_WORLD_SIZE"])
        return local, int(environment["WORLD_SIZE"]) // local
    tasks = int(environment.get("SLURM_NTASKS", "1"))
    if tasks == 1 or environment.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return None
    if "SLURM_NTASKS_PER_NODE" not in environment:  # Fabric insists on it
        raise ConfigError(
            f"SLURM must say how many of its {tasks} tasks run on each machine, got no "
            "SLURM_NTASKS_PER_NODE. Fix: start them by srun --ntasks-per-node"
        )
    local = int(environment["SLURM_NTASKS_PER_NODE"])
    return local, tasks // local


def _check_machines(nodes: int) -> None:
    missing = {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK"} - os.environ.keys()
    if nodes > 1 and missing:
        raise ConfigError(
            f"{nodes} machines must find each other, got no {', '.join(sorted(missing))} in the "
            "environment. Fix: start the command by torchrun or SLURM, or set them on each machine"
        )

"""Which device, and which arithmetic it is good at."""

import logging
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from reparam.errors import ConfigError
from reparam.runs import TrainingConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import ClusterEnvironment
    from lightning_fabric.strategies import Strategy


def choose_device(wanted: str) -> str:
    """cpu, cuda or mps. Raises ConfigError when the machine does not have it."""
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available.get(wanted, False):
        there = ", ".join(name for name, there in available.items() if there)
        raise ConfigError(
            f"device {wanted!r} is not on this machine. Fix: take one of auto, {there}"
        )
    return wanted


def processor_name() -> str:
    """As the system has it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def fast_bfloat16(device: str) -> bool:
    """Whether the processor multiplies bfloat16 matrices itself, rather than by emulation."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "cpu":
        features: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(features.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def make_fabric(
    config: TrainingConfig,
    strategy: "Strategy | str" = "auto",
    environment: "ClusterEnvironment | None" = None,
) -> "Fabric":
    """Lightning Fabric on the chosen device. (``Arithmetic`` is not its business.)

    ``strategy`` and ``environment`` say how processes work together. Raises ConfigError
    when the device is not there.
    """
    from lightning_fabric import Fabric  # takes seconds to import; only training needs it

    device = choose_device(config.device)
    there = {"cuda": torch.cuda.device_count(), "mps": 1}.get(device, config.devices)
    if config.devices > there:
        raise ConfigError(
            f"--devices must be at most {there} here, got {config.devices}. Fix: lower it"
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # not at every start
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    return Fabric(
        accelerator=device,
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy=strategy,
        plugins=None if environment is None else [environment],
    )

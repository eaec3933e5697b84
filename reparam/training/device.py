"""Which device, and which arithmetic it is good at."""

import logging
from typing import TYPE_CHECKING, Literal

import torch

from reparam.errors import ConfigError
from reparam.model import unavailable_because
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
) -> tuple["Fabric", str]:
    """Lightning Fabric on the chosen device, in the chosen precision, which is named.

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
    use_bfloat16 = config.precision == "bfloat16" or (
        config.precision == "auto" and fast_bfloat16(device)
    )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # not at every start
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if use_bfloat16 else "32-true"
    fabric = Fabric(
        accelerator=device,
        precision=precision,
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy=strategy,
        plugins=None if environment is None else [environment],
    )
    return fabric, precision


def choose_kernels(config: TrainingConfig, device: str, precision: str) -> str:
    """native or pytorch. Raises ConfigError when native ones are requested and not available."""
    if config.kernels == "pytorch":
        return "pytorch"
    why_not = (
        "they are for bfloat16 on a CPU"
        if device != "cpu" or precision != "bf16-mixed"
        else unavailable_because()
    )
    if why_not is None:
        return "native"
    if config.kernels == "native":
        raise ConfigError(f"kernels native are not available: {why_not}. Fix: take --kernels auto")
    return "pytorch"

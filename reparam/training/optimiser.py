"""Adam as Keras has it, and the learning rate as a function of the step."""

import math

import torch
from torch import nn
from torch.optim import Adam

from reparam.training.config import TrainingConfig

KERAS_EPSILON = 1e-7


def build_optimiser(model: nn.Module, learning_rate: float) -> Adam:
    """Adam with Keras' constants, for use with ``set_step``."""
    device = next(model.parameters()).device.type
    return Adam(
        model.parameters(),
        lr=learning_rate,
        betas=(0.9, 0.999),
        eps=KERAS_EPSILON,
        fused=device in ("cpu", "cuda"),
    )


def set_step(optimiser: Adam, step: int, learning_rate: float) -> None:
    """Prepares the optimiser for its step number ``step`` (from 0).

    Keras adds ε to √v before the bias correction, PyTorch after it (Kingma & Ba 2015, the remark
    below algorithm 1); dividing ε by √(1 − β₂ᵗ) makes the two equal.
    """
    for group in optimiser.param_groups:
        beta2 = group["betas"][1]
        group["eps"] = KERAS_EPSILON / math.sqrt(1 - beta2 ** (step + 1))
        group["lr"] = learning_rate


def learning_rate_at(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """The learning rate of step number ``step`` (from 0).

    step: lr · decay^floor(epoch / decay_every), as in the article. one-cycle: linear from lr / 25
    to lr, then a cosine to 0 (after Smith & Topin 2019).
    """
    peak = config.learning_rate
    if config.schedule == "step":
        epoch = step // steps_per_epoch
        return peak * config.decay ** (epoch // config.decay_every)
    total = config.epochs * steps_per_epoch
    done = step / max(total, 1)
    if done < config.warm_up:
        return peak * (1 + 24 * done / config.warm_up) / 25
    falling = (done - config.warm_up) / (1 - config.warm_up)
    return peak * 0.5 * (1 + math.cos(math.pi * min(falling, 1.0)))


def optimiser_tensors(optimiser: Adam) -> dict[str, torch.Tensor]:
    """The optimiser's state as named tensors."""
    state = optimiser.state_dict()["state"]
    return {f"{i}.{name}": value for i, entry in state.items() for name, value in entry.items()}


def restore_optimiser(optimiser: Adam, tensors: dict[str, torch.Tensor]) -> None:
    """Puts back what ``optimiser_tensors`` gave, laid out in memory as the parameters are."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        parameter = parameters[int(index)]
        if value.shape == parameter.shape:
            value = torch.empty_like(parameter).copy_(value)
        state.setdefault(int(index), {})[name] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})

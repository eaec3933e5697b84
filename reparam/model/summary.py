"""The layers of a model with their output shapes and parameter counts (figures 3, 5 and 18)."""

from dataclasses import dataclass

import torch
from torch import nn

from reparam.model.autoencoder import Autoencoder
from reparam.model.networks.layers import (
    BatchNorm,
    Dense,
    Dropout,
    SameConv2d,
    SameConvTranspose2d,
)
from reparam.model.networks.mlp import DenseBlock


@dataclass(frozen=True)
class LayerRow:
    """One line of the table; ``shape`` is height, width, channels, or (features,)."""

    half: str
    layer: str
    shape: tuple[int, ...]
    parameters: int


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _describe(module: nn.Module, name: str) -> str | None:
    """What a layer is called; None for what holds layers, and for what is part of another."""
    match module:
        case SameConv2d():
            return f"convolution {module.kernel} × {module.kernel}, stride {module.stride}"
        case SameConvTranspose2d():
            size = f"{module.kernel} × {module.kernel}"
            return f"transposed convolution {size}, stride {module.stride}"
        case BatchNorm():
            return "batch normalisation"
        case Dropout():
            return f"dropout {module.rate:g}"
        case DenseBlock():
            return f"dense, {module.activation}"
        case Dense() if ".dense" in name:  # counted with its block
            return None
        case Dense():
            return f"dense: {name.rsplit('.', 1)[-1]}" if "heads" in name else "dense"
    is_layer = not any(module.children()) and any(True for _ in module.parameters())
    return type(module).__name__ if is_layer else None  # of a part from outside


def layer_table(model: Autoencoder) -> list[LayerRow]:
    """Every layer that has parameters or drops values, in the order in which data meets it."""
    rows: list[LayerRow] = []
    hooks = []

    def remember(half: str, label: str, module: nn.Module) -> None:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            shape = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else ()
            if len(shape) == 3:
                channels, height, width = shape
                shape = (height, width, channels)
            rows.append(LayerRow(half, label, shape, _count(module)))

        hooks.append(module.register_forward_hook(hook))

    for half, network in _halves(model):
        for name, module in network.named_modules():
            if label := _describe(module, name):
                remember(half, label, module)
    height, width, channels = model.image_shape
    was_training = model.training
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, channels, height, width, device=model.device))
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    return rows


def _halves(model: Autoencoder) -> tuple[tuple[str, nn.Module], ...]:
    """The heads of the posterior count as the encoder's."""
    return ("encoder", model.encoder), ("encoder", model.posterior), ("decoder", model.decoder)


def parameter_counts(model: Autoencoder) -> dict[str, int]:
    """Trainable parameters of each half."""
    counts = {"encoder": 0, "decoder": 0}
    for half, network in _halves(model):
        counts[half] += _count(network)
    return counts

"""The layers of a model with their output shapes and parameter counts (figures 3, 5 and 18)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from reparam.model.autoencoder import Autoencoder


@dataclass(frozen=True)
class LayerRow:
    """One line of the table; ``shape`` is height, width, channels, or (features,)."""

    half: str
    layer: str
    shape: tuple[int, ...]
    parameters: int


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _layers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers with what they are called: their ``label``, or else (of a part from outside) the
    type of what has parameters and no layers inside.
    """
    label = getattr(module, "label", None)
    if isinstance(label, str):
        yield label, module
    elif any(True for _ in module.children()):
        for child in module.children():
            yield from _layers(child)
    elif any(True for _ in module.parameters()):
        yield type(module).__name__, module


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
        for label, module in _layers(network):
            remember(half, label, module)
    height, width, channels = model.image_shape
    was_training = model.training
    model.eval()
    with torch.no_grad():
        x = torch.zeros(1, channels, height, width, device=model.device)
        model(x, model.some_labels(1))
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    return rows


def _halves(model: Autoencoder) -> tuple[tuple[str, nn.Module], ...]:
    """The heads of the posterior count as the encoder's."""
    return ("encoder", model.encoder), ("encoder", model.posterior), ("decoder", model.decoder)


def parameter_counts(model: Autoencoder) -> dict[str, int]:
    """Trainable parameters of each half, and of a prior and a classifier that learn with them."""
    counts = {"encoder": 0, "decoder": 0}
    for half, network in _halves(model):
        counts[half] += _count(network)
    for name, part in (("prior", model.prior), ("classifier", model.classifier)):
        if part is not None and (count := _count(part)):
            counts[name] = count
    return counts


FOR_EACH_WEIGHT = 16
"""Bytes of a weight in training: itself, its gradient, and two numbers of the optimiser."""


def memory_of_step(model: Autoencoder, batch: int) -> int:
    """Bytes that a training step of ``batch`` images holds, in float32: what each weight takes, and
    what the forward pass keeps for the gradients. Work space of the kernels comes on top.
    """
    kept: dict[int, int] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    height, width, channels = model.image_shape
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    hooks = torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor)
    with torch.enable_grad(), hooks:
        x = torch.zeros(2, channels, height, width, device=model.device)
        model(x, model.some_labels(2)).sum()
    each = sum(size for place, size in kept.items() if place not in weights) / 2
    return FOR_EACH_WEIGHT * sum(p.numel() for p in model.parameters()) + round(batch * each)

"""A module as an ONNX graph, by PyTorch's two exporters: by tracing one call, or by compiling.

Tracing takes a tenth of the compiler's time, but a trace holds what the code did in one call: a
branch that depends on values, or a size of the batch in a Python number, is kept as it was. What is
traced must be compared with the module in batches of other sizes; where it cannot be traced or does
not agree, the compiler's graph is the one to take.
"""

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn
from torch.onnx.symbolic_helper import parse_args
from torch.overrides import TorchFunctionMode

OPSET = 18
"""The compiler's own; onnxruntime-web's wasm has every operator of ours."""

BATCH = "batch"


class ValueReadError(ValueError):
    """A module's code reads a number out of a tensor, so that what it does may depend on it."""


_READS = (
    torch.Tensor.__array__,
    torch.Tensor.__bool__,
    torch.Tensor.__float__,
    torch.Tensor.__index__,
    torch.Tensor.__int__,
    torch.Tensor.item,
    torch.Tensor.numpy,
    torch.Tensor.tolist,
)


class _NoValues(TorchFunctionMode):
    """Raises ValueReadError where what a tensor holds goes into Python."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        if func in _READS:
            raise ValueReadError
        return func(*args, **(kwargs or {}))


def traced(
    module: nn.Module, example: Mapping[str, np.ndarray], outputs: Sequence[str]
) -> onnx.ModelProto:
    """The graph of one call with ``example``: inputs by name, rows of a batch.

    Raises ValueReadError, and whatever the exporter raises for operators that it does not know.
    """
    inputs = tuple(map(torch.from_numpy, example.values()))
    file = io.BytesIO()
    with _quietly(), _known_pads(), torch.no_grad():
        with _NoValues():
            module(*inputs)
        torch.onnx.export(
            module,
            inputs,
            file,  # type: ignore[arg-type]  # this exporter writes to any binary file
            dynamo=False,
            input_names=list(example),
            output_names=list(outputs),
            dynamic_axes={name: {0: BATCH} for name in (*example, *outputs)},
            opset_version=OPSET,
        )
    return onnx.load_from_string(file.getvalue())


@contextmanager
def _known_pads() -> Iterator[None]:
    """Padding by known amounts as one node whose shape is known, which a kernel must have."""
    torch.onnx.register_custom_op_symbolic("aten::pad", _pad, OPSET)
    try:
        yield
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::pad", OPSET)


@parse_args("v", "is", "s", "f")
def _pad(g: Any, x: Any, amounts: Sequence[int], mode: str, value: float | None) -> Any:
    """PyTorch has a pair of each dimension, the last first; ONNX all before, then all behind."""
    sizes = x.type().varyingSizes()
    before, behind = [0] * len(sizes), [0] * len(sizes)
    for i in range(len(amounts) // 2):
        before[-1 - i], behind[-1 - i] = amounts[2 * i : 2 * i + 2]
    inputs = [x, g.op("Constant", value_t=torch.tensor(before + behind))]
    if value:
        inputs.append(g.op("Constant", value_t=torch.tensor(value)))
    padded = g.op("Pad", *inputs, mode_s={"replicate": "edge"}.get(mode, mode))
    grown = zip(sizes, before, behind, strict=True)
    padded.setType(x.type().with_sizes([n and n + start + end for n, start, end in grown]))
    return padded


def compiled(
    module: nn.Module, example: Mapping[str, np.ndarray], outputs: Sequence[str]
) -> onnx.ModelProto:
    """The graph for any batch, as ``traced`` takes it. Raises torch.onnx.OnnxExporterError."""
    batch = torch.export.Dim(BATCH, min=1)
    with _quietly(), torch.no_grad():
        program = torch.onnx.export(
            module,
            tuple(map(torch.from_numpy, example.values())),
            dynamo=True,
            input_names=list(example),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in example),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None  # None: only where it is written to a file
    return program.model_proto


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporters' talk of packages that they could also use, of their own old names, and
    of Python numbers in a trace; and without the graph of a trace that failed, on stdout.
    """
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    # setup_onnx_logging of PyTorch 2.13 and before turns the log on where it was off: it takes the
    # function that says whether it is on for what that says.
    inner: Any = torch._C
    switch = "_jit_set_onnx_log_enabled"
    before = getattr(inner, switch, None)
    setattr(inner, switch, lambda enabled: None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        if before is None:
            delattr(inner, switch)
        else:
            setattr(inner, switch, before)

"""An exported ONNX graph without what the exporter left in it, and in fewer bytes.

The compiler's exporter notes at every node which line of which file it came from. That names
folders of the machine and differs from one machine to the next, so it goes.
"""

from collections.abc import Iterator

import numpy as np
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    load_from_string,
    numpy_helper,
)

ZERO_BEFORE = (0, 0, 1, 1, 0, 0, 0, 0)
"""ONNX's pads of (1, out, in) weights: a zero before the first row and column, none behind."""

FEW_WEIGHTS = 1000
SHORT_ROW = 8
"""Fewer weights, or rows of fewer, are not worth a scale and two nodes that bring them back."""


def without_notes(model: ModelProto) -> None:
    """Drops notes, doc strings and whatever else does not compute. In place."""
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for item in (model, graph, *graph.node, *values):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")


def unpadded_kernels(graph: GraphProto) -> None:
    """Gives transposed convolutions their own kernels back. In place.

    PyTorch cuts both ends of a transposed convolution alike, so that ``SameConvTranspose2d`` puts a
    zero before each kernel where the ends differ: a kernel of 3 × 3 becomes one of 4 × 4, with 1.8
    times the work. ONNX can cut each end by itself: of a kernel without that zero, one less before.
    """
    constants = _constants(graph)
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type != "ConvTranspose":
            continue
        attributes = {attribute.name: attribute for attribute in node.attribute}
        top, left, bottom, right = attributes["pads"].ints
        own = _own_kernel(node.input[1], constants, makers) if min(top, left) > 0 else None
        if own is None:
            continue
        if own.name not in constants:
            graph.initializer.append(own)
            constants[own.name] = own
        node.input[1] = own.name
        attributes["pads"].ints[:] = (top - 1, left - 1, bottom, right)
        kernel = attributes["kernel_shape"]
        kernel.ints[:] = [side - 1 for side in kernel.ints]
    _without_unused(graph)


def with_weights_of_16_bits(data: bytes) -> bytes:
    """A network in ONNX, in half the bytes: each row of a large tensor of weights as whole numbers
    and one scale, of which the runtime makes float32 while it loads.

    A weight moves by at most 1 / 65,534 of the largest of its row, where float16 moves it by up to
    1 / 2,048 of itself.
    """
    model = load_from_string(data)
    graph = model.graph
    kept, nodes = [], []
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        is_worth_it = weights.size >= FEW_WEIGHTS and weights[0].size >= SHORT_ROW
        if (
            tensor.data_type != TensorProto.FLOAT
            or not is_worth_it
            or not np.isfinite(weights).all()
        ):
            kept.append(tensor)
            continue
        step = np.abs(weights).max(tuple(range(1, weights.ndim)), keepdims=True) / 32767
        scale = np.where(step >= np.finfo(np.float32).tiny, step, 1).astype("<f4")
        name, numbers, cast = tensor.name, f"{tensor.name}.int16", f"{tensor.name}.float"
        kept += [
            numpy_helper.from_array(np.rint(weights / scale).astype("<i2"), numbers),
            numpy_helper.from_array(scale, f"{name}.scale"),
        ]
        nodes += [
            helper.make_node("Cast", [numbers], [cast], to=TensorProto.FLOAT),
            helper.make_node("Mul", [cast, f"{name}.scale"], [name]),
        ]
    nodes += graph.node
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return model.SerializeToString(deterministic=True)


def _constants(graph: GraphProto) -> dict[str, TensorProto]:
    """The tensors that are known, by name: initializers, and what Constant nodes hold."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].type == AttributeProto.TENSOR:
            found[node.output[0]] = node.attribute[0].t
    return found


def _own_kernel(
    padded: str, constants: dict[str, TensorProto], makers: dict[str, NodeProto]
) -> TensorProto | None:
    """The kernel without its zeros before; None where it has none.

    The exporter leaves the padding as a node, or has carried it out where the kernel is small.
    """
    pad = makers.get(padded)
    if pad is not None and pad.op_type == "Pad":
        amounts = constants.get(pad.input[1])
        if amounts is None or tuple(numpy_helper.to_array(amounts).ravel()) != ZERO_BEFORE:
            return None
        return constants.get(pad.input[0])
    if padded not in constants:
        return None
    weights = numpy_helper.to_array(constants[padded])
    if min(weights.shape[2:]) < 2 or weights[:, :, 0].any() or weights[:, :, :, 0].any():
        return None
    return numpy_helper.from_array(weights[:, :, 1:, 1:].copy(), f"{padded}.own")


def _without_unused(graph: GraphProto) -> None:
    """Drops nodes and initializers that nothing reads."""
    used = {value.name for value in graph.output}
    for i in reversed(range(len(graph.node))):  # a node comes behind those that it reads
        if used.isdisjoint(graph.node[i].output):
            del graph.node[i]
        else:
            used.update(_read_by(graph.node[i]))
    for i in reversed(range(len(graph.initializer))):
        if graph.initializer[i].name not in used:
            del graph.initializer[i]


def _read_by(node: NodeProto) -> Iterator[str]:
    """The values that a node takes, with those that the branches in it take from outside."""
    yield from node.input
    for attribute in node.attribute:
        yield from (value.name for value in attribute.g.output)
        for inner in attribute.g.node:
            yield from _read_by(inner)

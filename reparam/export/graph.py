"""An exported ONNX graph without what the exporter left in it.

The exporter notes at every node which line of which file it came from. That names folders of the
machine and differs from one machine to the next, so it goes.
"""

import numpy as np
import onnx_ir as ir

ZERO_BEFORE = (0, 0, 1, 1, 0, 0, 0, 0)
"""ONNX's pads of (1, out, in) weights: a zero before the first row and column, none behind."""


def without_notes(model: ir.Model) -> None:
    """Drops notes, doc strings and whatever else does not compute. In place."""
    model.metadata_props.clear()
    model.doc_string = None
    graph = model.graph
    graph.metadata_props.clear()
    graph.doc_string = None
    values = [*graph.inputs, *graph.outputs, *graph.initializers.values()]
    for node in graph:
        node.metadata_props.clear()
        node.doc_string = None
        values.extend(node.outputs)
    for value in values:
        value.metadata_props.clear()
        value.doc_string = None


def unpadded_kernels(model: ir.Model) -> None:
    """Gives transposed convolutions their own kernels back. In place.

    PyTorch cuts both ends of a transposed convolution alike, so that ``SameConvTranspose2d`` puts a
    zero before each kernel where the ends differ: a kernel of 3 × 3 becomes one of 4 × 4, with 1.8
    times the work. ONNX can cut each end by itself: of a kernel without that zero, one less before.
    """
    initializers = model.graph.initializers
    for node in list(model.graph):
        if node.op_type != "ConvTranspose":
            continue
        top, left, bottom, right = node.attributes["pads"].as_ints()
        own = _own_kernel(node.inputs[1]) if min(top, left) > 0 else None
        if own is None:
            continue
        initializers.setdefault(str(own.name), own)
        kernel = [side - 1 for side in node.attributes["kernel_shape"].as_ints()]
        node.attributes["pads"] = ir.AttrInt64s("pads", [top - 1, left - 1, bottom, right])
        node.attributes["kernel_shape"] = ir.AttrInt64s("kernel_shape", kernel)
        node.replace_input_with(1, own)
    for node in list(model.graph):
        if node.op_type == "Pad" and not node.outputs[0].uses():
            model.graph.remove(node, safe=True)
    for name, value in list(initializers.items()):
        if not value.uses() and value not in model.graph.outputs:
            del initializers[name]


def _own_kernel(padded: ir.Value | None) -> ir.Value | None:
    """The kernel without its zeros before; None where it has none.

    The exporter leaves the padding as a node, or has carried it out where the kernel is small.
    """
    if padded is None:
        return None
    pad = padded.producer()
    if pad is not None:
        amounts = pad.inputs[1] if pad.op_type == "Pad" else None
        if amounts is None or amounts.const_value is None:
            return None
        found = tuple(int(n) for n in np.ravel(amounts.const_value.numpy()))
        return pad.inputs[0] if found == ZERO_BEFORE else None
    if padded.const_value is None:
        return None
    weights = padded.const_value.numpy()
    if min(weights.shape[2:]) < 2 or weights[:, :, 0].any() or weights[:, :, :, 0].any():
        return None
    name = f"{padded.name}.own"
    return ir.val(name, const_value=ir.tensor(weights[:, :, 1:, 1:].copy(), name=name))

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
    for node in list(model.graph):
        if node.op_type != "ConvTranspose" or node.inputs[1] is None:
            continue
        pad = node.inputs[1].producer()
        if pad is None or pad.op_type != "Pad" or not _is_zero_before(pad):
            continue
        top, left, bottom, right = node.attributes["pads"].as_ints()
        kernel = [side - 1 for side in node.attributes["kernel_shape"].as_ints()]
        node.attributes["pads"] = ir.AttrInt64s("pads", [top - 1, left - 1, bottom, right])
        node.attributes["kernel_shape"] = ir.AttrInt64s("kernel_shape", kernel)
        node.replace_input_with(1, pad.inputs[0])
        if not pad.outputs[0].uses():
            model.graph.remove(pad, safe=True)
    for name, value in list(model.graph.initializers.items()):
        if not value.uses() and value not in model.graph.outputs:
            del model.graph.initializers[name]


def _is_zero_before(pad: ir.Node) -> bool:
    amounts = pad.inputs[1]
    weights = pad.inputs[0]
    if amounts is None or amounts.const_value is None or weights is None:
        return False
    found = tuple(int(n) for n in np.ravel(amounts.const_value.numpy()))
    return found == ZERO_BEFORE and weights.is_initializer()

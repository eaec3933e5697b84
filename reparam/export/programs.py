"""Encoder and decoder as programs of torch.export, compared with the public functions.

A program is what ``torch.export.load(path).module()`` gives back: the graph of the forward pass
with its weights, for batches of any size, which runs without reparam. Inputs and outputs are those
of the ONNX files (see ``halves``).
"""

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.export import Dim, ExportedProgram

from reparam.errors import ExportError, reason_of
from reparam.export.halves import ANY_NUMBER, Half, Part, halves_of
from reparam.model import Autoencoder
from reparam.runs import Run
from reparam.types import LabelArray, PixelArray


@dataclass(frozen=True)
class TorchProgram:
    """One half of a model as the bytes of a .pt2 file.

    ``difference`` is the largest difference from the public function's result that was found, after
    the bytes were read again, in units of ``halves.TOLERANCE``'s rule.
    """

    part: Part
    data: bytes
    difference: float


def export_programs(
    run: Run, model: Autoencoder, images: PixelArray, labels: LabelArray | None = None
) -> tuple[TorchProgram, TorchProgram]:
    """Encoder and decoder of a run's model, as `export_onnx` takes it.

    Raises ExportError for a part whose forward torch.export cannot follow, ParityError where a
    program computes something else than the model.
    """
    encoder, decoder = (_exported(run, half) for half in halves_of(model, images, labels))
    return encoder, decoder


def _exported(run: Run, half: Half) -> TorchProgram:
    inputs = tuple(map(torch.from_numpy, half.first(2).values()))
    batch = Dim("batch", min=1)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                half.module, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs)
            )
            data = _saved(program)
    except Exception as error:  # a part from outside may do anything
        reason = reason_of(error).partition(". ")[0]
        fix = "write its forward without steps in Python that depend on values"
        raise ExportError(
            f"the {half.part} of {run.path} must be made of what torch.export can follow, got: "
            f"{reason}. Fix: {ANY_NUMBER if 'Constraints violated' in reason else fix}"
        ) from error
    module = torch.export.load(io.BytesIO(data)).module()

    def compute(rows: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        with torch.no_grad():
            return [each.numpy() for each in module(*map(torch.from_numpy, rows.values()))]

    fix = f"train with finite weights, or report this with torch's version ({torch.__version__})"
    return TorchProgram(
        half.part, data, half.difference(compute, f"{run.path}: torch.export's", fix)
    )


def _saved(program: ExportedProgram) -> bytes:
    """The bytes of a .pt2 file, without the paths of this machine's code and the example's rows."""
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    program.example_inputs = None
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()

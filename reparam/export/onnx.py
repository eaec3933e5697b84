"""Encoder and decoder as ONNX, each compared with the public functions before it is handed out.

They hold their weights, and are made from PyTorch's float32 path, never from our native kernels.
What goes in and comes out: ``halves``.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from reparam._version import __version__
from reparam.errors import ExportError, ReparamError, reason_of
from reparam.export.halves import ANY_NUMBER, LABELS, Half, difference_of, halves_of
from reparam.model import Autoencoder
from reparam.onnx_session import open_session
from reparam.printable import printable_json
from reparam.runs import Run
from reparam.types import LabelArray, PixelArray

if TYPE_CHECKING:
    from onnx import ModelProto

IR_VERSION = 10
"""What onnxruntime 1.18 and later read."""

PAGE_TOLERANCE = 5e-4
"""What weights of 16 bits may change, by the rule of ``halves.TOLERANCE``: of a pixel, an eighth of
the step between two of 256 levels."""

Shape = Sequence[int | str]
"""Sizes, "B" for that of a batch."""


@dataclass(frozen=True)
class OnnxModel:
    """One half of a model as a file: ``data``, and what goes in and comes out by name.

    ``difference`` is the largest difference from the public function's result that was found, in
    units of ``halves.TOLERANCE``'s rule.
    """

    part: str
    data: bytes
    input: str
    outputs: tuple[str, ...]
    difference: float
    labels: str | None = None
    """The second input, of a conditional model."""


def export_onnx(
    run: Run, model: Autoencoder, images: PixelArray, labels: LabelArray | None = None
) -> tuple[OnnxModel, OnnxModel]:
    """Encoder and decoder of a run's model, compared with the public encoding and decoding.

    The model is on the CPU in float32, as ``Run.load_model`` gives it. ``images`` (N, H, W, C):
    real ones, at least one; encoded for the comparison, and their latents decoded, together with
    draws from the prior. ``labels`` (N): theirs, which a conditional model needs. The same model
    gives the same bytes. Raises ParityError where onnxruntime's result differs from the public
    function's by more than TOLERANCE.
    """
    encoder, decoder = (_exported(run, model, half) for half in halves_of(model, images, labels))
    return encoder, decoder


def _exported(run: Run, model: Autoencoder, half: Half) -> OnnxModel:
    known: dict[str, Shape] = {"images": images_shape(model), LABELS: ["B"]}
    latents: Shape = ["B", model.latent_dim]
    shapes = {name: known.get(name, latents) for name in (*half.first(1), *half.expected)}
    facts = facts_of(run, model, half.part, shapes)
    return export_half(half, f"the {half.part} of {run.path}", facts, f"{run.path}: onnxruntime's")


def smaller(model: OnnxModel, rows: Mapping[str, np.ndarray]) -> bytes:
    """The network for a page: with weights of 16 bits where that changes what it makes of ``rows``
    by no more than PAGE_TOLERANCE, else as it is.
    """
    from reparam.export.graph import with_weights_of_16_bits

    packed = with_weights_of_16_bits(model.data)
    both = [open_session(data, 1).run(list(model.outputs), rows) for data in (model.data, packed)]
    differences = [difference_of(ours, theirs) for ours, theirs in zip(*both, strict=True)]
    is_near = all(difference <= PAGE_TOLERANCE for difference in differences)  # NaN is not
    return packed if is_near else model.data


def export_half(half: Half, what: str, facts: Mapping[str, str], whose: str) -> OnnxModel:
    """A module as ONNX, compared with what is expected of it.

    ``what`` it is, and ``whose`` result is compared, are for messages; ``facts``: what the file
    says of itself. Raises ParityError where onnxruntime's result differs by more than TOLERANCE,
    and what `exported` raises.
    """
    fix = (
        "train with finite weights, or report this with the versions of "
        f"torch ({torch.__version__}) and onnxruntime ({version('onnxruntime')})"
    )

    def checked(graph: "ModelProto") -> OnnxModel:
        data = serialised(graph, half.part, facts)
        session = open_session(data, torch.get_num_threads())
        difference = half.difference(
            lambda rows: session.run(list(half.expected), rows), whose, fix
        )
        labels = None if half.labels is None else LABELS
        return OnnxModel(half.part, data, half.input, tuple(half.expected), difference, labels)

    return exported(what, half.module, half.first(2), [*half.expected], checked)


def exported(
    what: str,
    module: nn.Module,
    example: Mapping[str, np.ndarray],
    outputs: Sequence[str],
    checked: Callable[["ModelProto"], OnnxModel],
) -> OnnxModel:
    """What ``checked`` makes of a module's graph: traced, or compiled where the trace does not
    hold.

    ``checked`` compares the graph with the module, and raises where they differ. Raises ExportError
    for a module that ONNX cannot say; ``what`` it is.
    """
    # It takes a second, which no other command has to wait for.
    from reparam.export.exporters import compiled, traced

    try:
        return checked(traced(module, example, outputs))
    except Exception:  # whatever it is, the compiler can do it or says why not
        pass
    try:
        graph = compiled(module, example, outputs)
    except torch.onnx.OnnxExporterError as error:  # a part from outside may do anything
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        reason = reason.removesuffix("See the stack trace for more information.").rstrip(" .")
        raise ExportError(
            f"{what} must be exportable to ONNX, got: {reason}. Fix: write its forward with "
            "operators that ONNX has, and without steps in Python that depend on values"
        ) from error
    try:
        return checked(graph)
    except ReparamError:
        raise
    except Exception as error:  # onnxruntime's own, of a graph that is of the example's size
        raise ExportError(
            f"{what} must take any number of images, got: {reason_of(error)}. Fix: {ANY_NUMBER}"
        ) from error


def serialised(graph: "ModelProto", part: str, facts: Mapping[str, str]) -> bytes:
    """What is written of an exported graph."""
    from reparam.export.graph import unpadded_kernels, without_notes

    unpadded_kernels(graph.graph)
    without_notes(graph)
    graph.ir_version = IR_VERSION
    graph.graph.name = part
    for key, value in facts.items():
        graph.metadata_props.add(key=key, value=value)
    return graph.SerializeToString(deterministic=True)


def images_shape(model: Autoencoder) -> Shape:
    """What a model's images are in an ONNX file."""
    height, width, channels = model.image_shape
    return ["B", channels, height, width]


def facts_of(
    run: Run, model: Autoencoder, part: str, shapes: Mapping[str, Shape]
) -> dict[str, str]:
    """What the file says of itself. Nothing of when or where it was made.

    ``shapes``: of all that goes in and comes out, by name.
    """
    facts = run.facts
    return {
        "reparam.part": part,
        "reparam.preset": run.config.preset,
        "reparam.shapes": json.dumps(dict(shapes)),
        "reparam.image_range": "[0, 1]",
        "reparam.latent_dim": str(model.latent_dim),
        "reparam.prior": model.prior.kind,
        "reparam.classes": printable_json(json.dumps(facts.class_names, ensure_ascii=False)),
        "reparam.version": __version__,
        "reparam.trained_with": str(facts.versions.get("reparam", "unknown")),
        "torch.version": torch.__version__,
    }

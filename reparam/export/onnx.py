"""Encoder and decoder as ONNX, each compared with the public functions before it is handed out.

Both take a batch of any size and hold their weights; they are made from PyTorch's float32 path,
never from our native kernels. encoder: ``images`` (B, C, H, W) in [0, 1] → ``mu`` (B, d), and
``log_var`` (B, d) where the posterior has one, as ``evaluation.moments_of`` gives them.
decoder: ``latents`` (B, d) → ``images`` (B, C, H, W), as ``evaluation.decode`` gives them: the
likelihood's mean, clipped to [0, 1]. Nothing is drawn at random. Of a conditional model both take
the class as a second input: ``labels`` (B,), int64.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from reparam._version import __version__
from reparam.errors import ExportError, ParityError
from reparam.evaluation import as_floats, decode, moments_of, sample_latents
from reparam.model import Autoencoder, posteriors_of
from reparam.onnx_session import open_session
from reparam.printable import printable_json
from reparam.runs import Run
from reparam.types import Images, LabelArray, Labels, LatentArray, Latents, PixelArray

if TYPE_CHECKING:
    from onnx import ModelProto

IR_VERSION = 10
"""What onnxruntime 1.18 and later read."""

TOLERANCE = 1e-5
"""The largest difference from Python: of a pixel as it is; of a latent for each unit of the
largest latent in the batch, but never less than for one unit. float32 holds 7 digits, and an AE's
latents may be tens."""

LABELS = "labels"
"""The second input of a conditional model."""

BATCHES = (1, 2, 7, 400)
"""Sizes of the batches that are compared."""

SEED = 0
"""Of the latents that are drawn from the prior to compare decodings."""


@dataclass(frozen=True)
class OnnxModel:
    """One half of a model as a file: ``data``, and what goes in and comes out by name.

    ``difference`` is the largest difference from the public function's result that was found, in
    units of TOLERANCE's rule.
    """

    part: str
    data: bytes
    input: str
    outputs: tuple[str, ...]
    difference: float
    labels: str | None = None
    """The second input, of a conditional model."""


class _Encoder(nn.Module):
    """The posterior's mean, and its log-variance where it has one, as a tuple."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Images, labels: Labels | None = None) -> tuple[Latents, ...]:
        return tuple(self.model.infer(images, labels).moments().values())


class _Decoder(nn.Module):
    """The likelihood's mean of each latent, clipped to [0, 1]: what ``evaluation.decode`` gives."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, latents: Latents, labels: Labels | None = None) -> tuple[Images]:
        return (self.model.decode(latents, labels).clamp(0, 1),)


@dataclass(frozen=True)
class _Pairs:
    """Rows that go into a half, by the input's name, and what the public function makes of them."""

    input: str
    rows: np.ndarray
    expected: Mapping[str, np.ndarray]
    labels: LabelArray | None = None
    """Of the rows, where the model reads any."""

    def first(self, size: int) -> dict[str, np.ndarray]:
        """What goes in, of so many rows."""
        found = {self.input: first_rows(self.rows, size)}
        if self.labels is not None:
            found[LABELS] = first_rows(self.labels, size).astype(np.int64)
        return found


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
    model.eval()
    images = images[: max(BATCHES)]
    known = None if labels is None or not model.classes else labels[: len(images)]
    mu, more = moments_of(posteriors_of(model, images, known))
    posterior = {"mu": mu, **more}
    latents = _interleaved(mu, sample_latents(model, len(images), SEED))
    of_both = None if known is None else np.repeat(known, 2)
    decoded = decode(model, latents, of_both)
    encoding = _Pairs("images", _channelsfirst_rows(as_floats(images)), posterior, known)
    decoding = _Pairs("latents", latents, {"images": _channelsfirst_rows(decoded)}, of_both)
    return (
        _exported(run, model, "encoder", _Encoder(model), encoding),
        _exported(run, model, "decoder", _Decoder(model), decoding),
    )


def _exported(
    run: Run, model: Autoencoder, part: str, module: nn.Module, pairs: _Pairs
) -> OnnxModel:
    def finish(graph: "ModelProto") -> OnnxModel:
        data = serialised(
            graph, part, facts_of(run, model, part, [*pairs.first(1), *pairs.expected])
        )
        difference = _compared(run, part, data, pairs)
        labels = None if pairs.labels is None else LABELS
        return OnnxModel(part, data, pairs.input, tuple(pairs.expected), difference, labels)

    return graph_of(run, part, module, pairs.first(2), [*pairs.expected], finish)


def graph_of(
    run: Run,
    part: str,
    module: nn.Module,
    example: Mapping[str, np.ndarray],
    outputs: Sequence[str],
    finish: Callable[["ModelProto"], OnnxModel],
) -> OnnxModel:
    """What ``finish`` makes of a module's graph: traced, or compiled where the trace does not hold.

    ``finish`` compares the graph with the module, and raises where they differ. Raises ExportError
    for a module that ONNX cannot say.
    """
    # It takes a second, which no other command has to wait for.
    from reparam.export.exporters import compiled, traced

    module.eval()
    try:
        return finish(traced(module, example, outputs))
    except Exception:  # whatever it is, the compiler can do it or says why not
        pass
    try:
        graph = compiled(module, example, outputs)
    except torch.onnx.OnnxExporterError as error:  # a part from outside may do anything
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ExportError(
            f"the {part} of {run.path} must be made of what ONNX can say, got: {reason}. Fix: "
            "write its forward without steps in Python that depend on values"
        ) from error
    return finish(graph)


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


def facts_of(
    run: Run, model: Autoencoder, part: str, names: Sequence[str] = ("images",)
) -> dict[str, str]:
    """What the file says of itself. Nothing of when or where it was made."""
    facts = run.facts
    height, width, channels = facts.image_shape
    shapes = {"images": ["B", channels, height, width], "latents": ["B", model.latent_dim]}
    shapes[LABELS] = ["B"]
    shaped = {name: shapes.get(name, shapes["latents"]) for name in names}
    return {
        "reparam.part": part,
        "reparam.preset": run.config.preset,
        "reparam.shapes": json.dumps(shaped),
        "reparam.image_range": "[0, 1]",
        "reparam.latent_dim": str(model.latent_dim),
        "reparam.prior": model.prior.kind,
        "reparam.classes": printable_json(json.dumps(facts.class_names, ensure_ascii=False)),
        "reparam.version": __version__,
        "reparam.trained_with": str(facts.versions.get("reparam", "unknown")),
        "torch.version": torch.__version__,
    }


def _compared(run: Run, part: str, data: bytes, pairs: _Pairs) -> float:
    """The largest difference from what is expected over BATCHES. Raises ParityError above
    TOLERANCE.
    """
    session = open_session(data, torch.get_num_threads())
    largest = 0.0
    for size in BATCHES:
        found = session.run(list(pairs.expected), pairs.first(size))
        for expected, theirs in zip(pairs.expected.values(), found, strict=True):
            ours = first_rows(expected, size)
            unit = max(1.0, float(np.abs(ours).max()))
            difference = float(np.abs(ours - theirs).max()) / unit if ours.size else 0.0
            if not difference <= TOLERANCE:  # also NaN
                raise ParityError(
                    f"{run.path}: onnxruntime's {part} must agree with PyTorch's within "
                    f"{TOLERANCE:g}, got a difference of {difference:.2g} in a batch of {size}. "
                    "Fix: train with finite weights, or report this with the versions of "
                    f"torch ({torch.__version__}) and onnxruntime ({version('onnxruntime')})"
                )
            largest = max(largest, difference)
    return largest


def first_rows(rows: np.ndarray, size: int) -> np.ndarray:
    """So many rows from the start, beginning again where there are fewer."""
    return np.resize(rows, (size, *rows.shape[1:]))


def _channelsfirst_rows(images: Float[np.ndarray, "N H W C"]) -> Float[np.ndarray, "N C H W"]:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _interleaved(first: LatentArray, second: LatentArray) -> Float[np.ndarray, "twice d"]:
    """Rows of both in turns, so that small batches have of either."""
    return np.stack([first, second], 1).reshape(-1, first.shape[1])

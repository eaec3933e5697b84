"""Encoder and decoder as ONNX, each compared with PyTorch before it is handed out.

Both take a batch of any size and hold their weights; they are made from PyTorch's float32 path,
never from our native kernels. encoder: ``images`` (B, C, H, W) in [0, 1] → ``mu`` (B, d), and
``log_var`` (B, d) where the posterior has one. decoder: ``latents`` (B, d) → ``images``
(B, C, H, W), clipped to [0, 1]. Nothing is drawn at random: the encoder gives the posterior's
parameters.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import torch
from jaxtyping import Float
from torch import nn

from reparam._version import __version__
from reparam.errors import ParityError
from reparam.evaluation import as_floats, sample_latents
from reparam.export.graph import unpadded_kernels, without_notes
from reparam.model import Autoencoder
from reparam.training import Run
from reparam.types import Images, LatentArray, Latents, PixelArray

OPSET = 18
"""The exporter's own; every operator of ours runs in onnxruntime-web on one thread of wasm."""

IR_VERSION = 10
"""What onnxruntime 1.18 and later read."""

TOLERANCE = 1e-5
"""The largest difference from PyTorch: of a pixel as it is; of a latent for each unit of the
largest latent in the batch, but never less than for one unit. float32 holds 7 digits, and an AE's
latents may be tens."""

BATCHES = (1, 2, 7, 400)
"""Sizes of the batches that are compared."""

SEED = 0
"""Of the latents that are drawn from the prior to compare decodings."""


@dataclass(frozen=True)
class OnnxModel:
    """One half of a model as a file: ``data``, and what goes in and comes out by name.

    ``difference`` is the largest difference from PyTorch that was found, in units of TOLERANCE's
    rule.
    """

    part: str
    data: bytes
    input: str
    outputs: tuple[str, ...]
    difference: float


class _Encoder(nn.Module):
    """The posterior's parameters as a tuple, in the order of ``posterior_type.parameters``."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.encoder, self.names = model.encoder, model.posterior_type.parameters

    def forward(self, images: Images) -> tuple[Latents, ...]:
        found = self.encoder(images)
        return tuple(found[name] for name in self.names)


class _Decoder(nn.Module):
    """Decodings clipped to [0, 1], which tanh and linear outputs may leave."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(self, latents: Latents) -> tuple[Images]:
        return (self.decoder(latents).clamp(0, 1),)


def export_onnx(run: Run, model: Autoencoder, images: PixelArray) -> tuple[OnnxModel, OnnxModel]:
    """Encoder and decoder of a run's model, compared with PyTorch.

    The model is on the CPU in float32, as ``Run.load_model`` gives it. ``images`` (N, H, W, C):
    real ones, at least one; encoded for the comparison, and their latents decoded, together with
    draws from the prior. The same model gives the same bytes. Raises ParityError where
    onnxruntime's result differs from PyTorch's by more than TOLERANCE.
    """
    model.eval()
    pixels = np.ascontiguousarray(as_floats(images[: max(BATCHES)]).transpose(0, 3, 1, 2))
    encoder, decoder = _Encoder(model), _Decoder(model)
    encoded = _computed(encoder, pixels)[0]
    latents = _interleaved(encoded, sample_latents(model, len(encoded), SEED))
    names = tuple(model.posterior_type.parameters)
    return (
        _exported(run, "encoder", encoder, pixels, "images", names),
        _exported(run, "decoder", decoder, latents, "latents", ("images",)),
    )


def _exported(
    run: Run, part: str, module: nn.Module, inputs: np.ndarray, name: str, outputs: tuple[str, ...]
) -> OnnxModel:
    example = torch.from_numpy(np.resize(inputs, (2, *inputs.shape[1:])))
    with _quietly(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            input_names=[name],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None  # None: only where it is written to a file
    unpadded_kernels(program.model)
    without_notes(program.model)
    program.model.ir_version = IR_VERSION
    program.model.graph.name = part
    program.model.metadata_props.update(_facts(run, part))
    data = ir.to_proto(program.model).SerializeToString(deterministic=True)
    return OnnxModel(part, data, name, outputs, _compared(run, part, data, module, inputs))


def _facts(run: Run, part: str) -> Mapping[str, str]:
    """What the file says of itself. Nothing of when or where it was made."""
    config, facts, record = run.config(), run.facts(), run.record()
    height, width, channels = facts.image_shape
    shapes = {"images": ["B", channels, height, width], "latents": ["B", config.model.latent_dim]}
    parameters = ["mu"] if config.model.posterior == "delta" else ["mu", "log_var"]
    inputs, outputs = ["images"], parameters
    if part == "decoder":
        inputs, outputs = ["latents"], ["images"]
    shaped = {name: shapes.get(name, shapes["latents"]) for name in (*inputs, *outputs)}
    return {
        "reparam.part": part,
        "reparam.preset": config.preset,
        "reparam.shapes": json.dumps(shaped),
        "reparam.image_range": "[0, 1]",
        "reparam.latent_dim": str(config.model.latent_dim),
        "reparam.prior": config.model.prior,
        "reparam.classes": json.dumps(facts.class_names, ensure_ascii=False),
        "reparam.version": __version__,
        "reparam.trained_with": str(record["versions"].get("reparam", "unknown")),
        "torch.version": torch.__version__,
    }


def _compared(run: Run, part: str, data: bytes, module: nn.Module, inputs: np.ndarray) -> float:
    """The largest difference from PyTorch over BATCHES. Raises ParityError above TOLERANCE."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    largest = 0.0
    for size in BATCHES:
        batch = np.resize(inputs, (size, *inputs.shape[1:]))
        for ours, theirs in zip(
            _computed(module, batch), session.run(None, {name: batch}), strict=True
        ):
            unit = max(1.0, float(np.abs(ours).max()))
            found = float(np.abs(ours - theirs).max()) / unit if ours.size else 0.0
            if not found <= TOLERANCE:  # also NaN
                raise ParityError(
                    f"{run.path}: onnxruntime's {part} must agree with PyTorch's within "
                    f"{TOLERANCE:g}, found a difference of {found:.2g} in a batch of {size}; "
                    "train with finite weights, or report this with the versions of "
                    f"torch ({torch.__version__}) and onnxruntime ({onnxruntime.__version__})"
                )
            largest = max(largest, found)
    return largest


def _computed(module: nn.Module, inputs: np.ndarray) -> Sequence[np.ndarray]:
    with torch.no_grad():
        return [found.numpy() for found in module(torch.from_numpy(inputs))]


def _interleaved(first: LatentArray, second: LatentArray) -> Float[np.ndarray, "twice d"]:
    """Rows of both in turns, so that small batches have of either."""
    return np.stack([first, second], 1).reshape(-1, first.shape[1])


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's talk of packages that it could also use, and of its own old names."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)

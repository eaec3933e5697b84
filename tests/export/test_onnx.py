"""The exported halves compute what the model computes, for every kind of network."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from reparam.errors import ExportError, ParityError
from reparam.evaluation import as_floats, decode, moments_of
from reparam.export import exporters
from reparam.export.exporters import ValueReadError, traced
from reparam.export.onnx import export_onnx
from reparam.model import posteriors_of

from .conftest import untrained

TOLERANCE = 1e-5


def session(data: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


def check_parity(preset: str, shape: tuple[int, int, int], **options: Any) -> None:
    """Encoder and decoder against the public functions, in batches of 1, 2, 7 and 400; made without
    the compiler, which takes ten times as long.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporters, "compiled", None)
        run, model, pixels = untrained(Path(folder) / "run", preset, shape, **options)
        encoder, decoder = export_onnx(run, model, pixels)
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 400):
        images = pixels[rng.integers(0, len(pixels), size)]
        x = np.ascontiguousarray(as_floats(images).transpose(0, 3, 1, 2))
        z = rng.normal(0, 2, (size, model.latent_dim)).astype(np.float32)
        mu, more = moments_of(posteriors_of(model, images))
        parameters = {"mu": mu, **more}
        decoded = decode(model, z).transpose(0, 3, 1, 2)
        found = session(encoder.data).run(list(encoder.outputs), {"images": x})
        assert encoder.outputs == tuple(parameters)
        for ours, theirs in zip(parameters.values(), found, strict=True):
            np.testing.assert_allclose(theirs, ours, atol=TOLERANCE * max(1, np.abs(ours).max()))
        (theirs,) = session(decoder.data).run(["images"], {"latents": z})
        assert theirs.min() >= 0
        assert theirs.max() <= 1
        np.testing.assert_allclose(theirs, decoded, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("shape", [(12, 10, 3), (66, 70, 1)])
def test_networks_that_begin_with_components_agree(shape: tuple[int, int, int]) -> None:
    """Also of images whose components are those of smaller ones."""
    network = {"type": "residual", "filters": [16, 32], "components": 4}
    check_parity(
        "vae",
        shape,
        latent_dim=5,
        model={"encoder": network, "decoder": {**network, "output_activation": "clamp"}},
    )


def test_an_encoder_has_its_components_once(tmp_path: Path) -> None:
    """It encodes by them and decodes what they say: of large pictures they are most of the file."""
    network = {"type": "residual", "filters": [16, 32], "components": 4}
    run, model, pixels = untrained(
        tmp_path / "run",
        "vae",
        (12, 10, 3),
        latent_dim=5,
        model={"encoder": network, "decoder": {**network, "output_activation": "clamp"}},
    )
    encoder, _ = export_onnx(run, model, pixels)
    sizes = [
        sorted(tensor.dims) for tensor in onnx.load_from_string(encoder.data).graph.initializer
    ]
    assert sizes.count([4, 12 * 10 * 3]) == 1


@pytest.mark.parametrize("shape", [(12, 10, 3), (7, 9, 1)])
def test_kl_networks_agree(shape: tuple[int, int, int]) -> None:
    network = {"type": "kl", "filters": [8, 16], "groups": 4}
    check_parity("vae", shape, latent_channels=3, model={"encoder": network, "decoder": network})


@pytest.mark.parametrize("preset", ["ae", "vae", "ae-functional", "burda"])
def test_presets_agree_with_pytorch(preset: str) -> None:
    sizes = {
        "decoder_filters": [6, 4, 4, 4],
        "decoder_kernels": [3] * 5,
        "decoder_strides": [1, 2, 1, 1, 1],
    }
    check_parity(preset, (12, 12, 1), **(sizes if preset == "ae-functional" else {}))


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((7, 9, 3), {"output_activation": "linear", "batch_norm": True, "decoder_kernels": [4, 3]}),
        ((11, 5, 1), {"output_activation": "tanh", "batch_norm": True, "latent_dim": 5}),
    ],
)
def test_odd_sizes_colour_and_outputs_beyond_one(
    shape: tuple[int, int, int], options: dict[str, Any]
) -> None:
    check_parity("ae", shape, **options)


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    height=st.integers(4, 11),
    width=st.integers(4, 11),
    channels=st.integers(1, 4),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    output=st.sampled_from(["sigmoid", "tanh", "linear"]),
    batch_norm=st.booleans(),
    order=st.sampled_from(["norm-act", "act-norm"]),
    latent_dim=st.integers(1, 5),
)
def test_any_network_agrees_with_pytorch(
    height: int,
    width: int,
    channels: int,
    kernel: int,
    stride: int,
    output: str,
    batch_norm: bool,
    order: str,
    latent_dim: int,
) -> None:
    check_parity(
        "vae",
        (height, width, channels),
        encoder_kernels=[3, kernel],
        encoder_strides=[1, stride],
        decoder_kernels=[kernel, 3],
        decoder_strides=[stride, 1],
        output_activation=output,
        batch_norm=batch_norm,
        encoder_order=order,
        decoder_order=order,
        latent_dim=latent_dim,
    )


@pytest.mark.parametrize("preset", ["ae", "vae"])
def test_a_bernoulli_models_decoder_gives_probabilities(preset: str) -> None:
    """Not logits, whose clipping would be black and white."""
    check_parity(preset, (7, 9, 1), likelihood="bernoulli")


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    run, model, pixels = untrained(tmp_path / "run", "vae", (10, 8, 3), latent_dim=4)
    encoder, decoder = export_onnx(run, model, pixels)
    for half in (encoder, decoder):
        onnx.checker.check_model(onnx.load_from_string(half.data), full_check=True)
        # Neither the machine's folders nor the lines of our code.
        assert str(tmp_path).encode() not in half.data
        assert b".py" not in half.data
        assert half.difference <= TOLERANCE
    opened = session(encoder.data)
    facts = opened.get_modelmeta().custom_metadata_map
    assert json.loads(facts["reparam.shapes"]) == {
        "images": ["B", 3, 10, 8],
        "mu": ["B", 4],
        "log_var": ["B", 4],
    }
    assert facts["reparam.image_range"] == "[0, 1]"
    assert facts["reparam.part"] == "encoder"
    assert [(i.name, i.shape) for i in opened.get_inputs()] == [("images", ["batch", 3, 10, 8])]
    (image,) = session(decoder.data).get_outputs()
    assert (image.name, image.shape) == ("images", ["batch", 3, 10, 8])


@pytest.mark.parametrize("filters", [6, 48])  # the exporter pads small kernels by itself
def test_kernels_are_exported_in_their_own_size(tmp_path: Path, filters: int) -> None:
    """PyTorch needs a row of zeros to cut both ends alike; ONNX does not."""
    options = {"encoder_filters": [4, filters], "decoder_filters": [filters]}
    run, model, pixels = untrained(tmp_path / "run", "ae", (8, 8, 1), **options)
    _, decoder = export_onnx(run, model, pixels)
    graph = onnx.load_from_string(decoder.data).graph
    kinds = [node.op_type for node in graph.node]
    assert "Pad" not in kinds
    assert kinds.count("ConvTranspose") == 2
    kernels = {
        tuple(a.ints) for node in graph.node for a in node.attribute if a.name == "kernel_shape"
    }
    assert kernels == {(3, 3)}
    used = {name for node in graph.node for name in node.input}
    assert {value.name for value in graph.initializer} <= used


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    run, model, pixels = untrained(tmp_path / "run", "vae", (8, 8, 1))
    first, second = export_onnx(run, model, pixels), export_onnx(run, model, pixels)
    assert [half.data for half in first] == [half.data for half in second]


def test_a_model_that_computes_no_numbers_is_refused(tmp_path: Path) -> None:
    run, model, pixels = untrained(tmp_path / "run", "vae", (8, 8, 1))
    with torch.no_grad():
        model.decoder.dense.bias[0] = torch.nan
    with pytest.raises(ParityError, match=r"decoder must agree .* got a difference of nan"):
        export_onnx(run, model, pixels)


def test_a_part_that_onnx_cannot_say_is_one_error(tmp_path) -> None:
    run, model, pixels = untrained(tmp_path / "run", "vae", (12, 12, 1))
    decode_latents = model.decoder.forward

    def forward(z, *condition):
        return decode_latents(z if float(z.sum()) > 0 else -z, *condition)

    model.decoder.forward = forward
    with pytest.raises(ExportError, match=r"the decoder of .* must be exportable to ONNX"):
        export_onnx(run, model, pixels)


def test_an_operator_that_onnx_does_not_have_is_one_error(tmp_path, capfd) -> None:
    """And neither PyTorch's trace nor its compiler writes anything, also below Python."""
    run, model, pixels = untrained(tmp_path / "run", "vae", (12, 12, 1))
    decode_latents = model.decoder.forward
    model.decoder.forward = lambda z, *more: decode_latents(torch.special.bessel_j0(z), *more)
    with pytest.raises(ExportError, match=r"got: .*bessel_j0.*[^.]\. Fix: .* operators") as error:
        export_onnx(run, model, pixels)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_a_part_for_so_many_images_is_one_error(tmp_path) -> None:
    """len(z) is a number of Python, and stays that of the example."""
    run, model, pixels = untrained(tmp_path / "run", "vae", (12, 12, 1))
    decode_latents = model.decoder.forward
    model.decoder.forward = lambda z, *more: decode_latents(z.reshape(len(z), 2), *more)
    said = r"the decoder of .* must take any number of images, got: .* Fix: .*len\(z\)"
    with pytest.raises(ExportError, match=said):
        export_onnx(run, model, pixels)


class Computed(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.function(x),)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * float(x.mean()),
        lambda x: x * x.max().item(),
        lambda x: x[:, : int(x[0, 0])],
        lambda x: x * x.tolist()[0][0],
        lambda x: x * x.numpy()[0, 0],
        lambda x: x * np.asarray(x)[0, 0],
    ],
)
def test_code_that_reads_values_is_not_traced(function: Callable[[Tensor], Tensor]) -> None:
    """The trace would hold what the values of one batch led to."""
    with pytest.raises(ValueReadError):
        traced(Computed(function), {"x": np.ones((2, 3), np.float32)}, ["y"])


@pytest.mark.parametrize(
    ("amounts", "how"),
    [
        ((1, 0, 2, 3), {}),
        ((0, 2), {"value": 0.5}),
        ((0, 0, 0, 0), {"mode": "replicate"}),
        ((1, 2, 0, 1), {"mode": "replicate"}),
        ((2, 1, 1, 0), {"mode": "reflect"}),
    ],
)
def test_padding_is_pytorchs(amounts: tuple[int, ...], how: dict[str, Any]) -> None:
    x = np.random.default_rng(0).normal(size=(7, 2, 4, 5)).astype(np.float32)
    module = Computed(lambda x: F.pad(x, amounts, **how))
    graph = traced(module, {"x": x[:2]}, ["y"])
    (found,) = session(graph.SerializeToString()).run(None, {"x": x})
    np.testing.assert_array_equal(found, module(torch.from_numpy(x))[0].numpy())

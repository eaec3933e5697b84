"""Programs of torch.export, read again, compute what the model does."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reparam.errors import ExportError, ParityError
from reparam.evaluation import as_floats, decode, moments_of
from reparam.export import TorchProgram, export_programs
from reparam.model import posteriors_of

from .conftest import Finished, untrained


def module(half: TorchProgram) -> torch.nn.Module:
    return torch.export.load(io.BytesIO(half.data)).module()


@pytest.mark.parametrize(
    ("preset", "shape", "options"),
    [
        ("ae", (7, 9, 3), {"batch_norm": True}),
        ("vae", (12, 12, 1), {"likelihood": "bernoulli"}),
        ("cvae", (9, 7, 1), {}),
    ],
)
def test_programs_agree_for_batches_of_any_size(
    finished: Finished, tmp_path: Path, preset: str, shape: Any, options: dict[str, Any]
) -> None:
    if preset == "cvae":
        run = finished(preset, shape=shape)
        model, pixels, labels = run.load_model(), run.images().images, run.images().labels
        assert model.classes == 3
    else:
        run, model, pixels = untrained(tmp_path / "run", preset, shape, **options)
        labels = None
    encoder, decoder = map(module, export_programs(run, model, pixels, labels))
    rng = np.random.default_rng(0)
    for size in (1, 2, 5, 33):
        images = pixels[rng.integers(0, len(pixels), size)]
        known = rng.integers(0, 3, size) if model.classes else None
        more = () if known is None else (torch.from_numpy(known),)
        x = torch.from_numpy(np.ascontiguousarray(as_floats(images).transpose(0, 3, 1, 2)))
        z = rng.normal(0, 2, (size, model.latent_dim)).astype(np.float32)
        with torch.no_grad():
            found, (decoded,) = encoder(x, *more), decoder(torch.from_numpy(z), *more)
        mu, others = moments_of(posteriors_of(model, images, known))
        for theirs, ours in zip(found, (mu, *others.values()), strict=True):
            atol = 1e-5 * max(1, np.abs(ours).max())
            np.testing.assert_allclose(theirs.numpy(), ours, rtol=0, atol=atol)
        expected = decode(model, z, known).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(decoded.numpy(), expected, rtol=0, atol=1e-5)


def test_a_file_holds_a_graph_and_its_own_weights_without_pickles_and_paths(tmp_path: Path) -> None:
    """Each file of the archive is numbers, JSON or a short text; the weights are each half's."""
    run, model, pixels = untrained(tmp_path / "run", "vae", (8, 8, 1))
    halves = export_programs(run, model, pixels)
    for half, part in zip(halves, ("encoder", "decoder"), strict=True):
        with zipfile.ZipFile(io.BytesIO(half.data)) as archive:
            held = {info.filename: archive.read(info) for info in archive.infolist()}
        weights = {name: data for name, data in held.items() if "/weights/weight_" in name}
        parts = [model.encoder, model.posterior] if part == "encoder" else [model.decoder]
        numbers = sum(p.numel() for each in parts for p in each.parameters())
        assert numbers * 4 <= sum(map(len, weights.values())) <= numbers * 4 + 64
        for name, data in held.items():
            pickled = data[:1] == b"\x80" or data[:2] == b"PK"
            assert name in weights or not pickled, name
            assert str(tmp_path).encode() not in data
            assert name in weights or b".py" not in data
    again = export_programs(run, model, pixels)
    assert [half.data for half in again] == [half.data for half in halves]


def test_what_cannot_be_a_program(tmp_path: Path) -> None:
    run, model, pixels = untrained(tmp_path / "run", "vae", (8, 8, 1))
    plain = model.decoder.forward
    model.decoder.forward = lambda z, *more: plain(z if float(z.sum()) > 0 else -z, *more)
    with pytest.raises(ExportError, match=r"the decoder of .* what torch\.export can follow"):
        export_programs(run, model, pixels)
    model.decoder.forward = lambda z, *more: plain(z.reshape(len(z), 2), *more)
    with pytest.raises(ExportError, match=r"the decoder of .* Fix: .*a fixed number of images"):
        export_programs(run, model, pixels)
    model.decoder.forward = plain
    with torch.no_grad():
        model.decoder.dense.bias[0] = torch.nan
    with pytest.raises(ParityError, match=r"decoder must agree .* got a difference of nan"):
        export_programs(run, model, pixels)

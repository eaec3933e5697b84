"""A folder for diffusers is the model: its AutoencoderKL computes what ours does."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.numpy import load

from reparam.errors import ConfigError, ParityError
from reparam.evaluation import as_floats, decode, moments_of
from reparam.export import DiffusersFolder, export_diffusers, kl_halves
from reparam.model import Autoencoder, posteriors_of
from reparam.runs import Run

from .conftest import Finished, untrained

Found = tuple[Run, Autoencoder, np.ndarray]


def with_any_weights(
    folder: Path, shape: tuple[int, int, int], channels: int, preset: str = "vae", **network: Any
) -> Found:
    """A run of kl networks; also what training begins with at zero has some weights."""
    network = {"type": "kl", "filters": [8, 16], "groups": 4, **network}
    run, model, pixels = untrained(
        folder, preset, shape, model={"encoder": network, "decoder": network},
        latent_channels=channels,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:
                scale = value[0].numel() ** -0.5
                value.copy_(scale * torch.randn(value.shape, generator=generator))
    return run, model, pixels


def written(found: DiffusersFolder, folder: Path) -> AutoencoderKL:
    folder.mkdir()
    for name, data in found.files.items():
        (folder / name).write_bytes(data)
    return AutoencoderKL.from_pretrained(folder, local_files_only=True, low_cpu_mem_usage=False)


@pytest.mark.parametrize(
    ("shape", "channels", "network"),
    [
        ((12, 20, 3), 3, {}),
        ((16, 8, 1), 4, {"filters": [12, 4, 8], "blocks": 2, "groups": 2, "attention": False}),
        ((8, 8, 1), 1, {"filters": [8], "groups": 8}),
    ],
)
@torch.no_grad()
def test_diffusers_computes_mean_variance_and_pixels(
    tmp_path: Path, shape: tuple[int, int, int], channels: int, network: dict[str, Any]
) -> None:
    run, model, pixels = with_any_weights(tmp_path / "run", shape, channels, **network)
    found = export_diffusers(run, model, pixels)
    theirs = written(found, tmp_path / "folder")
    x = torch.from_numpy(as_floats(pixels).transpose(0, 3, 1, 2).copy())
    q = theirs.encode(2 * x - 1).latent_dist
    ours = model.infer(x)
    for their, our in ((q.mean, ours.mean), (q.logvar, ours.log_variance)):
        assert their.shape[1:] == model.latent.shape
        assert our.std() > 0.1
        torch.testing.assert_close(their.flatten(1), our, rtol=1e-5, atol=1e-5)
    z = torch.randn(6, model.latent_dim)
    images = theirs.decode(model.latent.shaped(z)).sample / 2 + 0.5
    # Before they are cut off: the decoder in training mode gives the same, of no dropout.
    assert ((images < 0) | (images > 1)).any()
    assert ((images > 0) & (images < 1)).any()
    torch.testing.assert_close(images.clamp(0, 1), model.decode(z), rtol=0, atol=1e-5)
    numbers = sum(value.size for value in load(found.files[WEIGHTS]).values())
    assert numbers == sum(value.numel() for value in theirs.parameters())


WEIGHTS = "diffusion_pytorch_model.safetensors"


def test_the_readme_is_code_that_gives_the_reconstruction(tmp_path: Path) -> None:
    """Also of images whose sides are no multiple of what the levels halve."""
    run, model, pixels = with_any_weights(tmp_path / "run", (11, 14, 3), 2, filters=[8, 8, 8])
    found = export_diffusers(run, model, pixels)
    written(found, tmp_path / "folder")
    text = found.files["README.md"].decode()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    x = as_floats(pixels)
    names: dict[str, Any] = {"images": torch.from_numpy(x.transpose(0, 3, 1, 2).copy())}
    with torch.no_grad():
        exec(code.replace("FOLDER", str(tmp_path / "folder")), names)
    mu, _ = moments_of(posteriors_of(model, pixels))
    expected = decode(model, mu).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(names["images"].numpy(), expected, rtol=0, atol=1e-5)
    assert str(tmp_path) not in text


def test_a_strangers_title_is_text_in_the_readme(tmp_path: Path) -> None:
    run, model, pixels = with_any_weights(tmp_path / "run", (8, 8, 1), 2)
    title = "[press](https://example.org) <b>`x`\n# other"
    run = replace(run, config=replace(run.config, preset=title))
    readme = export_diffusers(run, model, pixels).files["README.md"].decode()
    titles = re.findall(r"^# .*$", readme, re.MULTILINE)
    assert titles == [
        r"# \[press\](https\://example.org) &lt;b&gt;\`x\`\\n# other, as an AutoencoderKL"
    ]


def test_the_scale_makes_latents_standard(tmp_path: Path) -> None:
    """By a second computation, from samples of diffusers' own posterior; and the same bytes."""
    run, model, pixels = with_any_weights(tmp_path / "run", (12, 12, 1), 3)
    model.posterior.heads["mu"].bias.data += 3
    found = export_diffusers(run, model, pixels)
    theirs = written(found, tmp_path / "folder")
    x = torch.from_numpy(as_floats(pixels).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        q = theirs.encode(2 * x - 1).latent_dist
        z = torch.stack([q.sample(torch.Generator().manual_seed(i)) for i in range(400)])
    scaled = (z - theirs.config.shift_factor) * theirs.config.scaling_factor
    assert abs(scaled.mean()) < 0.01
    assert scaled.std() == pytest.approx(1, abs=0.01)
    assert abs(z.mean()) > 1
    assert json.loads(found.files["config.json"])["_class_name"] == "AutoencoderKL"
    assert export_diffusers(run, model, pixels).files == found.files


KL = {"type": "kl", "filters": [8, 8], "groups": 4}
BOTH = {"encoder": KL, "decoder": KL}


@pytest.mark.parametrize(
    ("preset", "model", "differs", "fix"),
    [
        ("vae", {}, "encoder convolutional, decoder convolutional, latents that are rows of "
         "numbers", "--encoder kl --decoder kl --latent-channels 4"),
        ("vae", BOTH, "latents that are rows of numbers", "--latent-channels 4"),
        ("vae", {**BOTH, "latent_channels": 2, "encoder": {**KL, "groups": 2}},
         "halves of unequal groups", "the same values of --encoder-groups and --decoder-groups"),
        ("vae", {**BOTH, "latent_channels": 2, "decoder": {**KL, "filters": [4, 8], "blocks": 2,
         "attention": False}}, "halves of unequal attention, blocks, filters",
         "--encoder-filters and --decoder-filters"),
        ("ae", {**BOTH, "latent_channels": 2}, "posterior delta", "--posterior diagonal-normal"),
        ("vae", {**BOTH, "latent_channels": 2, "likelihood": {"type": "bernoulli"}},
         "likelihood bernoulli", "--likelihood gaussian"),
        ("vae", {**BOTH, "latent_channels": 2, "likelihood": {"type": "gaussian-learned"}},
         "likelihood gaussian-learned", "--likelihood gaussian"),
    ],
)  # fmt: skip
def test_another_model_is_refused_with_what_differs(
    tmp_path: Path, preset: str, model: dict[str, Any], differs: str, fix: str
) -> None:
    run, built, _ = untrained(tmp_path / "run", preset, (8, 8, 1), model=model)
    with pytest.raises(ConfigError) as caught:
        kl_halves(run, built)
    found, _, said = str(caught.value).partition("Fix: train a run with ")
    assert found.endswith(f"got {differs}. ")
    assert fix in said


def test_a_conditional_model_is_refused(finished: Finished) -> None:
    run = finished("cvae", shape=(8, 8, 1), latent_channels=2, model=BOTH)
    model = run.load_model()
    assert model.classes == 3
    with pytest.raises(ConfigError, match=r"conditional on 3 classes\. .*--classes 0"):
        kl_halves(run, model)


def test_what_diffusers_would_compute_otherwise_is_not_written(tmp_path: Path) -> None:
    run, model, pixels = with_any_weights(tmp_path / "run", (8, 8, 1), 2)
    plain = model.decoder.forward
    model.decoder.forward = lambda z, *more: plain(z, *more) * 0.99
    with pytest.raises(ParityError, match=r"AutoencoderKL's decoder must agree"):
        export_diffusers(run, model, pixels)

"""A run as a folder of diffusers: the weights of its networks as those of an AutoencoderKL.

The posterior's heads are 1 × 1 convolutions of what the encoder's last one gives, so that both are
one convolution, ``conv_out``; quant_conv and post_quant_conv, which AutoencoderKL may have beside,
are omitted. It reads and gives a pixel y of [0, 1] as 2 y − 1, which the networks compute with too.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from reparam._version import __version__
from reparam.errors import ConfigError
from reparam.export.halves import Half, Part, halves_of
from reparam.export.place import DIFFUSERS_FOLDER
from reparam.model import Autoencoder, KlHalf
from reparam.printable import as_markdown
from reparam.runs import Run, title_of
from reparam.types import PixelArray

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

ROWS = 16
"""Images that are computed at a time."""


@dataclass(frozen=True)
class KlPart:
    """One half: ``difference`` is the largest one from the public function's result that was
    found, after the folder was read again, in units of ``halves.TOLERANCE``'s rule.
    """

    part: Part
    difference: float


@dataclass(frozen=True)
class DiffusersFolder:
    """``files``: config.json, diffusion_pytorch_model.safetensors and README.md, by name."""

    files: Mapping[str, bytes]
    parts: tuple[KlPart, KlPart]


_OWN_NAMES = {
    "block_out_channels": "filters",
    "down_block_types": "filters",
    "up_block_types": "filters",
    "layers_per_block": "blocks",
    "norm_num_groups": "groups",
    "mid_block_add_attention": "attention",
}
"""Options of the networks ``kl`` by what AutoencoderKL calls them."""


def kl_halves(run: Run, model: Autoencoder) -> tuple[KlHalf, KlHalf]:
    """Encoder and decoder of a run's model as those of an AutoencoderKL.

    Raises ConfigError for a model that has not its form; it says what differs, and what gives it.
    """
    encoder, decoder = model.encoder.kl_half, model.decoder.kl_half
    differences = dict(_differences(run, model))
    if differences or encoder is None or decoder is None:
        raise ConfigError(
            f"{run.path}: must have the networks of diffusers' AutoencoderKL, got "
            f"{', '.join(differences)}. Fix: train a run with {' '.join(differences.values())}"
        )
    return encoder, decoder


def _differences(run: Run, model: Autoencoder) -> Iterator[tuple[str, str]]:
    """What is not as in an AutoencoderKL, and options with which it is."""
    options, channels = run.config.model, model.image_shape[2]
    if model.classes:  # whose networks are inside of others
        yield f"one that is conditional on {model.classes} classes", "--classes 0"
        return
    encoder, decoder = model.encoder.kl_half, model.decoder.kl_half
    if encoder is None:
        yield f"encoder {options.encoder.type}", "--encoder kl"
    if decoder is None:
        yield f"decoder {options.decoder.type}", "--decoder kl"
    if encoder is not None and decoder is not None and encoder.config != decoder.config:
        names = encoder.config.keys() | decoder.config.keys()
        other = {name for name in names if encoder.config.get(name) != decoder.config.get(name)}
        ours = sorted({_OWN_NAMES.get(name, name) for name in other})
        flags = (f"--encoder-{name} and --decoder-{name}" for name in ours)
        yield f"halves of unequal {', '.join(ours)}", f"the same values of {', '.join(flags)}"
    if not model.latent.is_spatial:
        yield "latents that are rows of numbers", "--latent-channels 4"
    if model.posterior.distribution.form != "normal":
        yield f"posterior {options.posterior.type}", "--posterior diagonal-normal"
    if options.likelihood.logits or options.likelihood.decoder_channels(channels) != channels:
        yield f"likelihood {options.likelihood.type}", "--likelihood gaussian"


def export_diffusers(run: Run, model: Autoencoder, images: PixelArray) -> DiffusersFolder:
    """The folder of a run's model, which is on the CPU in float32.

    ``images`` (N, H, W, C): real ones, at least one, as `export_onnx` takes them; their latents
    also give scaling_factor and shift_factor. Raises ConfigError for a model that is no
    AutoencoderKL, ParityError where AutoencoderKL computes something else than the model.
    """
    from diffusers import AutoencoderKL

    encoder, decoder = kl_halves(run, model)
    ours = halves_of(model, images)
    config = _config(model, encoder, ours[0])
    network = AutoencoderKL(**config)
    network.load_state_dict(
        {f"encoder.{name}": value for name, value in _with_heads(encoder.weights, model).items()}
        | {f"decoder.{name}": value for name, value in decoder.weights.items()}
    )
    with tempfile.TemporaryDirectory() as folder:
        network.save_pretrained(folder)
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
        theirs = AutoencoderKL.from_pretrained(
            folder, local_files_only=True, low_cpu_mem_usage=False
        )
    fix = "train with finite weights, or report this with the version of diffusers"
    what = f"{run.path}: AutoencoderKL's"
    encoder_part, decoder_part = (
        KlPart(half.part, half.difference(compute, what, fix))
        for half, compute in zip(ours, _halves(theirs, model, encoder.borders), strict=True)
    )
    readme = _readme(run, model, encoder.borders, min(len(images), len(ours[0].rows)))
    return DiffusersFolder({**files, "README.md": readme}, (encoder_part, decoder_part))


def _config(model: Autoencoder, half: KlHalf, encoder: Half) -> dict[str, object]:
    """The options of AutoencoderKL."""
    height, width, channels = model.image_shape
    left, right, top, bottom = half.borders
    return {
        **half.config,
        "in_channels": channels,
        "out_channels": channels,
        "latent_channels": model.latent.shape[0],
        "sample_size": max(height + top + bottom, width + left + right),
        "use_quant_conv": False,
        "use_post_quant_conv": False,
        **_scale(encoder.expected),
    }


def _scale(q: Mapping[str, np.ndarray]) -> dict[str, float]:
    """With which (z − shift) · scaling has mean 0 and variance 1 over all numbers of the latents z
    that are drawn from q(z|x) of the images: Var z = Var μ + E σ². Of six digits.
    """
    mu, log_var = (q[name].astype(np.float64) for name in ("mu", "log_var"))
    deviation = float(np.sqrt(mu.var() + np.exp(log_var).mean()))
    found = {"scaling_factor": 1 / deviation, "shift_factor": float(mu.mean())}
    return {name: float(f"{value:.6g}") for name, value in found.items()}


def _with_heads(weights: Mapping[str, Tensor], model: Autoencoder) -> dict[str, Tensor]:
    """The encoder's, whose last convolution is one with the heads of mean and log variance."""
    heads = model.posterior.heads.state_dict()
    matrix = torch.cat([heads[f"{name}.weight"].flatten(1) for name in ("mu", "log_var")]).double()
    bias = torch.cat([heads[f"{name}.bias"] for name in ("mu", "log_var")]).double()
    last = {name: weights[f"conv_out.{name}"].double() for name in ("weight", "bias")}
    return {
        **weights,
        "conv_out.weight": torch.einsum("om,mcij->ocij", matrix, last["weight"]).float(),
        "conv_out.bias": (matrix @ last["bias"] + bias).float(),
    }


def _halves(
    network: "AutoencoderKL", model: Autoencoder, borders: tuple[int, int, int, int]
) -> tuple[Callable[[dict[str, np.ndarray]], list[np.ndarray]], ...]:
    """What AutoencoderKL makes of images and of latents, as ``halves`` has both."""
    left, _, top, _ = borders
    height, width, _ = model.image_shape

    def encode(images: Tensor) -> list[Tensor]:
        q = network.encode(2 * F.pad(images, borders, mode="replicate") - 1).latent_dist
        return [q.mean.flatten(1), q.logvar.flatten(1)]

    def decode(latents: Tensor) -> list[Tensor]:
        images = network.decode(model.latent.shaped(latents)).sample / 2 + 0.5
        return [images[:, :, top : top + height, left : left + width].clamp(0, 1)]

    def in_parts(compute: Callable[[Tensor], list[Tensor]]) -> Callable[..., list[np.ndarray]]:
        @torch.no_grad()
        def of_rows(given: dict[str, np.ndarray]) -> list[np.ndarray]:
            (rows,) = given.values()
            parts = [compute(part) for part in torch.from_numpy(rows).split(ROWS)]
            return [torch.cat(each).numpy() for each in zip(*parts, strict=True)]

        return of_rows

    return in_parts(encode), in_parts(decode)


def _readme(run: Run, model: Autoencoder, borders: tuple[int, int, int, int], images: int) -> bytes:
    """How the folder is used, in Markdown. Nothing of when or where it was made."""
    height, width, channels = model.image_shape
    left, _, top, _ = borders
    pad, cut = [], []
    if any(borders):
        pad = [f'x = F.pad(x, {borders}, mode="replicate")']
        cut = [f"images = images[:, :, {top} : {top + height}, {left} : {left + width}]"]
    lines = [
        f"{DIFFUSERS_FOLDER.begins.decode()}---",
        f"# {as_markdown(title_of(run.config))}, as an AutoencoderKL",
        "",
        f"Written by reparam {__version__}. It reads and gives pixels in [-1, 1]; images are "
        f"{height} × {width} pixels (height × width) of {channels} "
        f"channel{'s' if channels > 1 else ''}.",
        "",
        "```python",
        *(["import torch.nn.functional as F"] if pad else []),
        "from diffusers import AutoencoderKL",
        "",
        'vae = AutoencoderKL.from_pretrained("FOLDER")',
        f"x = 2 * images - 1  # images (B, {channels}, {height}, {width}) in [0, 1]",
        *pad,
        "z = vae.encode(x).latent_dist.mean  # or .sample()",
        "images = (vae.decode(z).sample / 2 + 0.5).clamp(0, 1)",
        *cut,
        "```",
        "",
        "In config.json, `(z - shift_factor) * scaling_factor` has mean 0 and variance 1 over all",
        f"numbers of latents z that are sampled for {images} held-out images. Pipelines that know",
        "no shift_factor read scaling_factor alone.",
        "",
    ]
    return "\n".join(lines).encode()

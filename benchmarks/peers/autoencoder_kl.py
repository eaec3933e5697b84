"""diffusers' AutoencoderKL, trained from scratch, with as many numbers in a latent as the job says.

Levels of 32, 64, 128, 128, ... channels, one residual block each (two in the decoder), attention at
the lowest one: a small one, for a CPU. Squared error summed over the picture + weight · KL, where
1e-6 is the weight of the latent diffusion models (Rombach et al. 2022); Adam.
"""

import argparse
from collections.abc import Sequence

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional as F

from peers.picture_job import PictureJob, PictureReply
from peers.timed import PictureVAE, fit

PACKAGES = ("diffusers", "torch")

CHANNELS = (32, 64, 128)
"""Of the first levels; further ones have as many as the last."""
BATCH_SIZE = 16


def grid(shape: tuple[int, int, int], latents: int) -> tuple[int, int]:
    """Levels and channels of the latent for pictures of that height, width and channels.

    The fewest levels, three or more, that halve the picture down to at most ``latents`` positions,
    or as many as it can be halved by; the latent is never smaller than ``latents``. Raises
    ValueError for a picture that cannot be halved twice.
    """
    height, width, _ = shape
    levels = 1
    while height % 2 == width % 2 == 0 and (levels < len(CHANNELS) or height * width > latents):
        height, width, levels = height // 2, width // 2, levels + 1
    if levels < len(CHANNELS):
        raise ValueError(f"sides must be multiples of 4, found {shape[0]} × {shape[1]} pixels")
    return levels, -(-latents // (height * width))


class SmallAutoencoderKL(PictureVAE):
    """For pictures (B, C, H, W) whose sides can be halved at every level but the first."""

    def __init__(self, shape: tuple[int, int, int], latents: int, kl_weight: float) -> None:
        super().__init__()
        levels, channels = grid(shape, latents)
        factor = 2 ** (levels - 1)
        self.latents = channels * (shape[0] // factor) * (shape[1] // factor)
        self.kl_weight = kl_weight
        self.model = AutoencoderKL(
            in_channels=shape[2],
            out_channels=shape[2],
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=CHANNELS + CHANNELS[-1:] * (levels - len(CHANNELS)),
            latent_channels=channels,
        )

    def forward(self, x: Tensor) -> Tensor:
        q = self.model.encode(2 * x - 1).latent_dist
        found = self.decode(q.sample()).float()
        squared_error = F.mse_loss(found, x, reduction="sum")
        return squared_error / len(x) + self.kl_weight * q.kl().float().mean()

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        q = self.model.encode(2 * x - 1).latent_dist
        return q.mean, q.std

    def decode(self, z: Tensor) -> Tensor:
        return (self.model.decode(z).sample + 1) / 2


def train(job: PictureJob) -> PictureReply:
    options = options_of(job.words)
    torch.manual_seed(job.seed)
    _, *shape = job.held_out_pixels().shape
    model = SmallAutoencoderKL(tuple(shape), job.latents, options.kl_weight)
    return fit(model, job, BATCH_SIZE, options.learning_rate)


def options_of(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kl-weight", type=float, default=1e-6)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    return parser.parse_args(list(words))

"""The loop of the PyTorch peers of pictures.py: as tutorials have it, until the time is over."""

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from memory import peak_bytes
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from peers.network import parameter_count
from peers.picture_job import PictureJob, PictureReply

BATCH = 64
"""Pictures reconstructed at once."""

TRIED_STEPS = 3

WEIGHTS = "weights.pt"


class PictureVAE(nn.Module, ABC):
    """A VAE whose forward is its loss, the mean over the batch of pictures (B, C, H, W)."""

    latents: int

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor: ...

    @abstractmethod
    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of z, each (B, ...)."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor: ...

    def reconstruct(self, x: Tensor) -> Tensor:
        """decode(the posterior's mean), without sampling."""
        return self.decode(self.posterior(x)[0])


def floats(pixels: np.ndarray) -> Tensor:
    """Bytes (N, H, W, C) as pixels in [0, 1], (N, C, H, W)."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float() / 255


def fit(model: PictureVAE, job: PictureJob, batch_size: int, learning_rate: float) -> PictureReply:
    """Adam, in float32 or bfloat16, whichever is faster here; saves the reconstructions.

    The seconds begin with the first step: neither imports nor reading the pictures are in them,
    nor the trial of both precisions. The last weights are taken.
    """
    images = floats(job.training_pixels())
    size = min(batch_size, len(images))
    loader = DataLoader(TensorDataset(images), size, shuffle=True, drop_last=True)
    model.train()
    bfloat16 = faster_in_bfloat16(model, images[:size], learning_rate)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < job.seconds:
        for (x,) in loader:
            step(model, optimizer, x, bfloat16)
            steps += 1
            if time.perf_counter() - began >= job.seconds:
                break
    seconds = time.perf_counter() - began
    peak = peak_bytes()
    job.save(reconstructions(model, job.held_out_pixels()))
    torch.save(model.state_dict(), Path(job.out) / WEIGHTS)  # for autoencoder_kl_refined.py
    return PictureReply(
        seconds=seconds,
        epochs=steps / len(loader),
        images=steps * size,
        parameters=parameter_count(model),
        latents=model.latents,
        peak_bytes=peak,
        precision="bfloat16" if bfloat16 else "float32",
    )


def step(model: PictureVAE, optimizer: torch.optim.Optimizer, x: Tensor, bfloat16: bool) -> None:
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        loss = model(x)
    loss.backward()
    optimizer.step()


def faster_in_bfloat16(model: PictureVAE, x: Tensor, learning_rate: float) -> bool:
    """Whether a few steps of a copy take less time under autocast than in float32."""
    seconds = []
    for bfloat16 in (False, True):
        tried = copy.deepcopy(model)
        optimizer = torch.optim.Adam(tried.parameters(), lr=learning_rate)
        step(tried, optimizer, x, bfloat16)  # warms up
        began = time.perf_counter()
        for _ in range(TRIED_STEPS):
            step(tried, optimizer, x, bfloat16)
        seconds.append(time.perf_counter() - began)
    return seconds[1] < seconds[0]


@torch.no_grad()
def reconstructions(
    model: PictureVAE, pixels: np.ndarray, of: Callable[[Tensor], Tensor] | None = None
) -> np.ndarray:
    """Bytes (N, H, W, C), in float32 arithmetic; ``of`` pictures, `PictureVAE.reconstruct`."""
    model.eval()
    one = of or model.reconstruct
    found = torch.cat([one(floats(x)) for x in np.split(pixels, cuts(len(pixels)))])
    rounded = (found.clamp(0, 1) * 255).round().to(torch.uint8)
    return rounded.permute(0, 2, 3, 1).contiguous().numpy()


def cuts(count: int) -> range:
    return range(BATCH, count, BATCH)

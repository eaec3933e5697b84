"""Latents that a fit is judged by."""

import torch
from jaxtyping import Float
from torch import Tensor

from reparam.types import Latents

HELD_OUT = 0.1


def split_latents(z: Latents, seed: int) -> tuple[Float[Tensor, "own d"], Float[Tensor, "held d"]]:
    """Nine tenths and one tenth (at least two) of the latents, at random by the seed."""
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed)).to(z.device)
    count = max(2, round(HELD_OUT * len(z)))
    return z[order[count:]], z[order[:count]]

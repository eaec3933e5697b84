"""Blurred copies of training images: decoders blur, and a judge has to read what they draw."""

import torch
from torch.nn import functional as F

from reparam.types import Images, PerExample


def blurred(x: Images, sigma: PerExample) -> Images:
    """Each image under a Gaussian of its own standard deviation, in pixels; 0 changes nothing."""
    reach = max(1, int(3 * sigma.max().item()))
    steps = torch.arange(-reach, reach + 1, dtype=x.dtype)
    kernels = torch.exp(-0.5 * (steps / sigma[:, None].clamp_min(1e-3)).square())
    kernels = kernels / kernels.sum(1, keepdim=True)
    batch, channels, height, width = x.shape
    each = kernels.repeat_interleave(channels, 0)[:, None]
    flat = x.reshape(1, batch * channels, height, width)
    flat = F.conv2d(flat, each[:, :, :, None], padding=(reach, 0), groups=batch * channels)
    flat = F.conv2d(flat, each[:, :, None, :], padding=(0, reach), groups=batch * channels)
    return flat.reshape(x.shape)


def blurred_in_part(x: Images, share: float, most: float, generator: torch.Generator) -> Images:
    """The first ``share`` of the batch blurred, each by 0 to ``most`` pixels; the rest as it is."""
    count = int(share * len(x))
    if not count:
        return x
    sigma = most * torch.rand(count, generator=generator)
    return torch.cat([blurred(x[:count], sigma), x[count:]])

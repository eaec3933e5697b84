"""Noise for denoising autoencoders (Vincent et al. 2010, section 3.1)."""

import torch

from reparam.errors import ConfigError
from reparam.model import Noise, normal, uniform
from reparam.types import Images


def corrupt(x: Images, kind: str, amount: float, generator: Noise = None) -> Images:
    """A noisy copy of ``x``, pixels kept in [0, 1].

    gaussian: adds N(0, amount²); masking: sets a share ``amount`` of the pixels to 0;
    salt-and-pepper: sets that share to 0 or 1 with equal chance. Pixels of a colour image are
    masked or peppered in all channels at once. Raises ConfigError for an unknown kind.
    """
    if kind == "none":
        return x
    if kind == "gaussian":
        return (x + amount * normal(x.shape, generator, x)).clamp(0, 1)
    if kind not in ("masking", "salt-and-pepper"):
        raise ConfigError(
            f"corrupt must be none, gaussian, masking or salt-and-pepper, got {kind!r}. Fix: "
            "choose one"
        )
    u = uniform(x[:, :1].shape, generator, x)
    if kind == "masking":
        return x * (u >= amount)
    return torch.where(u < amount / 2, 0.0, torch.where(u < amount, 1.0, x))

"""What ``kl`` networks are made of. Layers are named as in diffusers, as far as they can be."""

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from reparam.model.networks.layers import Maps, NewMaps, SameConv2d
from reparam.model.networks.residual_blocks import Conv3x3, Norm, ResidualBlock, SelfAttention


class Level(nn.Module):
    """Blocks at one size, and the change to the next one, if there is one."""

    def __init__(self, blocks: Sequence[nn.Module], change: nn.Module | None) -> None:
        super().__init__()
        self.resnets = nn.Sequential(*blocks)
        self.change = nn.Identity() if change is None else change

    def forward(self, x: Maps) -> NewMaps:
        return self.change(self.resnets(x))


class Middle(nn.Module):
    """Two blocks at the smallest size, and self-attention between them."""

    def __init__(self, channels: int, norm: Norm, *, attention: bool) -> None:
        super().__init__()
        first, second = (ResidualBlock(channels, 0.0, norm=norm) for _ in range(2))
        between = [SelfAttention(channels, norm)] if attention else []
        self.resnets, self.attentions = nn.ModuleList([first, second]), nn.Sequential(*between)

    def forward(self, x: Maps) -> Maps:
        first, second = self.resnets
        return second(self.attentions(first(x)))


class Shrink(nn.Module):
    """Half the sides, by a convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = SameConv2d(channels, channels, 3, 2)

    def forward(self, x: Maps) -> NewMaps:
        return self.conv(x)


class Enlarge(nn.Module):
    """Twice the sides: every value four times, and a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv3x3(channels, channels)

    def forward(self, x: Maps) -> NewMaps:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


def diffusers_weights(network: nn.Module, levels: str, change: str) -> Mapping[str, Tensor]:
    """The weights of an encoder or a decoder by diffusers' names, detached.

    ``levels``, ``change``: what it calls the levels, and a level's change of size.
    """
    found: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        name = re.sub(r"^levels\.", f"{levels}.", name)
        name = name.replace(".change.", f".{change}.0.").replace(".shortcut.", ".conv_shortcut.")
        start, is_attention, layer = name.rpartition("attentions.0.")
        if not is_attention:
            found[name] = value
            continue
        part, _, kind = layer.rpartition(".")
        theirs = {"norm": ["group_norm"], "read": ["to_q", "to_k", "to_v"], "write": ["to_out.0"]}
        value = value.flatten(1) if value.ndim == 4 else value  # 1 × 1 convolutions, there dense
        for theirs_name, each in zip(theirs[part], value.chunk(len(theirs[part])), strict=True):
            found[f"{start}attentions.0.{theirs_name}.{kind}"] = each
    return found

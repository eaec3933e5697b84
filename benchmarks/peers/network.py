"""The article's VAE in plain PyTorch, as common tutorials write it: for every PyTorch peer.

Convolutions have padding=1, transposed ones of stride 2 also output_padding=1. Keras' "same"
padding of stride 2 puts its zero on the other side; the two are the same network up to a mirror
image of pictures and kernels (tests/benchmarks/test_network.py), with the same arithmetic.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from peers.job import FACTOR, SLOPE


def after(channels: int, batch_norm: bool, dropout: float, norm_first: bool) -> list[nn.Module]:
    """What follows a convolution. Keras' batch norm has ε = 1e-3 and momentum 0.99."""
    layers: list[nn.Module] = [nn.LeakyReLU(SLOPE)]
    if batch_norm:
        norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
        layers.insert(0 if norm_first else 1, norm)
    if dropout:
        layers.append(nn.Dropout(dropout))
    return layers


class Encoder(nn.Module):
    """Images (B, 1, 28, 28) → mu and log_var, each (B, 2)."""

    def __init__(self, batch_norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for filters, stride in zip((32, 64, 64, 64), (1, 2, 2, 1), strict=True):
            layers.append(nn.Conv2d(channels, filters, 3, stride, padding=1))
            layers += after(filters, batch_norm, dropout, norm_first=True)
            channels = filters
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.mu = nn.Linear(64 * 7 * 7, 2)
        self.log_var = nn.Linear(64 * 7 * 7, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.features(x)
        return self.mu(h), self.log_var(h)


class Decoder(nn.Module):
    """Latents (B, 2) → images (B, 1, 28, 28)."""

    def __init__(self, batch_norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(2, 64 * 7 * 7), nn.Unflatten(1, (64, 7, 7))]
        channels = 64
        for filters, stride in zip((64, 64, 32), (1, 2, 2), strict=True):
            layers.append(
                nn.ConvTranspose2d(
                    channels, filters, 3, stride, padding=1, output_padding=stride - 1
                )
            )
            layers += after(filters, batch_norm, dropout, norm_first=False)
            channels = filters
        layers += [nn.ConvTranspose2d(channels, 1, 3, padding=1), nn.Sigmoid()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class VAE(nn.Module):
    """Encoder, a sample, decoder."""

    def __init__(self, batch_norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = Encoder(batch_norm, dropout)
        self.decoder = Decoder(batch_norm, dropout)

    def loss(self, x: Tensor) -> Tensor:
        """1000 · MSE + KL, the mean over the batch."""
        mu, log_var = self.encoder(x)
        z = mu + torch.exp(log_var / 2) * torch.randn_like(mu)
        mse = F.mse_loss(self.decoder(z), x)
        kl = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(1).mean()
        return FACTOR * mse + kl


def parameter_count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())

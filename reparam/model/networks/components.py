"""Principal components of the training images: a linear code that networks begin from.

The best linear autoencoder is known in closed form, so nothing of it has to be learned by gradient
steps: the maximum-likelihood solution of probabilistic PCA (Tipping & Bishop 1999, section 3.2),
which is also the optimum of a linear VAE (Lucas et al. 2019, section 4). Networks that stand beside
it learn what it leaves.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from reparam.types import Images

SIDE = 64
"""Pixels of the longer side from which on components are those of smaller images, by means of
blocks: what is finer is the networks'."""

ROUNDING = (1 / 255) ** 2 / 12
"""Variance that pixels of 8 bits have by rounding alone: what varies less is nothing."""

OVERSAMPLED = 16
"""More directions than are wanted, which the randomised decomposition needs to be exact enough
(Halko et al. 2011, section 1.3, take 5 to 10)."""

Codes = Float[Tensor, "B k"]


@dataclass(frozen=True)
class PrincipalComponents:
    """Of images of C × h × w values: x ≈ mean + Σ √λ · code · direction."""

    mean: Float[Tensor, "C h w"]
    directions: Float[Tensor, "k n"]
    """Of norm 1, by falling variance; zero where there are fewer than were asked for."""
    variances: Float[Tensor, " k"]
    """λ of the images along each direction."""
    noise_variance: float
    """σ²: the mean variance along the other directions."""

    @property
    def posterior_variance(self) -> Float[Tensor, " k"]:
        """Of the posterior of each number of the code, whose prior is N(0, 1): σ²/λ, at most 1
        (Tipping & Bishop 1999, eq. 7).
        """
        return torch.where(
            self.variances > self.noise_variance, self.noise_variance / self.variances, 1.0
        )


def principal_components(images: Images, count: int) -> PrincipalComponents:
    """The first ``count`` of images that are as small as ``Components`` makes them.

    By a randomised decomposition, from torch's global random state.
    """
    flat = images.flatten(1)
    mean = flat.mean(0)
    flat = flat - mean
    wanted = min(count, len(flat) - 1, flat.shape[1])
    total = flat.square().sum().item() / len(flat)
    directions, variances = flat.new_zeros(count, flat.shape[1]), flat.new_zeros(count)
    if wanted > 0:
        rank = min(wanted + OVERSAMPLED, *flat.shape)
        _, values, found = torch.svd_lowrank(flat, q=rank, niter=4)
        directions[:wanted] = found.T[:wanted]
        variances[:wanted] = values[:wanted].square() / len(flat)
    noise_variance = (total - variances.sum().item()) / max(flat.shape[1] - wanted, 1)
    noise_variance = max(noise_variance, ROUNDING)
    return PrincipalComponents(mean.view(images.shape[1:]), directions, variances, noise_variance)


class Components(nn.Module):
    """Images (B, C, H, W) ↔ the first ``count`` numbers of a linear code (B, count), about N(0, I).

    Fixed: found before training (``set``), and never moved by a gradient. Before that its codes are
    zero and its images black.
    """

    mean: Tensor
    directions: Tensor
    reads: Tensor
    writes: Tensor

    def __init__(self, image_shape: tuple[int, int, int], count: int) -> None:
        super().__init__()
        self.label = f"principal components, {count}"
        height, width, channels = self.image_shape = image_shape
        self.block = -(-max(height, width) // SIDE)
        small = (channels, -(-height // self.block), -(-width // self.block))
        self.register_buffer("mean", torch.zeros(small))
        self.register_buffer("directions", torch.zeros(count, math.prod(small)))
        self.register_buffer("reads", torch.zeros(count))
        self.register_buffer("writes", torch.zeros(count))

    def __len__(self) -> int:
        return len(self.reads)

    def set(self, found: PrincipalComponents) -> None:
        """Takes these, the first of them where they are more."""
        count = len(self)
        variances = found.variances[:count]
        self.mean.copy_(found.mean)
        self.directions.copy_(found.directions[:count])
        kept = (variances - found.noise_variance).clamp(min=0).sqrt()
        self.writes.copy_(kept)
        self.reads.copy_(torch.where(kept > 0, kept / variances, 0.0))

    def shrink(self, x: Images) -> Float[Tensor, "B C h w"]:
        """Means of blocks; where a side is no multiple of theirs, its last pixel is repeated."""
        if self.block == 1:
            return x
        _, height, width = self.mean.shape
        more = (width * self.block - int(x.shape[3]), height * self.block - int(x.shape[2]))
        return F.avg_pool2d(F.pad(x, (0, more[0], 0, more[1]), mode="replicate"), self.block)

    def encode(self, x: Images) -> Codes:
        """The mean of the code's posterior."""
        rows = (self.shrink(x) - self.mean).flatten(1)
        # With a bias ONNX takes the directions as they are. Without, a file that also decodes has
        # them twice: once transposed.
        bias = self.directions.new_zeros(len(self))
        return F.linear(rows, self.directions, bias).float() * self.reads

    def decode(self, codes: Codes) -> Images:
        """The image of a code, also beyond [0, 1]."""
        rows = F.linear(codes * self.writes, self.directions.T).float()
        small = self.mean + rows.unflatten(1, self.mean.shape)
        if self.block == 1:
            return small
        height, width, _ = self.image_shape
        large = F.interpolate(small, scale_factor=self.block, mode="bilinear")
        return large[:, :, :height, :width]

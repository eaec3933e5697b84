"""A convolutional VAE as PyTorch tutorials write it.

Convolutions of 32, 64, 128 and 256 filters, kernel 3 and stride 2, each with batch norm and
LeakyReLU; a dense layer to 128 means and log-variances; the mirror image of it as decoder, and a
sigmoid. Squared error summed over the picture + KL (β = 1), Adam at 1e-3, 64 pictures a step.
The latent has as many numbers as the job says, if it says so.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from peers.picture_job import PictureJob, PictureReply
from peers.timed import PictureVAE, fit

PACKAGES = ("torch",)

FILTERS = (32, 64, 128, 256)
LATENTS = 128
BATCH_SIZE = 64
LEARNING_RATE = 1e-3


class TutorialVAE(PictureVAE):
    """For pictures (B, C, H, W) of any size."""

    def __init__(self, shape: tuple[int, int, int], latents: int = LATENTS) -> None:
        """``shape``: height, width, channels."""
        super().__init__()
        self.latents = latents
        sizes, channels = [shape[:2]], shape[2]
        encoder: list[nn.Module] = []
        for filters in FILTERS:
            encoder += [nn.Conv2d(channels, filters, 3, 2, padding=1), *after(filters)]
            sizes.append(tuple(-(-side // 2) for side in sizes[-1]))
            channels = filters
        top = (FILTERS[-1], *sizes[-1])
        flat = top[0] * top[1] * top[2]
        self.encoder = nn.Sequential(*encoder, nn.Flatten())
        self.mu, self.log_var = nn.Linear(flat, latents), nn.Linear(flat, latents)
        decoder: list[nn.Module] = [nn.Linear(latents, flat), nn.Unflatten(1, top)]
        for filters, size in zip((*FILTERS[-2::-1], FILTERS[0]), sizes[-2::-1], strict=True):
            more = tuple((side + 1) % 2 for side in size)  # 2 · ceil(side / 2) - 1, or one more
            decoder.append(nn.ConvTranspose2d(channels, filters, 3, 2, 1, output_padding=more))
            decoder += after(filters)
            channels = filters
        self.decoder = nn.Sequential(
            *decoder, nn.Conv2d(channels, shape[2], 3, padding=1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(x)
        mu, log_var = self.mu(h).float(), self.log_var(h).float()
        found = self.decoder(mu + torch.exp(log_var / 2) * torch.randn_like(mu)).float()
        squared_error = F.mse_loss(found, x, reduction="sum")
        kl = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum()
        return (squared_error + kl) / len(x)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(x)
        return self.mu(h), torch.exp(self.log_var(h) / 2)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)


def after(filters: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(filters), nn.LeakyReLU()]


def train(job: PictureJob) -> PictureReply:
    torch.manual_seed(job.seed)
    _, *shape = job.held_out_pixels().shape
    model = TutorialVAE(tuple(shape), job.latents or LATENTS)
    return fit(model, job, BATCH_SIZE, LEARNING_RATE)

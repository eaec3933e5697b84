"""The finished training of ``autoencoder_kl`` again, with latents moved as `--refine 20` does.

Adam from the posterior's mean on, each picture by itself, its z of least squared error kept. Ours
moves in units of the posterior's deviation, which is hardly anything at KL × 1e-6: so the unit is a
share of the latents' root mean square, of SHARES the one that is best for training pictures. The
seconds are those of the training and of these reconstructions, without that choice.
"""

import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from peers.autoencoder_kl import PACKAGES, SmallAutoencoderKL, options_of
from peers.picture_job import RECORD, PictureJob, PictureReply
from peers.timed import WEIGHTS, PictureVAE, floats, reconstructions

__all__ = ["PACKAGES", "train"]

STEPS = 20
RATE = 2.0
"""Of Adam at first; it falls to 0 in a line."""

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
TRIED = 64


def refined(model: PictureVAE, x: Tensor, share: float, steps: int = STEPS) -> Tensor:
    """The decoding of the best z of each picture (B, C, H, W), which is never a worse one than the
    posterior's mean."""
    start, _ = model.posterior(x)
    scale = share * start.square().mean().sqrt()
    moved = torch.zeros_like(start, requires_grad=True)
    adam = torch.optim.Adam([moved], RATE)
    least, best = torch.full((len(x),), torch.inf), torch.zeros_like(x)
    for step in range(steps + 1):
        with torch.enable_grad():
            found = model.decode(start + scale * moved)
            error = (found.clamp(0, 1) - x).square().sum((1, 2, 3))
            if step < steps:
                (moved.grad,) = torch.autograd.grad(error.sum(), moved)
        better = error.detach() < least
        least = torch.where(better, error.detach(), least)
        best = torch.where(better[:, None, None, None], found.detach(), best)
        adam.param_groups[0]["lr"] = RATE * (1 - step / steps)
        adam.step()
    return best


def train(job: PictureJob) -> PictureReply:
    origin = Path(job.origin)
    found = PictureReply(**json.loads((origin / RECORD).read_text("utf-8"))["reply"])
    _, *shape = job.held_out_pixels().shape
    model = SmallAutoencoderKL(tuple(shape), job.latents, options_of(job.words).kl_weight)
    model.load_state_dict(torch.load(origin / WEIGHTS, weights_only=True))
    model.eval()
    tried = floats(job.training_pixels()[:TRIED])
    with torch.no_grad():
        errors = {s: (refined(model, tried, s) - tried).square().mean().item() for s in SHARES}
    share = min(errors, key=errors.__getitem__)
    began = time.perf_counter()
    job.save(reconstructions(model, job.held_out_pixels(), lambda x: refined(model, x, share)))
    return replace(found, seconds=found.seconds + time.perf_counter() - began)

"""Latents found by more than one look: the posterior's mean, moved by gradients of the decoder.

An encoder answers at once for any image, and pays for it: of most images, another z is decoded more
closely (the amortisation gap, Cremer et al. 2018, section 3). It begins a search that needs no
training (Kim et al. 2018, section 3, who train with it too).
"""

import torch

from reparam.model.autoencoder import Autoencoder
from reparam.types import Images, Labels, Latents

RATE = 2.0
"""Of Adam at first, in standard deviations of the posterior; it falls to 0 in a line."""

OF_A_POINT = 0.05
"""What stands for that deviation where the posterior is a point: so much of a latent's root mean
square."""


def refine(model: Autoencoder, x: Images, labels: Labels | None = None, *, steps: int) -> Latents:
    """z of each image (B, d): of ``steps`` steps of Adam from the posterior's mean on, the best.

    Best is the highest log p(x|z) + log p(z) of a VAE, the maximum a posteriori, and the highest
    log p(x|z) of an AE; so no image ends worse than its posterior's mean. Every image is searched
    by itself. The model should be in evaluation mode; its gradients are left alone.
    """
    with torch.no_grad():
        q = model.infer(x, labels)
        start = best = q.mean
        scale = OF_A_POINT * start.square().mean(1, keepdim=True).sqrt()
        if q.variance is not None:
            scale = q.variance.sqrt()
    moved = torch.zeros_like(start, requires_grad=True)
    adam = torch.optim.Adam([moved], RATE)
    highest = start.new_full((len(start),), -torch.inf)
    for step in range(steps + 1):
        with torch.enable_grad():
            z = q.nearest(start + scale * moved)
            value = model.pixels(z, labels).log_prob(x)
            if model.is_variational:
                value = value + model.prior.log_prob(z)
            loss = -value.sum()
        better = value.detach() > highest
        highest = torch.where(better, value.detach(), highest)
        best = torch.where(better[:, None], z.detach(), best)
        if step < steps:
            (slope,) = torch.autograd.grad(loss, moved)
            moved.grad = slope
            adam.param_groups[0]["lr"] = RATE * (1 - step / steps)
            adam.step()
    return best

"""log p(x) itself, estimated by importance sampling: what the ELBO only bounds."""

import math

import numpy as np
import torch
from jaxtyping import Float

from reparam.errors import ConfigError
from reparam.evaluation.inference import check_images
from reparam.model import Autoencoder, Distribution, from_bytes, in_batches
from reparam.types import Images, LabelArray, Labels, PixelArray

SAMPLES = 5000
"""As Burda et al. 2016 estimate their test figures."""

CHUNK_BYTES = 2**22
"""Of the images that are decoded at once: they should still lie in a cache when they are summed."""

PerImage = Float[np.ndarray, " N"]


def importance_weighted(
    model: Autoencoder,
    images: PixelArray,
    samples: int = SAMPLES,
    seed: int = 0,
    labels: LabelArray | None = None,
) -> PerImage:
    """log p̂(x) of each image in nats, float64 (N,): log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x).

    z_k ~ q(z|x), K = ``samples`` (Burda et al. 2016, eq. 8; Wu et al. 2017 on its use to compare
    models). Its mean over draws is a lower bound of log p(x) that rises with K; K = 1 is the ELBO.
    The network runs in float32, the sum over samples in float64, in parts that need a few
    megabytes whatever K is. The same seed gives the same figures on the same kind of device.

    A binary likelihood is meant for pixels that are 0 or 255: see ``binarised``. Raises ShapeError
    for images of another size, and ConfigError for a model without a distribution over latents
    (AE).
    """
    check_images(model, images)
    if not model.is_variational:
        raise ConfigError(
            "log p(x) needs a model with a distribution over latents, got an AE, whose posterior "
            "is a point. Fix: take a VAE"
        )
    if samples < 1:
        raise ConfigError(f"samples must be 1 or more, got {samples}. Fix: {SAMPLES} is usual")
    generator = torch.Generator(model.device).manual_seed(seed)

    def estimates(batch: torch.Tensor, classes: torch.Tensor | None) -> torch.Tensor:
        return log_mean_weights(model, from_bytes(batch), samples, generator, classes)

    return in_batches(model, images, estimates, None, labels).numpy()


def log_mean_weights(
    model: Autoencoder,
    x: Images,
    samples: int,
    generator: torch.Generator,
    labels: Labels | None = None,
) -> Float[torch.Tensor, " B"]:
    """The estimates for a batch of images, in float64 on the CPU: not every device has it."""
    at_once = max(1, CHUNK_BYTES // (4 * x[0].numel()))
    together = max(1, at_once // samples)  # images, where all samples of several fit
    found = []
    for start in range(0, len(x), together):
        rows = slice(start, start + together)
        few, classes = x[rows], None if labels is None else labels[rows]
        q = model.infer(few, classes)
        total = torch.full((len(few),), -torch.inf, dtype=torch.float64)
        for drawn in range(0, samples, at_once):
            k = min(at_once, samples - drawn)
            of_few = log_weights(model, few, q, k, generator, classes).cpu().double()
            total = torch.logaddexp(total, of_few.logsumexp(1))
        found.append(total - math.log(samples))
    return torch.cat(found)


def log_weights(
    model: Autoencoder,
    x: Images,
    q: Distribution,
    k: int,
    generator: torch.Generator,
    labels: Labels | None = None,
) -> Float[torch.Tensor, "B k"]:
    """log p(x|z) + log p(z) − log q(z|x) at k draws of z for each image."""
    many = q.repeated(k)
    z = many.rsample(generator)
    repeated = x.expand(k, *x.shape[1:]) if len(x) == 1 else x.repeat_interleave(k, 0)
    classes = None if labels is None else labels.repeat_interleave(k)
    log_p = model.pixels(z, classes).log_prob(repeated) + model.prior.log_prob(z)
    return (log_p - many.log_prob(z)).unflatten(0, (len(x), k))

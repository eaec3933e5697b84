"""The rows of the scorecard that compare images with what the model makes of them."""

import math

import numpy as np
import torch

from reparam.evaluation.binarising import binarised
from reparam.evaluation.denoising import add_noise
from reparam.evaluation.inference import as_floats, decode, reconstruct
from reparam.evaluation.likelihood import importance_weighted
from reparam.evaluation.measures.measured import Measured, absent, mean_of
from reparam.evaluation.measures.reconstruction import feature_distance, reconstruction_quality
from reparam.evaluation.scoring.subject import Part, Subject, encoded, posterior_at
from reparam.model import BATCH, from_bytes
from reparam.objective import ObjectiveConfig

NOISE = ObjectiveConfig(corrupt="gaussian", corrupt_amount=0.3)
NOISY_IMAGES = 2_000


def image_rows(of: Subject) -> dict[str, Measured]:
    """Reconstructions from z ~ q(z|x), noise removed, and likelihoods where there is one."""
    part = of.held_out
    decoded = decode(of.model, part.z)
    found = reconstruction_quality(
        decoded, as_floats(part.images), rng=of.rng("reconstruction quality")
    )
    found["feature_distance"] = feature_distance(
        of.judge.features(decoded), of.judge.features(part.images), rng=of.rng("feature distance")
    )
    return {**found, "noise_removed": _noise_removed(of), **_likelihoods(of)}


def _noise_removed(of: Subject) -> Measured:
    """PSNR of decode(encode(noisy)) against the clean image, over that of the noisy one, in dB."""
    clean = of.held_out.images
    if len(clean) > NOISY_IMAGES:  # not the first, which may be the neatest, as MNIST's are
        chosen = of.rng("noisy images").choice(len(clean), NOISY_IMAGES, replace=False)
        clean = clean[np.sort(chosen)]
    noisy = add_noise(clean, NOISE, of.torch_seed("noise"))
    gain = _psnr(reconstruct(of.model, noisy), clean) - _psnr(as_floats(noisy), clean)
    return mean_of(gain, of.rng("noise"), note="Gaussian noise of 0.3, z = mean q(z|noisy)")


def _psnr(found: np.ndarray, clean: np.ndarray) -> np.ndarray:
    squares = np.square(found - as_floats(clean)).reshape(len(clean), -1).mean(1)
    return -10 * np.log10(np.maximum(squares, 1e-12))


def _likelihoods(of: Subject) -> dict[str, Measured]:
    names = ("elbo", "log_likelihood", "bits_per_dimension")
    if of.held_out.log_var is None:
        return dict.fromkeys(names, absent("a point has no evidence lower bound"))
    part, note = of.held_out, ""
    if of.model.likelihood.name == "bernoulli":
        part, note = _black_and_white(of), "of images made black and white by one draw"
    elbo = _elbo(of, part)
    bound = mean_of(elbo, of.rng("elbo"), note=note)
    found = {
        "elbo": bound,
        "log_likelihood": absent("left out"),
        "bits_per_dimension": _bits(bound, of),
    }
    n, k = min(of.config.likelihood_images, len(elbo)), of.config.likelihood_samples
    if n:
        chosen = of.rng("likelihood images").choice(len(elbo), n, replace=False)
        log_p = importance_weighted(
            of.model, part.images[chosen], samples=k, seed=of.torch_seed("likelihood")
        )
        how = f"K = {k:,} latents for each of {n} images"
        found["log_likelihood"] = mean_of(
            log_p, of.rng("likelihood"), note=f"{how}, {note}" if note else how
        )
    return found


def _black_and_white(of: Subject) -> Part:
    """The held-out images drawn from Bernoulli(grey value), and what the encoder says of those.

    A Bernoulli likelihood of a grey pixel is no probability.
    """
    drawn = binarised(of.held_out.images, seed=of.torch_seed("black and white"))
    return encoded(of.model, drawn, of.held_out.labels, of.rng("black and white latents"))


def _elbo(of: Subject, part: Part) -> np.ndarray:
    """log p(x|z) − KL(q(z|x) ‖ p) of each image at its one z, in nats."""
    model = of.model
    q = posterior_at(part)
    values = []
    with torch.no_grad():
        rate = model.prior.kl(q, torch.from_numpy(part.z)).double()
        for start in range(0, len(part.z), BATCH):
            rows = slice(start, start + BATCH)
            x = from_bytes(torch.from_numpy(part.images[rows]))
            pixels = model.pixels(torch.from_numpy(part.z[rows]))
            values.append(pixels.log_prob(x).double())
    return (torch.cat(values) - rate).numpy()


def _bits(elbo: Measured, of: Subject) -> Measured:
    """Nats an image as bits a pixel and channel; low and high change sides."""
    scale = -1 / (math.prod(of.model.image_shape) * math.log(2))
    low, high = (None if v is None else v * scale for v in (elbo.high, elbo.low))
    value = None if elbo.value is None else elbo.value * scale
    return Measured(value, low, high, samples=elbo.samples, note=elbo.note)

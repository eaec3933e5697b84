"""The rows of the scorecard that compare images with what the model makes of them."""

from dataclasses import replace

import numpy as np
import torch

from reparam.data import Progress, from_bytes
from reparam.evaluation.binarising import binarised
from reparam.evaluation.denoising import noisy_batch
from reparam.evaluation.inference import as_floats, decoded_batches, reconstruct
from reparam.evaluation.likelihood import importance_sampled
from reparam.evaluation.measures.measured import Each, Measured, absent, mean_of, mean_with_control
from reparam.evaluation.measures.rate import rates
from reparam.evaluation.measures.reconstruction import feature_distance, reconstruction_quality
from reparam.evaluation.quality import joined, quality_of_each
from reparam.evaluation.scoring.catalogue import MEASURES
from reparam.evaluation.scoring.needs import lacking, omitted
from reparam.evaluation.scoring.real_features import RealFeatures
from reparam.evaluation.scoring.subject import Part, Subject, encoded
from reparam.model import rows_at_once
from reparam.objective import InputConfig
from reparam.types import Images, PixelArray

NOISE = InputConfig(corrupt="gaussian", corrupt_amount=0.3)
NOISY_IMAGES = 2_000


def image_rows(
    of: Subject, real: RealFeatures, progress: Progress | None = None
) -> dict[str, Measured]:
    """Reconstructions from z ~ q(z|x), noise removed, and likelihoods where there is one.

    ``progress`` is called with the number of images that have their likelihood.
    """
    quality, features, distances = [], [], []
    decoded = decoded_batches(of.model, of.held_out.z, of.held_out.read)
    for (_, originals), x in zip(of.held_out.batches(), decoded, strict=True):
        quality.append(quality_of_each(_channels_last(x), originals))
        features.append(of.judge.assess(x)[0].cpu().numpy())
        if real.own is not None:
            pictures = as_floats(originals).transpose(0, 3, 1, 2)
            distances.append(real.own.network.distances(pictures, x.cpu().numpy()))
    found = reconstruction_quality(joined(quality))
    found["feature_distance"] = feature_distance(
        np.concatenate(features), real.held_out, rng=of.rng("feature distance")
    )
    if real.own is not None:
        found["own_feature_distance"] = mean_of(
            np.concatenate(distances),
            note=f"features of {real.own.network.name}",
        )
    return {**found, "noise_removed": _noise_removed(of), **_likelihoods(of, progress)}


GIVEN = "given the class"
"""Of the likelihoods of a conditional model."""


def _channels_last(x: Images) -> np.ndarray:
    return x.permute(0, 2, 3, 1).cpu().numpy()


def _noise_removed(of: Subject) -> Measured:
    """PSNR of decode(encode(noisy)) against the clean image, over that of the noisy one, in dB."""
    part = of.held_out
    chosen = np.arange(len(part))
    if len(part) > NOISY_IMAGES:  # not the first, which may be the neatest, as MNIST's are
        chosen = np.sort(of.rng("noisy images").choice(len(part), NOISY_IMAGES, replace=False))
    generator = torch.Generator().manual_seed(of.torch_seed("noise"))
    most, gains = rows_at_once(of.model.image_shape), []
    for start in range(0, len(chosen), most):
        rows = chosen[start : start + most]
        clean, labels = part.pixels(rows), None if part.read is None else part.read[rows]
        noisy = noisy_batch(clean, NOISE, generator)
        again = reconstruct(of.model, noisy, labels)
        gains.append(_psnr(again, clean) - _psnr(as_floats(noisy), clean))
    return mean_of(
        np.concatenate(gains),
        note="Gaussian noise of 0.3, z = mean q(z|noisy)",
        at=chosen,
    )


def _psnr(found: np.ndarray, clean: PixelArray) -> np.ndarray:
    squares = np.square(found - as_floats(clean)).reshape(len(clean), -1).mean(1)
    return -10 * np.log10(np.maximum(squares, 1e-12))


def _likelihoods(of: Subject, progress: Progress | None) -> dict[str, Measured]:
    names = ("elbo", "log_likelihood", "bits_per_dimension")
    if without := omitted(names, lacking(of)):
        return without
    part, notes = of.held_out, []
    if of.model.likelihood.is_binary:
        part = _black_and_white(of)
        notes.append("of images made black and white by one draw")
    if of.model.classes:
        notes.append(GIVEN)
    note = "; ".join(notes)
    elbo = _elbo(of, part)
    bound = mean_of(elbo, note=note)
    found = {
        "elbo": bound,
        "log_likelihood": absent("omitted: --likelihood-images 0"),
        "bits_per_dimension": _bits(bound, of),
    }
    number = of.config.images_of_likelihood(of.model.image_shape)
    if number:
        found["log_likelihood"] = _log_likelihood(of, part, number, elbo, note, progress)
    return {name: replace(row, quantity=_quantity(of, name)) for name, row in found.items()}


def _quantity(of: Subject, name: str) -> str:
    """What a likelihood is of: black and white images have other ones than grey ones, a density is
    no probability (in bits it is as good as the probability of the 256 levels), and of a
    conditional model it is told the class.
    """
    what = _quantity_of_pixels(of, name)
    return f"{what}, {GIVEN}" if of.model.classes else what


def _quantity_of_pixels(of: Subject, name: str) -> str:
    likelihood = of.model.likelihood
    if likelihood.is_binary:
        return "probability of black and white images"
    if name == "bits_per_dimension":
        return "bits of the 256 levels"
    return "density of pixels" if likelihood.is_density else "probability of the 256 levels"


def _log_likelihood(
    of: Subject,
    part: Part,
    number: int,
    elbo: np.ndarray,
    note: str,
    progress: Progress | None,
) -> Measured:
    """log p̂ of ``number`` of the images, at random, with the ELBO, which all have, as a control."""
    n, config = min(number, len(elbo)), of.config
    order = of.rng("likelihood images").permutation(len(elbo))
    chosen, others = order[:n], order[n:]
    weighed = importance_sampled(
        of.model,
        part.pixels(chosen),
        samples=config.likelihood_samples,
        seed=of.torch_seed("likelihood"),
        labels=None if part.read is None else part.read[chosen],
        proposal=config.likelihood_proposal,
        progress=progress,
    )
    found = mean_with_control(weighed.log_p, weighed.elbo, elbo[others], at=chosen)
    size, few = weighed.effective, (weighed.effective < 10).mean()
    notes = [
        f"K = {config.likelihood_samples:,} latents for each of {n:,} images",
        f"effective sample size: median {np.median(size):.3g}, below 10 of {few:.0%}",
    ]
    if len(others):
        notes.insert(1, f"with the ELBO of {len(others):,} others")
    matters = MEASURES["log_likelihood"].matters
    if found.low is not None and found.high is not None and found.high - found.low > 2 * matters:
        notes.append(
            f"wider than {2 * matters:g} nat: decides no difference of {matters:g}, as "
            "`reparam score --against` does"
        )
    return replace(found, note=", ".join(filter(None, [*notes, note])))


def _black_and_white(of: Subject) -> Part:
    """The held-out images drawn from Bernoulli(grey value), and what the encoder says of those.

    A binary likelihood of a grey pixel is no probability.
    """
    part = of.held_out
    drawn = binarised(part.images, seed=of.torch_seed("black and white"), index=part.index)
    everything = np.arange(len(part))
    return encoded(of.model, drawn, part.read, everything, of.rng("black and white latents"))


def _elbo(of: Subject, part: Part) -> np.ndarray:
    """log p(x|z) − KL(q(z|x) ‖ p) of each image at its one z, in nats."""
    model, labels = of.model, part.read
    log_p = np.empty(len(part))
    for rows, pixels in part.batches():
        x = from_bytes(torch.from_numpy(pixels).to(model.device))
        z = torch.from_numpy(part.z[rows]).to(model.device)
        classes = None if labels is None else torch.from_numpy(labels[rows]).to(model.device)
        with torch.no_grad():
            log_p[rows] = model.pixels(z, classes).log_prob(x).cpu().double().numpy()
    return log_p - rates(part.q, part.z, of.prior)


def _bits(elbo: Measured, of: Subject) -> Measured:
    """Nats an image as bits a pixel and channel; low and high change sides."""
    bits = of.model.likelihood.bits_per_dim
    value, low, high = (None if v is None else bits(-v) for v in (elbo.value, elbo.high, elbo.low))
    each = None if elbo.each is None else Each(bits(-elbo.each.values), elbo.each.at)
    return Measured(value, low, high, samples=elbo.samples, note=elbo.note, each=each)

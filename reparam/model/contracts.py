"""Whether the parts of a model give what their contracts say, before anything is trained."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from reparam.errors import ConfigError, ShapeError, check_one_each
from reparam.model.autoencoder import Autoencoder, build_autoencoder, own_settings
from reparam.model.config import ModelConfig
from reparam.model.networks import ImageShape
from reparam.model.noise import SharedNoise
from reparam.model.priors import EncoderBound, Fittable, Prior, check_has_fit

ROWS = 3
"""Images that go through a model, and latents that are drawn."""


def check_parts(config: ModelConfig, image_shape: ImageShape) -> Autoencoder:
    """Builds the model, takes grey images through it and draws from its prior. Returns the model.

    A part that gives another shape than its contract says would else fail later, or only after
    training, as a prior's ``sample``. A prior that is fitted after training, or is made of the
    encoder's latents of training images, has nothing to draw from yet and is left out. Torch's
    global random state is as it was. Raises ShapeError and ConfigError, naming the part, and what
    the parts themselves raise.
    """
    with torch.random.fork_rng(devices=[]), own_settings(), torch.no_grad():
        model = build_autoencoder(config, image_shape).eval()
        decoded = _check_networks(model, config)
        _check_shape(
            f"decoder {config.decoder.type}",
            decoded,
            (ROWS, config.likelihood.decoder_channels(image_shape[2]), *image_shape[:2]),
        )
        pixels = model.likelihood(decoded)
        x = grey_images(image_shape)
        likelihood = f"likelihood {config.likelihood.type}"
        _check_shape(f"mean of {likelihood}", pixels.mean, x.shape)
        check_one_each(f"log_prob of {likelihood}", pixels.log_prob(x), ROWS)
        if config.prior.is_known_after_training:
            check_has_fit(model.prior, config.prior.type)
        _check_prior(model.prior, config.prior.type, model.latent_dim)
    return model


def grey_images(image_shape: ImageShape) -> Tensor:
    """ROWS of them (ROWS, C, H, W)."""
    height, width, channels = image_shape
    return torch.full((ROWS, channels, height, width), 0.5)


def has_density(prior: Prior) -> bool:
    """Whether it has one before training. One that is fitted afterwards, or is made of the
    encoder's latents of training images, has not.
    """
    later = isinstance(prior, Fittable) and not prior.fitted
    return not later and not any(isinstance(part, EncoderBound) for part in prior.modules())


def _check_networks(model: Autoencoder, config: ModelConfig) -> Tensor:
    """Encoder and posterior; what the decoder gives."""
    labels, latents = model.some_labels(ROWS), (ROWS, model.latent_dim)
    features = model.encoder(grey_images(model.image_shape), labels)
    shape = (ROWS, *model.encoder.feature_shape)
    _check_shape(f"encoder {config.encoder.type}", features, shape, "feature_shape, or what it")
    _check_numbers(f"encoder {config.encoder.type}", features)
    posterior = f"posterior {config.posterior.type}"
    q = model.posterior(features)
    _check_shape(f"mean of {posterior}", q.mean, latents)
    if q.variance is not None:
        _check_shape(f"variance of {posterior}", q.variance, latents)
    rows = "reparam.normal(shape, noise, like) or reparam.uniform"
    z = _drawn(f"rsample of {posterior}", lambda noise: q.draw(noise)[0], latents, rows)
    shared = SharedNoise(torch.Generator().manual_seed(0), 0, ROWS)
    try:
        again = q.draw(shared)[0]
    except TypeError:
        again = None
    if again is None or not torch.equal(z, again):
        raise ConfigError(
            f"rsample of {posterior} must take the noise that several processes, or parts of a "
            f"batch, share, got one that takes a torch.Generator alone. Fix: draw with {rows}"
        )
    if not q.is_point:
        log_q = q.draw(torch.Generator().manual_seed(0))[1]
        log_q = q.log_prob(z) if log_q is None else log_q
        check_one_each(f"log_prob of {posterior}", log_q, ROWS)
    return model.decoder(model.latent.below(z), labels)


def _check_prior(prior: Prior, name: str, latent_dim: int) -> None:
    if not has_density(prior):
        return

    def draw(generator: torch.Generator) -> Tensor:
        return prior.sample(ROWS, generator)

    z = _drawn(f"sample of prior {name}", draw, (ROWS, latent_dim))
    log_p = prior.log_prob(z)
    check_one_each(f"log_prob of prior {name}", log_p, ROWS)
    _check_numbers(f"log_prob of prior {name}", log_p)


def _check_numbers(what: str, values: Tensor) -> None:
    if values.isnan().any():
        raise ConfigError(f"{what} must give numbers, got NaN. Fix: correct it")


def _drawn(
    what: str,
    draw: Callable[[torch.Generator], Tensor],
    shape: Sequence[int],
    drawing: str = "torch.randn(..., generator=generator)",
) -> Tensor:
    """Latents of this shape, the same again from the same generator."""
    z, again = (draw(torch.Generator().manual_seed(0)) for _ in range(2))
    _check_shape(what, z, shape)
    if not z.isfinite().all():
        raise ConfigError(
            f"{what} must give finite numbers, got NaN or infinite ones. Fix: correct it"
        )
    if not torch.equal(z, again):
        raise ConfigError(
            f"{what} must take its random numbers from the generator that it is given, got others "
            f"for the same seed. Fix: pass it on, as in {drawing}"
        )
    return z


def _check_shape(what: str, values: object, shape: Sequence[int], fix: str = "what it") -> None:
    if not isinstance(values, Tensor):
        raise ShapeError(
            f"{what} must be a tensor of shape {tuple(shape)} for a batch of {ROWS}, got "
            f"{type(values).__name__}. Fix: return a torch tensor"
        )
    if tuple(values.shape) != tuple(shape):
        raise ShapeError(
            f"{what} must have the shape {tuple(shape)} for a batch of {ROWS}, got "
            f"{tuple(values.shape)}. Fix: correct {fix} returns"
        )

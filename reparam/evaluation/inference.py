"""A trained model on arrays: batched, in evaluation mode, without gradients.

Images go in as bytes (N, H, W, C) and come out as float32 pixels in [0, 1]; latents are float32
(N, d).
"""

import numpy as np
import torch
from jaxtyping import Float

from reparam.errors import ShapeError
from reparam.model import Autoencoder, from_bytes, in_batches
from reparam.types import LatentArray, PixelArray

FloatImages = Float[np.ndarray, "N H W C"]


def _channels_last(images: torch.Tensor) -> FloatImages:
    return np.ascontiguousarray(images.clamp(0, 1).permute(0, 2, 3, 1).numpy())


def check_images(model: Autoencoder, images: PixelArray) -> None:
    """Raises ShapeError when the images are not of the size that the model was trained on."""
    if images.shape[1:] != model.image_shape:
        expected, found = (
            " × ".join(map(str, shape)) for shape in (model.image_shape, images.shape[1:])
        )
        raise ShapeError(
            f"the model was trained on images of {expected} (height × width × channels), found "
            f"{found}: resize or convert them"
        )


def check_latents(model: Autoencoder, z: np.ndarray) -> None:
    """Raises ShapeError when the latents do not have the model's dimensions."""
    if z.ndim != 2 or z.shape[1] != model.latent_dim:
        raise ShapeError(
            f"the model's latents have {model.latent_dim} dimensions, found an array of shape "
            f"{z.shape}: give one row of {model.latent_dim} numbers for each latent"
        )


def posterior_parameters(model: Autoencoder, images: PixelArray) -> dict[str, LatentArray]:
    """mu, and log_var where there is one, of each image. Raises ShapeError for another size."""
    check_images(model, images)
    names = model.posterior_type.parameters
    stacked = in_batches(
        model,
        images,
        lambda batch: torch.stack([model.encoder(from_bytes(batch))[n] for n in names], 1),
    )
    return {name: stacked[:, i].numpy() for i, name in enumerate(names)}


def encode(model: Autoencoder, images: PixelArray) -> LatentArray:
    """The posterior's mean of each image. Raises ShapeError for images of another size."""
    check_images(model, images)
    return in_batches(model, images, lambda batch: model.encode(from_bytes(batch))).numpy()


def decode(model: Autoencoder, z: LatentArray) -> FloatImages:
    """The image that each latent decodes to. Raises ShapeError for latents of another size."""
    check_latents(model, z)
    return _channels_last(in_batches(model, np.asarray(z, np.float32), model.decode))


def reconstruct(model: Autoencoder, images: PixelArray) -> FloatImages:
    """decode(encode(images)), without sampling. Raises ShapeError for images of another size."""
    return decode(model, encode(model, images))


def sample_latents(model: Autoencoder, n: int, seed: int = 0) -> LatentArray:
    """n draws from the model's prior: fixed, learned, or fitted; else an AE's box, (N, d)."""
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        return model.prior.sample(n, generator).cpu().numpy()


def carry_noise(model: Autoencoder, u: LatentArray) -> LatentArray:
    """Standard normal noise as latents of the prior: u ~ N(0, I) gives z ~ p(z), (N, d)."""
    check_latents(model, u)
    device = next(model.parameters()).device
    with torch.no_grad():
        return model.prior.from_normal(torch.from_numpy(u).to(device)).cpu().numpy()


def prior_log_prob(model: Autoencoder, z: LatentArray) -> Float[np.ndarray, " N"]:
    """log p(z) under the model's prior, in nats; −∞ where the density is 0."""
    check_latents(model, z)
    device = next(model.parameters()).device
    with torch.no_grad():
        return model.prior.log_prob(torch.from_numpy(z).to(device)).cpu().numpy()


def as_bytes(images: FloatImages) -> PixelArray:
    """Pixels in [0, 1] as bytes."""
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


def as_floats(images: PixelArray) -> FloatImages:
    """Bytes as float32 pixels in [0, 1]."""
    return images.astype(np.float32) / np.float32(255)

"""A trained model on arrays: batched, in evaluation mode, without gradients.

Images go in as bytes (N, H, W, C) and come out as float32 pixels in [0, 1]; latents are float32
(N, d). ``labels`` (N,) are for conditional models; others ignore them. Everything is computed on
the model's device.
"""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float

from reparam.data import Progress, from_bytes, to_bytes
from reparam.errors import ConfigError, DataRangeError, ShapeError, check_bytes
from reparam.model import (
    Autoencoder,
    Distribution,
    NoiseMap,
    Prior,
    each_batch,
    in_batches,
    labels_of,
    refine,
    rows_at_once,
)
from reparam.types import Images, LabelArray, LatentArray, PixelArray

FloatImages = Float[np.ndarray, "N H W C"]

WITH_GRADIENTS = 8
"""Times the memory that an image takes with its gradients."""


def check_images(model: Autoencoder, images: PixelArray) -> None:
    """Raises DataError for images that are no bytes, and ShapeError when they are not of the size
    that the model was trained on.
    """
    check_bytes(images)
    if images.shape[1:] != model.image_shape:
        expected, found = (
            " × ".join(map(str, shape)) for shape in (model.image_shape, images.shape[1:])
        )
        raise ShapeError(
            f"images must be {expected} (height × width × channels), as in training, got {found}. "
            "Fix: resize or convert them"
        )


def check_latents(model: Autoencoder, z: np.ndarray) -> None:
    """Raises ShapeError when the latents do not have the model's dimensions, and DataRangeError
    for NaN and infinite ones.
    """
    if z.ndim != 2 or z.shape[1] != model.latent_dim:
        raise ShapeError(
            f"latents must be rows of {model.latent_dim} numbers, as this model's, got an array of "
            f"shape {z.shape}. Fix: give one row for each latent"
        )
    if not np.isfinite(z).all():
        bad = int((~np.isfinite(z)).any(1).sum())
        raise DataRangeError(
            f"latents must be finite numbers, got {bad} of {len(z)} with NaN or infinite ones. "
            "Fix: omit these"
        )


def moments_of(q: Distribution) -> tuple[LatentArray, dict[str, LatentArray]]:
    """The mean of each image (N, d), and named columns of what else there is to say of it.

    These are ``log_var``, the log-variances (N, d), of a distribution, and none of a point.
    """
    found = {name: moment.numpy() for name, moment in q.moments().items()}
    return found.pop("mu"), found


def encode(model: Autoencoder, images: PixelArray, labels: LabelArray | None = None) -> LatentArray:
    """The posterior's mean of each image. Raises ShapeError for images of another size."""
    check_images(model, images)
    return in_batches(
        model, images, lambda x, y: model.encode(from_bytes(x), y), None, labels
    ).numpy()


def class_probabilities(model: Autoencoder, images: PixelArray) -> Float[np.ndarray, "N K"]:
    """q(y|x) of each image, float32, by the classifier of a semi-supervised model.

    Raises ConfigError for a model without one, ShapeError for images of another size.
    """
    classifier = model.classifier
    if classifier is None:
        raise ConfigError(
            "class probabilities must be asked of a model with a classifier, got one without. Fix: "
            "train a semi-supervised one (`reparam train --model m2`, or "
            'VAE(classes="auto", classifier=True, objective="semi-supervised"))'
        )
    check_images(model, images)
    return in_batches(
        model, images, lambda x, _: classifier(from_bytes(x)).float().softmax(1)
    ).numpy()


def check_steps(refine: int) -> None:
    """Raises ConfigError for fewer than 0 steps."""
    if refine < 0:
        raise ConfigError(f"refine must be 0 or more steps, got {refine}. Fix: such as 20")


def refined(
    model: Autoencoder,
    images: PixelArray,
    labels: LabelArray | None = None,
    *,
    steps: int,
    progress: Progress | None = None,
) -> LatentArray:
    """``encode``, then ``steps`` steps of `reparam.model.refine`: closer, and slower. What is found
    for an image does not depend on the others.

    ``progress`` is told what is done, the images that are, and how many there are. Raises
    ConfigError for fewer than 0 steps and ShapeError for images of another size.
    """
    check_steps(steps)
    if steps == 0:
        return encode(model, images, labels)
    check_images(model, images)
    most, done = max(1, rows_at_once(model.image_shape) // WITH_GRADIENTS), 0

    def search(x: torch.Tensor, classes: torch.Tensor | None) -> torch.Tensor:
        nonlocal done
        parts = []
        for start in range(0, len(x), most):
            if progress:
                progress("refining", done, len(images))
            rows = slice(start, start + most)
            y = None if classes is None else classes[rows]
            parts.append(refine(model, from_bytes(x[rows]), y, steps=steps))
            done += len(parts[-1])
        return torch.cat(parts)

    return in_batches(model, images, search, None, labels).numpy()


def decoded_batches(
    model: Autoencoder, z: LatentArray, labels: LabelArray | None = None
) -> Iterator[Images]:
    """The images that the latents decode to, batch by batch, in order, on the model's device.

    Raises ShapeError for latents of another size.
    """
    check_latents(model, z)
    rows = np.asarray(z, np.float32)
    return each_batch(model, rows, lambda z, y: model.decode(z, y).clamp(0, 1), None, labels)


def decode(model: Autoencoder, z: LatentArray, labels: LabelArray | None = None) -> FloatImages:
    """The image that each latent decodes to, as floats: four times the memory of ``decode_bytes``.

    Raises ShapeError for latents of another size.
    """
    found, start = np.empty((len(z), *model.image_shape), np.float32), 0
    for x in decoded_batches(model, z, labels):
        found[start : start + len(x)] = x.permute(0, 2, 3, 1).cpu().numpy()
        start += len(x)
    return found


def decode_bytes(
    model: Autoencoder, z: LatentArray, labels: LabelArray | None = None
) -> PixelArray:
    """The same, rounded to bytes batch by batch."""
    found, start = np.empty((len(z), *model.image_shape), np.uint8), 0
    for x in decoded_batches(model, z, labels):
        found[start : start + len(x)] = to_bytes(x)
        start += len(x)
    return found


def reconstruct(
    model: Autoencoder, images: PixelArray, labels: LabelArray | None = None, *, refine: int = 0
) -> FloatImages:
    """decode(encode(images)), without sampling; with ``refine`` steps, of latents that these have
    moved closer (``refined``). Raises ShapeError for images of another size.
    """
    labels = labels_of(model, images, labels)
    return decode(model, refined(model, images, labels, steps=refine), labels)


def on_cpu(prior: Prior) -> Prior:
    """The prior, or a copy where it is on another device: a seed then draws the same anywhere."""
    tensors = [*prior.parameters(), *prior.buffers()]
    if all(tensor.device.type == "cpu" for tensor in tensors):
        return prior
    return copy.deepcopy(prior).cpu()


def sample_latents(model: Autoencoder, n: int, seed: int = 0) -> LatentArray:
    """n draws from the model's prior: fixed, learned, or fitted; else an AE's box, (N, d).

    The same seed gives the same latents on every device. Raises ShapeError for a prior that draws
    something else.
    """
    with torch.no_grad():
        z = on_cpu(model.prior).sample(n, torch.Generator().manual_seed(seed))
    if z.shape != (n, model.latent.dim):
        raise ShapeError(
            f"prior {model.prior.kind}: sample must give {(n, model.latent.dim)} latents, got "
            f"{tuple(z.shape)}. Fix: a row for each latent"
        )
    return z.numpy()


def even_labels(model: Autoencoder, n: int) -> LabelArray | None:
    """n labels of a conditional model, every class in turn: what samples are of where nothing else
    is asked for. None for a model that reads none.
    """
    return np.arange(n) % model.classes if model.classes else None


def noise_to_latents(model: Autoencoder, u: LatentArray) -> LatentArray:
    """Standard normal noise as latents of the prior: u ~ N(0, I) gives z ~ p(z), (N, d).

    Raises ConfigError for a prior that noise is not carried to.
    """
    check_latents(model, u)
    prior = on_cpu(model.prior)
    if not isinstance(prior, NoiseMap):
        raise ConfigError(
            f"a prior must have a map from noise (from_normal), got {prior.describe()}. Fix: draw "
            "from it instead"
        )
    with torch.no_grad():
        return prior.from_normal(torch.from_numpy(u)).numpy()


def prior_log_prob(model: Autoencoder, z: LatentArray) -> Float[np.ndarray, " N"]:
    """log p(z) under the model's prior, in nats; −∞ where the density is 0."""
    check_latents(model, z)
    with torch.no_grad():
        return on_cpu(model.prior).log_prob(torch.from_numpy(z)).numpy()


def as_bytes(images: FloatImages) -> PixelArray:
    """Pixels in [0, 1] as bytes."""
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


def as_floats(images: PixelArray) -> FloatImages:
    """Bytes as float32 pixels in [0, 1]: four times their memory."""
    return images.astype(np.float32) / np.float32(255)

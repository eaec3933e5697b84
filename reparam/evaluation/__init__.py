"""A trained model and held-out images → arrays and numbers."""

from reparam.evaluation.binarising import binarised
from reparam.evaluation.denoising import add_noise
from reparam.evaluation.inference import (
    as_bytes,
    as_floats,
    check_images,
    check_latents,
    decode,
    encode,
    posterior_parameters,
    reconstruct,
    sample_latents,
)
from reparam.evaluation.likelihood import importance_weighted
from reparam.evaluation.quality import Estimate, Quality, image_quality

__all__ = [
    "Estimate",
    "Quality",
    "add_noise",
    "as_bytes",
    "as_floats",
    "binarised",
    "check_images",
    "check_latents",
    "decode",
    "encode",
    "image_quality",
    "importance_weighted",
    "posterior_parameters",
    "reconstruct",
    "sample_latents",
]

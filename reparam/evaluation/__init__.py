"""A trained model and held-out images → arrays and numbers."""

from reparam.evaluation.denoising import add_noise
from reparam.evaluation.inference import (
    as_bytes,
    as_floats,
    carry_noise,
    check_images,
    check_latents,
    decode,
    encode,
    posterior_parameters,
    prior_log_prob,
    reconstruct,
    sample_latents,
)
from reparam.evaluation.quality import Estimate, Quality, image_quality

__all__ = [
    "Estimate",
    "Quality",
    "add_noise",
    "as_bytes",
    "as_floats",
    "carry_noise",
    "check_images",
    "check_latents",
    "decode",
    "encode",
    "image_quality",
    "posterior_parameters",
    "prior_log_prob",
    "reconstruct",
    "sample_latents",
]

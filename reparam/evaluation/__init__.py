"""A trained model and held-out images → arrays and numbers."""

from reparam.evaluation.inference import (
    as_bytes,
    check_images,
    check_latents,
    decode,
    encode,
    posterior_parameters,
    reconstruct,
    sample_latents,
)

__all__ = [
    "as_bytes",
    "check_images",
    "check_latents",
    "decode",
    "encode",
    "posterior_parameters",
    "reconstruct",
    "sample_latents",
]

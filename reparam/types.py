"""Names for the arrays and tensors that cross module borders.

B: images of a batch, N: images of a set, C: channels, H: height, W: width, d: latent dimensions.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

Language = Literal["en", "ko"]
"""In which people are spoken to: pages, and descriptions of parts."""

Json = dict[str, Any]
"""A JSON object as it is read, before its types are checked."""

PixelArray = UInt8[np.ndarray, "N H W C"]
"""Images at rest: bytes, channels last."""

LabelArray = Int[np.ndarray, " N"]
IndexArray = Int[np.ndarray, " M"]

LatentArray = Float[np.ndarray, "N d"]

Images = Float[torch.Tensor, "B C H W"]
"""Images in the model: pixels in [0, 1]."""

Labels = Int[torch.Tensor, " B"]
"""The class of each image, an index into the class names."""

Index = Int[torch.Tensor, " B"]
"""Positions in a set of images."""

Latents = Float[torch.Tensor, "B d"]
PerExample = Float[torch.Tensor, " B"]
"""One number per image, in nats unless the name says otherwise."""


def check_value(value: object, hint: object) -> None:
    """Raises typeguard's TypeCheckError unless a value and its items have the type ``hint``.

    Unlike in Python, True and False are no numbers.
    """
    check_type(value, hint, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    if "bool" not in str(hint) and _has_truth_value(value):
        raise TypeCheckError("holds a truth value")


def _has_truth_value(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_truth_value, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_truth_value, value))
    return isinstance(value, bool)

"""Kernels of our own for training on a CPU, built on first use.

They compute what PyTorch computes: in bfloat16 with sums in float32 on processors with AVX512-BF16,
in float32 on those with AVX2. Both are one C++ source beside this file, but for what a register is
(``simd.h``), built with the machine's g++. Where that cannot be, PyTorch's own kernels do the
work.
"""

from reparam.model.native.activation import Activation
from reparam.model.native.build import available, unavailable_because
from reparam.model.native.convolution import Convolution, convolution, convolution_normalised
from reparam.model.native.norm import group_normalised
from reparam.model.native.shuffle import GROUPS, doubled, halved
from reparam.model.native.tail import CHANNELS, Norm, normalised
from reparam.model.native.winograd import BLOCK, convolution_3x3, takes_3x3

__all__ = [
    "BLOCK",
    "CHANNELS",
    "GROUPS",
    "Activation",
    "Convolution",
    "Norm",
    "available",
    "convolution",
    "convolution_3x3",
    "convolution_normalised",
    "doubled",
    "group_normalised",
    "halved",
    "normalised",
    "takes_3x3",
    "unavailable_because",
]

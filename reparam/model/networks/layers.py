"""The layers of the article, with Keras' conventions: 'same' padding, batch norm, Glorot weights.

'Same' padding (as in TensorFlow and Keras): a convolution of stride s turns a side of n pixels into
ceil(n / s); the zeros that this takes are shared between both ends, the odd one at the bottom or
right. The transposed convolution is its adjoint: n becomes n · s, and the full result is cut by the
same shares.

PyTorch is never asked for a convolution of kernel 1 and stride above 1. On x86 processors (AVX2 and
AVX-512), the backward pass of oneDNN's kernel for it writes past its workspace where the larger
side is channels-last with fewer channels than a register holds numbers: the heap is corrupted, the
call never returns, or the gradients are wrong (github.com/uxlfoundation/oneDNN/issues/6035). The
layers below compute the same by a convolution of stride 1 or of kernel 2.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from reparam.errors import ConfigError
from reparam.model.native import Convolution, takes_3x3

BlockOrder = Literal["act-norm", "norm-act"]
OutputActivation = Literal["sigmoid", "tanh", "linear", "clamp"]

Maps = Float[torch.Tensor, "B C H W"]
NewMaps = Float[torch.Tensor, "B C2 H2 W2"]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after a side of ``size`` pixels so that ceil(size / stride) remain."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Module):
    """Convolution with Keras' 'same' padding: side n becomes ceil(n / stride)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.label = f"convolution {kernel} × {kernel}, stride {stride}"
        self.kernel, self.stride = kernel, stride
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        nn.init.xavier_uniform_(self.weight)

    def how(self, x: Maps) -> Convolution:
        """What this layer does to the sides of x."""
        height, width = x.shape[2:]
        before = (
            same_padding(height, self.kernel, self.stride)[0],
            same_padding(width, self.kernel, self.stride)[0],
        )
        out_size = (-(-height // self.stride), -(-width // self.stride))
        return Convolution(self.kernel, self.stride, before, out_size, transposed=False)

    def weight_3x3(self) -> torch.Tensor | None:
        """As `native.convolution_3x3` takes it; None where it does not compute this layer."""
        return self.weight if self.stride == 1 and takes_3x3(self.weight) else None

    def forward(self, x: Maps) -> NewMaps:
        if self.kernel == 1 < self.stride:  # has no padding; see the module's docstring
            return F.conv2d(x[:, :, :: self.stride, :: self.stride], self.weight, self.bias)
        height, width = map(int, x.shape[2:])  # a trace has tensors, which are constants here
        top, bottom = same_padding(height, self.kernel, self.stride)
        left, right = same_padding(width, self.kernel, self.stride)
        if top == bottom and left == right:
            return F.conv2d(x, self.weight, self.bias, self.stride, (top, left))
        return F.conv2d(F.pad(x, (left, right, top, bottom)), self.weight, self.bias, self.stride)


class SameConvTranspose2d(nn.Module):
    """Transposed convolution with Keras' 'same' padding, cut to ``out_size`` (height, width).

    Keras' own result has sides n · stride; an ``out_size`` that is smaller by less than a stride
    drops the last rows and columns, so that odd sizes come back as they went in.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int,
        out_size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.label = f"transposed convolution {kernel} × {kernel}, stride {stride}"
        self.kernel, self.stride, self.out_size = kernel, stride, out_size
        self.weight = nn.Parameter(torch.empty(in_channels, out_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        nn.init.xavier_uniform_(self.weight)

    def how(self, x: Maps) -> Convolution:
        """What this layer does to the sides of x."""
        before = max(self.kernel - self.stride, 0) // 2
        size = self.out_size
        return Convolution(self.kernel, self.stride, (before, before), size, transposed=True)

    def weight_3x3(self) -> torch.Tensor | None:
        """As `native.convolution_3x3` takes it, turned: of stride 1 the layer is a convolution.
        None where that does not compute this layer.
        """
        if self.stride > 1 or not takes_3x3(self.weight):
            return None
        return self.weight.transpose(0, 1).flip(2, 3)

    def forward(self, x: Maps) -> NewMaps:
        height, width = self.out_size
        kernel = self.kernel
        weight: torch.Tensor = self.weight
        if kernel == 1 < self.stride:  # one zero after it; see the module's docstring
            weight, kernel = F.pad(weight, (0, 1, 0, 1)), 2
        cut = max(kernel - self.stride, 0)
        missing = max(self.stride - kernel, 0)  # only where the kernel is smaller
        if cut % 2:
            # A zero before the kernel's first row and column makes both cuts equal, which
            # PyTorch can express as padding; cutting its full result afterwards takes 5 to 15
            # times as long on a CPU (docs/log.md).
            weight, cut = F.pad(weight, (1, 0, 1, 0)), cut + 1
        y = F.conv_transpose2d(x, weight, self.bias, self.stride, cut // 2, missing)
        return y[:, :, :height, :width]


class BatchNorm(nn.Module):
    """Batch normalisation over N, H and W as in Keras: ε = 1e-3, momentum 0.99.

    The moving variance takes the batch's variance over n, as Keras does; PyTorch's own layer takes
    it over n − 1.
    """

    label = "batch normalisation"
    eps = 1e-3
    momentum = 0.01  # PyTorch's convention: the new batch's share

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Maps) -> Maps:
        n = x.numel() // x.shape[1]
        if self.training and n == 1:
            return self._of_one_value(x)
        # A copy: autograd keeps what it is given, and the moving variance changes again below.
        moving = self.running_var.clone() if self.training else self.running_var
        y = F.batch_norm(
            x,
            self.running_mean,
            moving,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )
        if self.training:
            with torch.no_grad():
                unbiased_share = moving - (1 - self.momentum) * self.running_var
                self.running_var.copy_(moving - unbiased_share / n)
        return y

    def observe(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Moves the moving statistics towards a batch's."""
        with torch.no_grad():
            self.running_mean.lerp_(mean.float(), self.momentum)
            self.running_var.lerp_(variance.float(), self.momentum)

    def _of_one_value(self, x: Maps) -> Maps:
        """A batch of one 1 × 1 map: its variance is 0, which PyTorch refuses and Keras does not."""
        with torch.no_grad():
            self.running_mean.lerp_(x.flatten().float(), self.momentum)
            self.running_var.mul_(1 - self.momentum)
        return (x - x.detach()) * 0 + self.bias.view(1, -1, 1, 1)


class Dense(nn.Module):
    """A dense layer with Keras' Glorot-uniform weights and zero biases.

    ``hidden``: whether it is one of an MLP's, rather than what joins convolutions to latents.
    """

    def __init__(self, in_features: int, out_features: int, *, hidden: bool = False) -> None:
        super().__init__()
        self.label = "dense"
        self.hidden = hidden
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Float[torch.Tensor, "B n"]) -> Float[torch.Tensor, "B m"]:
        return F.linear(x, self.weight, self.bias)


class Dropout(nn.Module):
    """Drops a share of values in training and scales the others to keep the mean.

    A value costs one random byte (two, where the rate is no multiple of 1/256), which on a CPU
    takes a fraction of the time of PyTorch's own dropout.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.label = f"dropout {rate:g}"
        self.rate = rate

    def forward(self, x: Maps) -> Maps:
        if not self.training:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.rate)
        bits, dtype = (8, torch.int8) if (self.rate * 2**8).is_integer() else (16, torch.int16)
        below = round(self.rate * 2**bits)
        words = torch.empty(-(-x.numel() * bits // 64), dtype=torch.int64).random_(-(2**63), None)
        draws = words.view(dtype)[: x.numel()].view(x.permute(0, 2, 3, 1).shape)
        keep = (draws >= below - 2 ** (bits - 1)).permute(0, 3, 1, 2)
        return x * keep * (2**bits / (2**bits - below))


def hidden_weights(model: nn.Module) -> list[nn.Parameter]:
    """The weights that are matrices at heart, in the order in which data meets them.

    Those of convolutions that lead from several channels to several, and of hidden dense layers.
    """
    found = []
    for module in model.modules():
        if isinstance(module, SameConv2d | SameConvTranspose2d):
            if min(module.weight.shape[:2]) > 1:
                found.append(module.weight)
        elif isinstance(module, Dense) and module.hidden:
            found.append(module.weight)
    return found


def output_of(activation: OutputActivation, *, logits: bool) -> OutputActivation:
    """What turns a decoder's last layer into what the likelihood takes: nothing for ``logits``.

    Raises ConfigError for another activation than the default, which would be dropped then.
    """
    if logits and activation != "sigmoid":
        raise ConfigError(
            "output_activation must be sigmoid for a likelihood that takes logits, got "
            f"{activation}. Fix: omit it"
        )
    return "linear" if logits else activation


def before_activation(name: OutputActivation, pixel: torch.Tensor) -> torch.Tensor:
    """What the last layer must give for this pixel value: the inverse of ``output_activation``.

    Values at the ends of the activation's range, which nothing finite gives, are moved inwards.
    """
    match name:
        case "sigmoid":
            return torch.logit(pixel, eps=1e-3)
        case "tanh":
            return torch.atanh(pixel.clamp(-1 + 1e-3, 1 - 1e-3))
    return pixel


_BEYOND_PIXELS = {"tanh": "from -1 to 1", "linear": "of any size"}


def diagnose_range(name: OutputActivation) -> dict[str, str]:
    """A warning where an activation gives values that no pixel has: kind → message."""
    if name not in _BEYOND_PIXELS:
        return {}
    return {
        "output_range": f"output_activation {name} gives values {_BEYOND_PIXELS[name]}, where "
        "pixels lie in [0, 1]: what lies outside is cut off in pictures. Fix: --output-activation "
        "sigmoid"
    }


def output_activation(name: OutputActivation, x: Maps, *, training: bool = False) -> Maps:
    """Turns the last layer's values into pixels.

    clamp: cut off at 0 and 1, where a value costs nothing more; in training its gradient is 1
    everywhere, so that one which is wrongly beyond comes back (Bengio et al. 2013, section 4).
    """
    match name:
        case "sigmoid":
            return torch.sigmoid(x)
        case "tanh":
            return torch.tanh(x)
        case "linear":
            return x
        case "clamp":
            return x + (x.clamp(0, 1) - x).detach() if training else x.clamp(0, 1)

"""The layers against their definitions: padding, convolution, adjoint, batch norm, weights."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError
from reparam.model.networks.blocks import Tail
from reparam.model.networks.layers import (
    BatchNorm,
    Dense,
    SameConv2d,
    SameConvTranspose2d,
    output_activation,
    same_padding,
)

from .configs import configured

sides = st.integers(1, 12)
kernels = st.integers(1, 5)
strides = st.integers(1, 3)
channels = st.integers(1, 3)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=40)


def windows(size: int, kernel: int, stride: int) -> int:
    """How many places a kernel has on a side of ``size`` pixels, counted one by one."""
    return sum(1 for start in range(0, size, stride) if start + kernel <= size)


@settings(max_examples=300)
@given(size=st.integers(1, 60), kernel=st.integers(1, 7), stride=st.integers(1, 5))
def test_same_padding_is_the_least_that_leaves_every_stride_a_window(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    wanted = len(range(0, size, stride))  # a window for each pixel that a stride lands on
    least = next(p for p in range(2 * kernel) if windows(size + p, kernel, stride) >= wanted)
    assert before + after == least
    assert after - before in (0, 1)


def randomised(layer, seed: int):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in layer.parameters():
            values.copy_(torch.randn(values.shape, generator=generator))
    return layer.double()


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@quick
@given(height=sides, width=sides, kernel=kernels, stride=strides, fan=channels, seed=seeds)
def test_convolution_is_its_definition(height, width, kernel, stride, fan, seed):
    """out[o, i, j] = b[o] + Σ w[o, c, a, b] · x[c, i·s + a − top, j·s + b − left]."""
    conv = randomised(SameConv2d(fan, 2, kernel, stride), seed)
    x = noise(1, fan, height, width, seed=seed + 1)
    with torch.no_grad():
        found = conv(x)[0].numpy()
    assert found.shape == (2, math.ceil(height / stride), math.ceil(width / stride))
    top, left = same_padding(height, kernel, stride)[0], same_padding(width, kernel, stride)[0]
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    expected = np.zeros_like(found)
    for i, j in np.ndindex(found.shape[1:]):
        expected[:, i, j] = bias
        for a, b in np.ndindex(kernel, kernel):
            row, column = i * stride + a - top, j * stride + b - left
            if 0 <= row < height and 0 <= column < width:
                expected[:, i, j] += weight[:, :, a, b] @ x[0, :, row, column].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@quick
@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    kernel=kernels,
    stride=strides,
    fan_in=channels,
    fan_out=channels,
    seed=seeds,
)
def test_transposed_convolution_is_the_adjoint(
    rows, columns, kernel, stride, fan_in, fan_out, seed
):
    """⟨conv x, y⟩ = ⟨x, convᵀ y⟩ with the same weights and no bias."""
    height, width = rows * stride, columns * stride
    conv = randomised(SameConv2d(fan_in, fan_out, kernel, stride), seed)
    transposed = SameConvTranspose2d(fan_out, fan_in, kernel, stride, (height, width)).double()
    x = noise(2, fan_in, height, width, seed=seed + 1)
    y = noise(2, fan_out, rows, columns, seed=seed + 2)
    with torch.no_grad():
        transposed.weight.copy_(conv.weight)
        conv.bias.zero_()
        forth, back = conv(x), transposed(y)
    assert forth.shape == y.shape
    assert back.shape == x.shape
    assert (forth * y).sum().item() == pytest.approx((x * back).sum().item(), rel=1e-9, abs=1e-9)


@quick
@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    kernel=kernels,
    stride=strides,
    data=st.data(),
    seed=seeds,
)
def test_a_cut_transposed_convolution_loses_only_its_last_rows(
    rows, columns, kernel, stride, data, seed
):
    cut = data.draw(st.tuples(st.integers(0, stride - 1), st.integers(0, stride - 1)))
    whole = randomised(
        SameConvTranspose2d(2, 1, kernel, stride, (rows * stride, columns * stride)), seed
    )
    height, width = rows * stride - cut[0], columns * stride - cut[1]
    part = randomised(SameConvTranspose2d(2, 1, kernel, stride, (height, width)), seed)
    y = noise(1, 2, rows, columns, seed=seed + 1)
    with torch.no_grad():
        assert torch.equal(part(y), whole(y)[:, :, :height, :width])
        assert part(y).shape == (1, 1, height, width)


@quick
@given(
    shape=st.tuples(st.integers(1, 4), st.just(3), st.integers(1, 4), st.integers(2, 4)),
    seed=seeds,
)
def test_batch_norm_in_training(shape, seed):
    """Each channel to mean 0 and variance 1 (ε = 1e-3 apart), both variances over n, not n − 1."""
    norm = BatchNorm(3).double().train()
    x = 2 + 3 * noise(*shape, seed=seed)
    y = norm(x)
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    expected = (x - mean.view(-1, 1, 1)) / (variance + 1e-3).sqrt().view(-1, 1, 1)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(norm.running_mean, 0.01 * mean)
    torch.testing.assert_close(norm.running_var, 0.99 + 0.01 * variance)


def test_batch_norm_takes_gradients_through_several_batches():
    """Two batches before one backward step, as gradient accumulation has it."""
    norm = randomised(BatchNorm(2), 0).train()
    first, second = noise(2, 2, 3, 3, seed=1), noise(2, 2, 3, 3, seed=2)
    (norm(first).square().sum() + norm(second).square().sum()).backward()
    together = norm.weight.grad.clone()
    norm.zero_grad()
    norm(first).square().sum().backward()
    norm(second).square().sum().backward()
    torch.testing.assert_close(norm.weight.grad, together)


def test_batch_norm_gradients_are_those_of_finite_differences():
    norm = randomised(BatchNorm(2), 3).train()
    x = noise(2, 2, 2, 3, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(norm, (x,))


def test_batch_norm_of_one_value_in_bfloat16():
    """An image alone whose maps have one place: its statistics are kept in float32."""
    norm = BatchNorm(2).train()
    norm(torch.tensor([3.0, -1.0]).view(1, 2, 1, 1).bfloat16())
    expected = norm.momentum * torch.tensor([3.0, -1.0])
    torch.testing.assert_close(norm.running_mean, expected)


def test_batch_norm_in_evaluation_leaves_its_statistics():
    norm = randomised(BatchNorm(2), 5).eval()
    norm.running_mean.copy_(torch.tensor([1.0, -2.0]))
    norm.running_var.copy_(torch.tensor([4.0, 0.25]))
    before = {name: values.clone() for name, values in norm.state_dict().items()}
    x = noise(2, 2, 3, 3, seed=6)
    y = norm(x)
    mean, variance = norm.running_mean.view(-1, 1, 1), norm.running_var.view(-1, 1, 1)
    normal = (x - mean) / (variance + 1e-3).sqrt()
    torch.testing.assert_close(y, normal * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1))
    for name, values in norm.state_dict().items():
        assert torch.equal(values, before[name])


@pytest.mark.parametrize(
    ("layer", "fans"),
    [
        (lambda: SameConv2d(8, 32, 3, 1), 9 * 8 + 9 * 32),
        (lambda: SameConvTranspose2d(8, 32, 5, 2, (2, 2)), 25 * 8 + 25 * 32),
        (lambda: Dense(300, 40), 300 + 40),
    ],
    ids=["convolution", "transposed convolution", "dense"],
)
def test_weights_start_glorot_uniform_and_biases_at_zero(layer, fans):
    """U(−a, a) with a = √(6 / (fan in + fan out)) (Glorot & Bengio 2010, eq. 16)."""
    torch.manual_seed(7)
    layer = layer()
    bound = math.sqrt(6 / fans)
    weights = layer.weight.detach().flatten()
    assert weights.abs().max() <= bound
    assert weights.min() < -0.99 * bound
    assert weights.max() > 0.99 * bound
    assert weights.var().item() == pytest.approx(bound**2 / 3, rel=0.1)
    assert not layer.bias.any()


@pytest.mark.parametrize("order", ["act-norm", "norm-act"])
def test_the_tail_keeps_its_order(order):
    tail = Tail(2, slope=0.3, batch_norm=True, order=order, dropout=0.0).eval()
    tail.norm.running_mean.fill_(0.5)
    x = noise(1, 2, 4, 4, seed=8).float()

    def norm(v):
        return (v - 0.5) / math.sqrt(1 + 1e-3)

    def act(v):
        return torch.where(v > 0, v, 0.3 * v)

    torch.testing.assert_close(tail(x), act(norm(x)) if order == "norm-act" else norm(act(x)))
    assert not torch.allclose(act(norm(x)), norm(act(x)), atol=1e-2)


def test_dropout_drops_its_share_in_training_only():
    tail = Tail(1, slope=0.3, batch_norm=False, order="act-norm", dropout=0.25)
    x = torch.ones(1, 1, 200, 200)
    torch.manual_seed(9)
    y = tail.train()(x)
    assert (y == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    torch.testing.assert_close(y[y != 0], torch.full_like(y[y != 0], 1 / 0.75))
    assert torch.equal(tail.eval()(x), x)


def test_output_activations():
    x = torch.linspace(-3, 3, 7).view(1, 1, 1, 7)
    torch.testing.assert_close(output_activation("sigmoid", x), 1 / (1 + torch.exp(-x)))
    torch.testing.assert_close(output_activation("tanh", x), x.sinh() / x.cosh())
    assert torch.equal(output_activation("linear", x), x)
    assert torch.equal(output_activation("clamp", x), x.clamp(0, 1))
    with pytest.raises(ConfigError, match="relu"):
        configured(output_activation="relu")


def test_what_is_cut_off_comes_back_in_training_alone():
    x = torch.tensor([-0.5, 0.25, 1.5]).view(1, 1, 1, 3).requires_grad_()
    for training, gradient in ((True, [1.0, 1.0, 1.0]), (False, [0.0, 1.0, 0.0])):
        y = output_activation("clamp", x, training=training)
        torch.testing.assert_close(y, x.detach().clamp(0, 1))
        (found,) = torch.autograd.grad(y.sum(), x)
        assert found.flatten().tolist() == gradient

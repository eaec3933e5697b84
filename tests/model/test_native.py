"""Our own kernels compute what PyTorch computes, to the rounding of their number format."""

import copy
import ctypes
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from reparam.model.native import (
    BLOCK,
    Activation,
    Norm,
    available,
    build,
    convolution_3x3,
    convolution_normalised,
    group_normalised,
    normalised,
    unavailable_because,
)
from reparam.model.native.build import find_library, is_own, keep_library, own_folder
from reparam.model.native.convolution import Convolution, convolution
from reparam.model.networks.blocks import Block, Tail
from reparam.model.networks.kernels import has_native, twice_differentiable, use_native
from reparam.model.networks.layers import BatchNorm, SameConv2d, SameConvTranspose2d
from reparam.model.networks.residual_blocks import Double, Halve, ResidualBlock, SelfAttention

BITS = {torch.bfloat16: 2**-8, torch.float32: 2**-22}
"""Relative rounding of a value; in float32 of a sum of some hundred products in any order."""

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernels are for Linux")


def can_be_built(dtype: torch.dtype) -> bool:
    has = torch.cpu.get_capabilities()
    wanted = {torch.bfloat16: ("avx512_bf16",), torch.float32: ("avx2", "fma3")}[dtype]
    return (
        sys.platform == "linux"
        and shutil.which("g++") is not None
        and all(has.get(name, False) for name in wanted)
    )


PLAIN = {"order": "norm-act", "dropout": 0.0}

formats = pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(
            dtype,
            id=str(dtype),
            marks=pytest.mark.skipif(
                not can_be_built(dtype), reason=f"no {build.INSTRUCTIONS[dtype].name} or no g++"
            ),
        )
        for dtype in (torch.bfloat16, torch.float32)
    ],
)


def computing_in(dtype: torch.dtype) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16)


@pytest.mark.parametrize("dtype", list(build.INSTRUCTIONS))
def test_the_kernels_are_there_wherever_they_can_be_built(dtype) -> None:
    if can_be_built(dtype):
        assert unavailable_because(dtype) is None


def status_of(mode: int, user: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, user, 0, 0, 0, 0, 0))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such owners and modes")
@pytest.mark.parametrize(
    ("mode", "is_safe"),
    [(0o700, True), (0o755, True), (0o600, True), (0o775, False), (0o757, False), (0o1777, False)],
)
def test_only_what_nobody_else_may_write_is_ones_own(mode: int, is_safe: bool) -> None:
    assert is_own(status_of(mode, os.geteuid())) == is_safe
    assert not is_own(status_of(mode, os.geteuid() + 1))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A library of the name "key", as it is kept after it was built."""
    built = tmp_path / "kernels.so"
    built.write_bytes(b"machine code")
    built.chmod(0o777)
    return keep_library(built, tmp_path, "key")


@on_linux
def test_a_library_is_found_as_it_was_built(kept: Path) -> None:
    assert find_library(kept.parent, "key") == kept
    assert find_library(kept.parent, "other") is None
    assert list(kept.parent.iterdir()) == [kept]


@on_linux
@pytest.mark.parametrize("damage", ["changed", "cut", "empty", "deleted", "folder", "link", "mode"])
def test_a_library_that_is_not_as_it_was_built_is_not_loaded(kept: Path, damage: str) -> None:
    content = kept.read_bytes()
    if damage in ("changed", "cut", "empty"):
        kept.write_bytes({"changed": b"M" + content[1:], "cut": content[:-1], "empty": b""}[damage])
    elif damage == "mode":
        kept.chmod(0o620)
    else:
        kept.unlink()
        (kept.parent / "elsewhere").write_bytes(content)
        if damage == "folder":
            kept.mkdir()
        if damage == "link":
            kept.symlink_to("elsewhere")
    assert find_library(kept.parent, "key") is None


@on_linux
def test_another_users_library_is_not_loaded(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert find_library(kept.parent, "key") is None


@on_linux
def test_the_folder_is_made_for_its_user_alone_and_stays_the_same(tmp_path: Path) -> None:
    """Another folder that is put in its place, as who may write above it can, is not taken."""
    cache = tmp_path / "cache" / "kernels"
    with own_folder(cache) as folder:
        assert cache.stat().st_mode & 0o777 == 0o700
        cache.rename(tmp_path / "moved")
        cache.mkdir()
        (cache / "foreign.so").write_bytes(b"")
        (folder / "own.so").write_bytes(b"")
        assert [path.name for path in folder.iterdir()] == ["own.so"]
    assert (tmp_path / "moved" / "own.so").exists()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The kernels' folder of an empty cache, as a process that has loaded none yet sees it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "_load", build._load.__wrapped__)
    monkeypatch.setattr(build, "_compiler", lambda instructions: "g++")
    monkeypatch.setattr(build, "_openmp", lambda: "libgomp.so.1")
    return tmp_path / "reparam" / "kernels"


@on_linux
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_a_folder_that_others_could_write_to_is_closed_to_them(fresh: Path, mode: int) -> None:
    """And what they may have put there is not found."""
    fresh.mkdir(parents=True)
    fresh.chmod(mode)
    foreign = fresh / "name-0.so"
    foreign.write_bytes(b"anything")
    foreign.rename(fresh / build._named("name", foreign)).chmod(0o666)
    with own_folder(fresh) as folder:
        assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
        assert find_library(folder, "name") is None


@on_linux
def test_a_folder_of_another_user_is_said_and_not_used(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.mkdir(parents=True)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.warns(UserWarning, match=rf"(?s)PyTorch's are used.*{fresh}.*user {mine}.*Fix:"):
        assert f"must be a folder of user {mine + 1}" in str(unavailable_because(torch.float32))
    assert list(fresh.iterdir()) == []


@on_linux
def test_a_folder_that_cannot_be_made_is_said(fresh: Path) -> None:
    fresh.parent.write_text("a file")
    with pytest.warns(UserWarning, match=f"{fresh}: Not a directory. Fix:"):
        assert not available(torch.float32)


@formats
def test_a_damaged_library_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(build, "FLAGS", ("-O0", *build.FLAGS[1:]))  # built in less time
    instructions = build.INSTRUCTIONS[dtype]
    compiler, openmp = build._compiler(instructions), build._openmp()
    name = build._name(instructions, compiler, openmp)
    with own_folder(tmp_path / "kernels") as folder:
        damaged = folder / f"{name}-{'0' * 32}.so"
        damaged.write_bytes(b"\x7fELF")
        damaged.chmod(0o600)
        built = build._built(folder, instructions, compiler, openmp)
        assert built != damaged
        assert ctypes.CDLL(str(built)).packed_size
        stamp = built.stat().st_mtime_ns
        assert build._built(folder, instructions, compiler, openmp) == built
        assert built.stat().st_mtime_ns == stamp
    assert {path.suffix for path in (tmp_path / "kernels").iterdir()} == {".so"}


def rounded(*shape: int, generator: torch.Generator) -> torch.Tensor:
    """Values that bfloat16 holds exactly, in float32."""
    return torch.randn(*shape, generator=generator).bfloat16().float()


def test_both_formats_are_tested_where_both_are_there() -> None:
    assert set(BITS) == set(build.INSTRUCTIONS)


sizes = st.integers(1, 17)
channels = st.sampled_from([1, 2, 3, 5, 8, 16, 24, 32, 33, 64])
fitting = st.sampled_from([16, 32, 48, 96])
blocks = st.sampled_from([BLOCK, 2 * BLOCK, 3 * BLOCK])
some_images = st.integers(1, 5)


@formats
@settings(max_examples=80)
@given(
    images=st.integers(1, 5),
    size=st.tuples(sizes, sizes),
    c_in=channels,
    c_out=channels,
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    transposed=st.booleans(),
    cut=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    slope=st.sampled_from([1.0, 0.3, 0.0]),
)
def test_convolutions_and_their_gradients_are_pytorchs(
    dtype, images, size, c_in, c_out, kernel, stride, transposed, cut, slope
) -> None:
    seed = images * 1000 + size[0] * 10 + kernel
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    x = rounded(images, c_in, *size, generator=generator)
    if transposed:
        out = tuple(max(n * stride - min(c, stride - 1), 1) for n, c in zip(size, cut, strict=True))
        layer = SameConvTranspose2d(c_in, c_out, kernel, stride, out)
    else:
        layer = SameConv2d(c_in, c_out, kernel, stride)
    with torch.no_grad():
        layer.weight.copy_(layer.weight.bfloat16())
        layer.bias.copy_(rounded(c_out, generator=generator))
    dy = rounded(*layer(x).shape, generator=generator)

    def and_gradients(y: torch.Tensor, inputs: torch.Tensor, of: torch.Tensor) -> list[Any]:
        return [y, *torch.autograd.grad(y, (inputs, layer.weight, layer.bias), of.to(y.dtype))]

    ours_in, reference_in = x.to(dtype).requires_grad_(), x.clone().requires_grad_()
    how, act = layer.how(x), Activation(slope)
    ours = and_gradients(
        convolution(ours_in, layer.weight, layer.bias, how, act, dtype), ours_in, dy
    )
    reference = and_gradients(F.leaky_relu(layer(reference_in), slope), reference_in, dy)
    # Terms are rounded to bfloat16 and may cancel each other: what counts is how large they are.
    with torch.no_grad():
        layer.weight.abs_()
        layer.bias.abs_()
    sizes_in = x.abs().requires_grad_()
    largest = and_gradients(layer(sizes_in), sizes_in, dy.abs())
    for name, mine, its, of in zip(("y", "dx", "dw", "db"), ours, reference, largest, strict=True):
        assert ((mine.float() - its).abs() <= 2 * BITS[dtype] * of + 1e-6).all(), name


@formats
@settings(max_examples=20)
@given(
    images=st.integers(6, 70),
    side=st.sampled_from([1, 3, 7, 14, 30]),
    stride=st.integers(1, 2),
    transposed=st.booleans(),
)
def test_an_image_comes_out_the_same_whichever_go_beside_it(
    dtype, images, side, stride, transposed
) -> None:
    generator = torch.Generator().manual_seed(images)
    how = (32, 16, 3, stride)
    layer = SameConvTranspose2d(*how, (side * stride,) * 2) if transposed else SameConv2d(*how)
    x = rounded(images, 32, side, side, generator=generator).to(dtype).requires_grad_()

    def ours(x: torch.Tensor) -> torch.Tensor:
        weight, bias = layer.weight, layer.bias
        return convolution(x, weight, bias, layer.how(x), Activation(0.3), dtype)

    together, alone = ours(x), torch.cat([ours(one) for one in x.split(1)])
    assert torch.equal(together, alone)
    dy = rounded(*together.shape, generator=generator).to(dtype)
    inputs = (x, layer.weight, layer.bias)
    dx, *sums = torch.autograd.grad(together, inputs, dy)
    dx_alone, *sums_alone = torch.autograd.grad(alone, inputs, dy)
    assert torch.equal(dx, dx_alone)
    for mine, its in zip(sums, sums_alone, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-4 * its.abs().max().item())


def whole(low: int, high: int, *shape: int) -> torch.Tensor:
    return torch.randint(low, high + 1, shape).float()


def convolved(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype | None):
    """By our own kernels; by PyTorch's in float64 without ``dtype``."""
    if dtype is None:
        return F.conv2d(x, weight, bias, padding=1)
    return convolution_3x3(x, weight, bias, dtype)


@formats
@settings(max_examples=40)
@given(
    images=some_images,
    size=st.tuples(sizes, sizes),
    c_in=blocks,
    c_out=blocks,
    by_last_channels=st.booleans(),
)
def test_convolutions_of_3x3_are_exact_in_whole_numbers(
    dtype, images, size, c_in, c_out, by_last_channels
) -> None:
    """So small that the sums of all places are held by the format: nothing is rounded but the
    results.
    """
    torch.manual_seed(size[0] * 17 + size[1])
    x, dy = whole(-3, 3, images, c_in, *size), whole(-2, 2, images, c_out, *size)
    weight, bias = whole(-2, 2, c_out, c_in, 3, 3), whole(-9, 9, c_out)
    if by_last_channels:
        weight = weight.to(memory_format=torch.channels_last)
    found = []
    for of in (dtype, None):
        inputs = [v.to(of or torch.float64).requires_grad_() for v in (x, weight, bias)]
        if of is not None:
            inputs[1:] = [v.detach().float().requires_grad_() for v in inputs[1:]]
        y = convolved(*inputs, of)
        found.append([y, *torch.autograd.grad(y, inputs, dy.to(y.dtype))])
    for name, mine, its in zip(("y", "dx", "dw", "db"), *found, strict=True):
        assert torch.equal(mine, its.to(mine.dtype)), name


@formats
@pytest.mark.parametrize(("side", "channels"), [(32, 32), (8, 128), (4, 256), (3, 512)])
def test_convolutions_of_3x3_round_little_more_than_pytorchs(dtype, side, channels) -> None:
    """Sums and differences of four values are rounded where PyTorch's kernels round each value."""
    torch.manual_seed(0)
    x, dy = torch.randn(2, 4, channels, side, side).to(dtype).unbind()
    weight, bias = (
        torch.randn(channels, channels, 3, 3) / (9 * channels) ** 0.5,
        torch.randn(channels),
    )
    found = []
    for of in (dtype, None):
        inputs = [v.double() if of is None else v for v in (x, weight, bias)]
        inputs = [v.clone().requires_grad_() for v in inputs]
        y = convolved(*inputs, of)
        found.append([y, *torch.autograd.grad(y, inputs, dy.to(y.dtype))])
    for mine, its in zip(*found, strict=True):
        assert (mine - its).norm() < max(1.5 * BITS[dtype], 2e-6) * its.norm()


@formats
@settings(max_examples=10)
@given(images=st.integers(2, 40), side=st.sampled_from([1, 2, 3, 7, 14]))
def test_an_image_of_a_convolution_of_3x3_comes_out_the_same(dtype, images, side) -> None:
    torch.manual_seed(images)
    x, dy = torch.randn(2, images, BLOCK, side, side).to(dtype).unbind()
    x.requires_grad_()
    weight, bias = torch.randn(BLOCK, BLOCK, 3, 3), torch.randn(BLOCK)
    together = convolution_3x3(x, weight, bias, dtype)
    alone = torch.cat([convolution_3x3(one, weight, bias, dtype) for one in x.split(1)])
    assert torch.equal(together, alone)
    of_both = [torch.autograd.grad(y, x, dy)[0] for y in (together, alone)]
    assert torch.equal(*of_both)


@pytest.mark.skipif(not can_be_built(torch.float32), reason="no AVX2 or no g++")
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("batch_norm", [None, False, True])
def test_blocks_of_3x3_take_fewer_products_in_float32(transposed, batch_norm) -> None:
    """Transposed ones too, which are convolutions by the turned weights; whatever follows."""
    torch.manual_seed(0)
    size = (BLOCK, 2 * BLOCK, 3, 1)
    conv = SameConvTranspose2d(*size, (7, 5)) if transposed else SameConv2d(*size)
    nn.init.normal_(conv.bias)
    tail = None
    if batch_norm is not None:
        how = {"order": "norm-act", "dropout": 0.0}
        tail = Tail(2 * BLOCK, slope=0.3, batch_norm=batch_norm, **how)
    block = Block(conv, tail)
    x, dy = torch.randn(3, BLOCK, 7, 5), torch.randn(3, 2 * BLOCK, 7, 5)

    def and_gradients(x: torch.Tensor, block: Block) -> list[torch.Tensor]:
        y = block(x)
        inputs = (x, *block.parameters())
        return [y, *torch.autograd.grad(y, inputs, dy.to(y.dtype))]

    reference = and_gradients(x.double().requires_grad_(), copy.deepcopy(block).double())
    use_native(block, torch.float32)
    ours = and_gradients(x.clone().requires_grad_(), block)
    for mine, its in zip(ours, reference, strict=True):
        assert (mine - its).abs().max() < 1e-5 * its.abs().max() + 1e-4 * (its.abs().max() < 1e-3)
    if tail is None:
        turned = conv.weight.transpose(0, 1).flip(2, 3) if transposed else conv.weight
        assert torch.equal(ours[0], convolution_3x3(x, turned, conv.bias, torch.float32))


@formats
@settings(max_examples=40)
@given(
    channels=st.sampled_from([16, 32, 64]),
    size=st.integers(1, 9),
    order=st.sampled_from(["act-norm", "norm-act"]),
    images=st.integers(2, 6),
)
def test_batch_norm_and_its_gradients_are_pytorchs(dtype, channels, size, order, images) -> None:
    torch.manual_seed(size)
    tail = Tail(channels, slope=0.3, batch_norm=True, order=order, dropout=0.0)
    norm = tail.norm
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(images, channels, size, size).to(dtype)
    dy = torch.randn(x.shape).to(dtype)
    ours_in, reference_in = x.clone().requires_grad_(), x.double().requires_grad_()
    act_first = order == "act-norm"
    how = Norm(Activation(0.3), act_first, norm.eps)
    y, mean, variance = normalised(ours_in, norm.weight, norm.bias, how, dtype)
    inputs = (norm.weight, norm.bias)
    ours = [y, *torch.autograd.grad(y, (ours_in, *inputs), dy), mean, variance]
    its = tail.double()(reference_in)
    inputs = (norm.weight, norm.bias)  # new ones
    seen = F.leaky_relu(x.double(), 0.3) if act_first else x.double()
    reference = [its, *torch.autograd.grad(its, (reference_in, *inputs), dy.double())]
    reference += [seen.mean((0, 2, 3)), seen.var((0, 2, 3), unbiased=False)]
    for mine, expected in zip(ours, reference, strict=True):
        scale = expected.abs().max().clamp(min=1e-2)
        assert ((mine - expected).abs().max() / scale).item() < max(BITS[dtype], 1e-5)


@formats
@settings(max_examples=40)
@given(
    images=st.integers(2, 70),
    size=st.tuples(sizes, sizes),
    c_in=channels,
    c_out=st.sampled_from([16, 32, 48]),
    stride=st.integers(1, 2),
    transposed=st.booleans(),
    act_first=st.booleans(),
    dropout=st.sampled_from([0.0, 0.25]),
)
def test_a_norm_behind_a_convolution_is_that_of_its_values(
    dtype, images, size, c_in, c_out, stride, transposed, act_first, dropout
) -> None:
    """To the last bit, though the gradient between the two is not written to memory."""
    torch.manual_seed(images)
    if transposed:
        out = (size[0] * stride, size[1] * stride)
        layer = SameConvTranspose2d(c_in, c_out, 3, stride, out)
    else:
        layer = SameConv2d(c_in, c_out, 3, stride)
    x = torch.randn(images, c_in, *size).to(dtype)
    of_norm = [v.clone().requires_grad_() for v in torch.randn(2, c_out)]
    how, norm = layer.how(x), Norm(Activation(0.3, dropout), act_first, 1e-3)

    def found(*, at_once: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)  # of dropout
        inputs = [x.clone().requires_grad_(), layer.weight, layer.bias, *of_norm]
        if at_once:
            y, *moments = convolution_normalised(*inputs, how, norm, dtype)
        else:
            y = convolution(*inputs[:3], how, Activation(), dtype)
            y, *moments = normalised(y, *of_norm, norm, dtype)
        return [y, *moments, *torch.autograd.grad(y, inputs, torch.cos(y.detach()))]

    for one, two in zip(found(at_once=True), found(at_once=False), strict=True):
        assert torch.equal(one, two)


@formats
def test_the_variance_of_values_far_from_zero(dtype) -> None:
    """Of 1,000 ± 4, which bfloat16 holds exactly, v² has no digit left for the difference."""
    x = torch.where(torch.arange(320).view(20, 1, 4, 4) % 2 == 0, 1000.0, 1008.0).repeat(
        1, 16, 1, 1
    )
    weight, bias = torch.ones(16), torch.zeros(16)
    how = Norm(Activation(), act_first=False, eps=0.0)
    y, mean, variance = normalised(x.to(dtype), weight, bias, how, dtype)
    assert torch.allclose(mean, torch.full((16,), 1004.0).double())
    assert torch.allclose(variance, torch.full((16,), 16.0).double())
    if dtype is torch.float32:  # in bfloat16 the shift itself is rounded
        assert torch.allclose(y.abs(), torch.ones(()), atol=1e-3)


@formats
def test_a_block_observes_the_batch_as_pytorchs_does(dtype) -> None:
    torch.manual_seed(0)
    blocks = [
        Block(
            SameConv2d(8, 16, 3, 1),
            Tail(16, slope=0.3, batch_norm=True, order="norm-act", dropout=0.0),
        )
        for _ in range(2)
    ]
    blocks[1].load_state_dict(blocks[0].state_dict())
    use_native(blocks[0], dtype)
    x = torch.randn(20, 8, 9, 9)
    with computing_in(dtype):
        ours = blocks[0](x)
    assert (ours - blocks[1](x)).abs().max() < 0.1
    for name in ("running_mean", "running_var"):
        one, two = (getattr(block.tail.norm, name) for block in blocks)
        assert torch.allclose(one, two, atol=1e-3)


@formats
@pytest.mark.parametrize("rate", [0.25, 0.1, 0.5])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_dropout_drops_its_share_and_keeps_the_mean(dtype, rate: float, batch_norm: bool) -> None:
    torch.manual_seed(0)
    block = Block(
        SameConv2d(16, 32, 1, 1),
        Tail(32, slope=1.0, batch_norm=batch_norm, order="act-norm", dropout=rate),
    )
    torch.nn.init.zeros_(block.conv.weight)
    torch.nn.init.ones_(block.conv.bias)
    if batch_norm:
        torch.nn.init.ones_(block.tail.norm.bias)
    use_native(block, dtype)
    x = torch.zeros(50, 16, 20, 20, requires_grad=True)
    with computing_in(dtype):
        y, again = block(x), block(x)
    n = y.numel()
    dropped = (y == 0).float()
    spread = (rate * (1 - rate) / n) ** 0.5
    assert abs(dropped.mean().item() - rate) < 5 * spread
    assert torch.allclose(y[y != 0], torch.tensor(1 / (1 - rate)).to(dtype), rtol=1e-3)
    # Neither neighbours, nor channels, nor two calls drop together.
    flat, other = dropped.permute(0, 2, 3, 1).flatten(), (again == 0).permute(0, 2, 3, 1).flatten()
    for one, two in ((flat[:-1], flat[1:]), (flat[:-32], flat[32:]), (flat, other.float())):
        both = (one * two).mean().item()
        assert abs(both - rate**2) < 5 * (rate**2 * (1 - rate**2) / n) ** 0.5 + 2e-4


@formats
def test_a_dropped_value_gets_no_gradient_and_a_kept_zero_does(dtype) -> None:
    torch.manual_seed(0)
    how = Convolution(1, 1, (0, 0), (8, 8), transposed=False)
    weight, bias = torch.zeros(32, 16, 1, 1), torch.zeros(32, requires_grad=True)
    x = torch.zeros(4, 16, 8, 8)
    y = convolution(x, weight, bias, how, Activation(0.5, 0.25), dtype)
    assert (y == 0).all()
    (db,) = torch.autograd.grad(y, bias, torch.ones_like(y))
    kept = db / (0.5 / 0.75) / (4 * 8 * 8)
    assert ((kept - 0.75).abs() < 0.15).all()


@formats
def test_the_same_seed_gives_the_same_values_and_gradients(dtype) -> None:
    def once() -> list[torch.Tensor]:
        torch.manual_seed(3)
        block = Block(
            SameConv2d(3, 32, 3, 2),
            Tail(32, slope=0.3, batch_norm=True, order="norm-act", dropout=0.25),
        )
        use_native(block, dtype)
        with computing_in(dtype):
            y = block(torch.rand(9, 3, 13, 11))
        return [y, *torch.autograd.grad(y.float().square().sum(), list(block.parameters()))]

    for one, two in zip(once(), once(), strict=True):
        assert torch.equal(one, two)


@formats
def test_a_block_that_computes_in_another_format_is_pytorchs(dtype) -> None:
    torch.manual_seed(0)
    tail = Tail(16, slope=0.3, batch_norm=True, order="norm-act", dropout=0.0)
    block = Block(SameConv2d(1, 16, 3, 1), tail).eval()
    x = torch.rand(2, 1, 5, 5)
    other = torch.float32 if dtype is torch.bfloat16 else torch.bfloat16
    with computing_in(other):
        before = block(x)
        use_native(block, dtype)
        assert torch.equal(block(x), before)


@formats
@pytest.mark.parametrize("is_linear", [False, True], ids=["squared loss", "linear loss"])
@pytest.mark.parametrize(
    "layer",
    [
        Block(SameConv2d(16, 16, 3, 2), Tail(16, slope=0.3, batch_norm=False, **PLAIN)),
        Block(SameConv2d(16, 16, 3, 2), Tail(16, slope=0.3, batch_norm=True, **PLAIN)),
        Halve(16, 64),
        Double(64, 16),
        ResidualBlock(16, 0.0, 32),
        SelfAttention(16),
    ],
    ids=["convolution", "batch norm", "half", "twice", "residual", "attention"],
)
def test_a_second_derivative_is_pytorchs_or_an_error(dtype, layer, is_linear) -> None:
    """Never a wrong one: the kernels' own backward pass is not differentiable. Of a loss that is
    linear in the output, no gradient that comes into the kernels tells that."""
    torch.manual_seed(0)
    layer = copy.deepcopy(layer)
    for parameter in layer.parameters():  # those that a residual branch begins with are zero
        nn.init.normal_(parameter)
    x = torch.randn(2, 64 if isinstance(layer, Double) else 16, 8, 8, requires_grad=True)

    def of_squared_gradient() -> tuple[torch.Tensor, ...]:
        with computing_in(dtype):
            y = layer(x.square())
        loss = y.float() if is_linear else y.float().square()
        (gradient,) = torch.autograd.grad(loss.sum(), x, create_graph=True)
        parameters = tuple(layer.parameters())
        found = torch.autograd.grad(gradient.square().sum(), parameters, allow_unused=True)
        return tuple(some for some in found if some is not None)

    expected = of_squared_gradient()
    assert expected
    use_native(layer, dtype)
    with twice_differentiable():
        ours = of_squared_gradient()
    assert all(torch.equal(one, two) for one, two in zip(ours, expected, strict=True))
    with pytest.raises(RuntimeError, match="must be differentiated once"):
        of_squared_gradient()


@formats
def test_evaluation_uses_the_moving_statistics(dtype) -> None:
    torch.manual_seed(0)
    tail = Tail(16, slope=0.3, batch_norm=True, order="norm-act", dropout=0.5)
    assert isinstance(tail.norm, BatchNorm)
    torch.nn.init.normal_(tail.norm.running_mean)
    block = Block(SameConv2d(1, 16, 3, 1), tail).eval()
    x = torch.rand(2, 1, 5, 5)
    expected = block(x)
    use_native(block, dtype)
    with computing_in(dtype):
        y = block(x)
    assert (y - expected).abs().max() < 4 * BITS[dtype] * expected.abs().max()


def relative_error(mine: torch.Tensor, expected: torch.Tensor) -> float:
    scale = expected.abs().max().clamp(min=1e-2)
    return ((mine - expected).abs().max() / scale).item()


@formats
@settings(max_examples=60)
@given(
    images=some_images,
    channels=fitting,
    size=st.tuples(sizes, sizes),
    of_group=st.sampled_from([2, 4, 8, 16]),
    silu=st.booleans(),
    has_shortcut=st.booleans(),
)
def test_group_norm_and_its_gradients_are_pytorchs(
    dtype, images, channels, size, of_group, silu, has_shortcut
) -> None:
    torch.manual_seed(size[0] * 17 + size[1])
    groups, eps = channels // of_group, 1e-3
    x = (2 * torch.randn(images, channels, *size) + 1).to(dtype)
    dy, along = torch.randn(x.shape).to(dtype), torch.randn(x.shape).to(dtype)
    weight, bias = torch.randn(2, channels).unbind()
    ours_in = [v.clone().requires_grad_() for v in (x, weight, bias)]
    reference_in = [v.double().requires_grad_() for v in (x, weight, bias)]
    same, y = group_normalised(*ours_in, groups, eps, silu=silu, dtype=dtype)
    its = F.group_norm(reference_in[0], groups, *reference_in[1:], eps)
    its = F.silu(its) if silu else its
    assert torch.equal(same, x)
    mine, theirs = ([y], [dy]), ([its], [dy.double()])
    if has_shortcut:
        mine = ([y, same], [dy, along])
        theirs = ([its, reference_in[0].clone()], [dy.double(), along.double()])
    ours = [y, *torch.autograd.grad(mine[0], ours_in, mine[1])]
    reference = [its, *torch.autograd.grad(theirs[0], reference_in, theirs[1])]
    for one, two in zip(ours, reference, strict=True):
        assert relative_error(one, two) < max(BITS[dtype], 2e-5)


@formats
def test_a_shortcut_alone_has_its_own_gradient(dtype) -> None:
    x = torch.randn(2, 16, 3, 3).to(dtype).requires_grad_()
    same, _ = group_normalised(x, torch.ones(16), torch.zeros(16), 1, 1e-5, silu=True, dtype=dtype)
    (dx,) = torch.autograd.grad(same.sum(), x)
    assert torch.equal(dx, torch.ones_like(x))


@formats
def test_group_norm_of_values_far_from_zero(dtype) -> None:
    """Of 1,000 ± 4 and 2,000 ± 8, which bfloat16 holds exactly."""
    signs = (torch.arange(32).view(2, 1, 4, 4) % 2 * 2 - 1).float()
    x = torch.cat(
        [(1004 + 4 * signs).repeat(1, 16, 1, 1), (2008 + 8 * signs).repeat(1, 16, 1, 1)], 1
    )
    for groups in (1, 2):
        _, y = group_normalised(
            x.to(dtype), torch.ones(32), torch.zeros(32), groups, 0.0, silu=False, dtype=dtype
        )
        expected = F.group_norm(x.double(), groups, eps=0.0)
        assert relative_error(y, expected) < max(BITS[dtype], 1e-5)


@formats
@pytest.mark.parametrize("largest", [1.0, 20.0, 80.0, 200.0])
def test_silu_of_small_and_large_values(dtype, largest: float) -> None:
    bias = torch.linspace(-largest, largest, 160)
    x = torch.zeros(1, 160, 1, 1)
    _, y = group_normalised(x, torch.ones(160), bias, 10, 1e-5, silu=True, dtype=dtype)
    expected = F.silu(bias.double()).view(1, 160, 1, 1)
    assert ((y - expected).abs() <= 1.001 * max(BITS[dtype], 1e-6) * expected.abs() + 1e-30).all()


@formats
@settings(max_examples=40)
@given(
    images=some_images,
    channels=st.sampled_from([16, 32, 48]),
    size=st.tuples(sizes, sizes),
    group=st.sampled_from([1, 2, 4]),
    halves=st.booleans(),
)
def test_half_and_twice_the_sides_are_pytorchs(
    dtype, images, channels, size, group, halves
) -> None:
    """``channels``: of the larger maps beside the shortcut."""
    torch.manual_seed(size[0])
    if halves:
        layer = Halve(channels * group, 4 * channels)
        x = torch.randn(images, channels * group, 2 * size[0], 2 * size[1])
    else:
        layer = Double(4 * channels // group, channels)
        x = torch.randn(images, 4 * channels // group, *size)
    x, fine = x.to(dtype), x.to(dtype).double()
    y, expected = layer(fine.float()), layer.double()(fine)
    dy = torch.randn(y.shape).to(dtype)
    layer.float()

    def and_gradients(layer: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
        x = x.requires_grad_()
        inputs = (x, *layer.parameters())
        with computing_in(dtype if x.dtype is dtype else torch.float32):
            y = layer(x)
        return [y, *torch.autograd.grad(y, inputs, dy.to(y.dtype))]

    twin = copy.deepcopy(layer).double()
    use_native(layer, dtype)
    for mine, its in zip(and_gradients(layer, x), and_gradients(twin, fine), strict=True):
        assert relative_error(mine, its) < 4 * max(BITS[dtype], 1e-5)
    assert relative_error(y, expected) < 1e-5


@formats
@pytest.mark.parametrize("channels", [(48, 64), (128, 64), (16, 32)])
def test_levels_that_the_kernels_do_not_take_are_pytorchs(dtype, channels) -> None:
    torch.manual_seed(0)
    layer = Halve(*channels)
    x = torch.randn(2, channels[0], 4, 6)
    with computing_in(dtype):
        before = layer(x)
        use_native(layer, dtype)
        assert torch.equal(layer(x), before)


@formats
@settings(max_examples=20)
@given(
    images=some_images,
    size=st.tuples(sizes, sizes),
    channels=st.tuples(fitting, fitting),
    by_last_channels=st.booleans(),
)
def test_a_residual_block_and_its_gradients_are_pytorchs(
    dtype, images, size, channels, by_last_channels
) -> None:
    torch.manual_seed(size[0] * 17 + size[1])
    layers = nn.Sequential(ResidualBlock(channels[0], 0.0, channels[1]), SelfAttention(channels[1]))
    for parameter in layers.parameters():
        nn.init.normal_(parameter, std=0.1 if parameter.ndim > 1 else 0.5)
    x = torch.randn(images, channels[0], *size).to(dtype).float()
    if by_last_channels:
        x = x.to(memory_format=torch.channels_last)
    dy = torch.randn(images, channels[1], *size).to(dtype)

    def and_gradients(layers: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
        x = x.clone().requires_grad_()
        with computing_in(dtype if x.dtype is torch.float32 else torch.float32):
            y = layers(x)
        return [y, *torch.autograd.grad(y, (x, *layers.parameters()), dy.to(y.dtype))]

    twin = copy.deepcopy(layers).double()
    use_native(layers, dtype)
    assert has_native(layers)
    for mine, its in zip(and_gradients(layers, x), and_gradients(twin, x.double()), strict=True):
        assert relative_error(mine, its) < 16 * max(BITS[dtype], 1e-5)

"""Encoder and decoder: sizes for any image, errors, and what their outputs may not depend on."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError, ShapeError
from reparam.model import (
    Autoencoder,
    Box,
    Decoder,
    Delta,
    DiagonalNormal,
    Heads,
    LatentSpec,
    ModelConfig,
    StandardNormal,
    build_autoencoder,
    native_available,
    rate,
    use_native,
)
from reparam.model.networks.convolutional import decoder_sizes, encoder_sizes
from reparam.types import Images, Labels, Latents

from .configs import configured

side = st.integers(1, 40)
stride_lists = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)
quick = settings(max_examples=40)


@st.composite
def options(draw) -> dict:
    """Of small networks whose decoder has the encoder's strides in any order, or their product."""
    encoder_strides = draw(stride_lists)
    product = math.prod(encoder_strides)
    decoder_strides = draw(
        st.one_of(st.permutations(encoder_strides).map(tuple), st.just((1, product)))
    )
    kernel = st.integers(1, 5)

    def sizes(values, n):
        return tuple(draw(st.lists(values, min_size=n, max_size=n)))

    filters = st.integers(1, 4)
    orders = st.sampled_from(["act-norm", "norm-act"])
    return {
        "posterior": draw(st.sampled_from(["delta", "diagonal-normal"])),
        "latent_dim": draw(st.integers(1, 4)),
        "encoder_filters": sizes(filters, len(encoder_strides)),
        "encoder_kernels": sizes(kernel, len(encoder_strides)),
        "encoder_strides": encoder_strides,
        "decoder_filters": sizes(filters, len(decoder_strides) - 1),
        "decoder_kernels": sizes(kernel, len(decoder_strides)),
        "decoder_strides": decoder_strides,
        "batch_norm": draw(st.booleans()),
        "encoder_order": draw(orders),
        "decoder_order": draw(orders),
    }


@given(height=side, width=side, strides=stride_lists)
def test_encoder_sizes_are_the_ceilings(height, width, strides):
    """ceil(ceil(n / a) / b) = ceil(n / ab): each size is the image's over the product so far."""
    for i, size in enumerate(encoder_sizes((height, width), strides)):
        product = math.prod(strides[: i + 1])
        assert size == (math.ceil(height / product), math.ceil(width / product))


@given(height=side, width=side, strides=stride_lists, data=st.data())
def test_decoder_sizes_end_at_the_image(height, width, strides, data):
    order = tuple(data.draw(st.permutations(strides)))
    start, *sizes = decoder_sizes((height, width), order)
    assert start == encoder_sizes((height, width), strides)[-1]
    assert len(sizes) == len(order)
    assert sizes[-1] == (height, width)
    for before, after, stride in zip([start, *sizes], sizes, order, strict=False):
        for small, large in zip(before, after, strict=True):
            assert (small - 1) * stride < large <= small * stride


@settings(max_examples=60)
@given(height=side, width=side, channels=st.integers(1, 4), given_options=options())
def test_decoding_an_encoding_gives_the_images_shape(height, width, channels, given_options):
    config = configured(**given_options)
    model = build_autoencoder(config, (height, width, channels)).eval()
    x = torch.rand(2, channels, height, width)
    with torch.no_grad():
        z = model.encode(x)
        y = model.decode(z)
    assert z.shape == (2, config.latent_dim)
    assert y.shape == x.shape
    assert ((y >= 0) & (y <= 1)).all()
    factor = math.prod(given_options["encoder_strides"])
    last = math.ceil(height / factor), math.ceil(width / factor)
    assert model.encoder.feature_shape == (given_options["encoder_filters"][-1], *last)
    assert model.decoder.start_shape == (*last, given_options["encoder_filters"][-1])
    assert model.image_shape == (height, width, channels)


@quick
@given(height=side, width=side, encoder_strides=stride_lists, decoder_strides=stride_lists)
def test_strides_that_cannot_reach_the_image_are_an_error(
    height, width, encoder_strides, decoder_strides
):
    up, down = math.prod(decoder_strides), math.prod(encoder_strides)
    start = math.ceil(height / down), math.ceil(width / down)
    reachable = start == (math.ceil(height / up), math.ceil(width / up))
    n, m = len(encoder_strides), len(decoder_strides)
    config = configured(
        encoder_filters=(2,) * n,
        encoder_kernels=(3,) * n,
        encoder_strides=encoder_strides,
        decoder_filters=(2,) * (m - 1),
        decoder_kernels=(3,) * m,
        decoder_strides=decoder_strides,
    )
    if reachable:
        model = build_autoencoder(config, (height, width, 1)).eval()
        assert model.decode(torch.zeros(1, 2)).shape == (1, 1, height, width)
    else:
        with pytest.raises(ShapeError) as caught:
            build_autoencoder(config, (height, width, 1))
        message = str(caught.value)
        assert f"{start[0]} × {start[1]}" in message
        assert f"{height} × {width}" in message
        assert " ".join(map(str, decoder_strides)) in message


def test_a_stride_error_names_both_sizes_and_the_factor():
    config = configured(decoder_strides=(1, 2, 1, 1))
    with pytest.raises(ShapeError, match=r"7 × 7 to .*28 × 28, got strides 1 2 1 1, .*14 × 14"):
        build_autoencoder(config, (28, 28, 1))


@pytest.mark.parametrize("shape", [(2, 1, 28, 27), (2, 1, 27, 28), (2, 3, 28, 28)])
def test_an_image_of_another_shape_is_an_error(shape):
    model = build_autoencoder(ModelConfig(), (28, 28, 1))
    with pytest.raises(
        ShapeError, match=f"28 × 28 × 1 .*, got {shape[2]} × {shape[3]} × {shape[1]}"
    ):
        model.encode(torch.zeros(shape))


@pytest.mark.parametrize("image_shape", [(28, 28, 1), (15, 11, 3)])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_channels_last_memory_gives_the_same_result(image_shape, batch_norm):
    torch.manual_seed(0)
    model = build_autoencoder(configured(batch_norm=batch_norm), image_shape).eval()
    height, width, channels = image_shape
    x = torch.rand(3, channels, height, width)
    last = torch.channels_last
    with torch.no_grad():
        z, y = model.encode(x), model.reconstruct(x)
        torch.testing.assert_close(model.encode(x.to(memory_format=last)), z)
        torch.testing.assert_close(model.reconstruct(x.to(memory_format=last)), y)
        model = model.to(memory_format=last)
        torch.testing.assert_close(model.encode(x.to(memory_format=last)), z)
        torch.testing.assert_close(model.reconstruct(x.to(memory_format=last)), y)


def test_features_are_flattened_in_the_order_of_keras():
    """Height, width, channels, so that carried weights mean the same pixels."""
    config = configured(
        posterior="delta",
        latent_dim=12,
        encoder_filters=(2,),
        encoder_kernels=(1,),
        encoder_strides=(1,),
        decoder_filters=(),
        decoder_kernels=(1,),
        decoder_strides=(1,),
    )
    model = build_autoencoder(config, (2, 3, 2))
    with torch.no_grad():
        model.encoder.blocks[0].conv.weight.copy_(torch.eye(2).view(2, 2, 1, 1))
        model.posterior.heads["mu"].weight.copy_(torch.eye(12))
        x = torch.rand(1, 2, 2, 3)
        assert torch.equal(model.encode(x)[0], x[0].permute(1, 2, 0).flatten())


@quick
@given(given_options=options(), seed=st.integers(0, 1000))
def test_in_evaluation_each_image_is_on_its_own(given_options, seed):
    """No image's latent or decoding depends on the others of its batch."""
    torch.manual_seed(seed)
    config = configured(**(given_options | {"batch_norm": True}))
    model = build_autoencoder(config, (9, 7, 2)).eval()
    x = torch.rand(3, 2, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(model.encode(x)[1:2], model.encode(x[1:2]))
        torch.testing.assert_close(model.reconstruct(x)[1:2], model.reconstruct(x[1:2]))


def test_every_weight_takes_part():
    """Each parameter of a VAE has a gradient that is not zero everywhere."""
    torch.manual_seed(1)
    model = build_autoencoder(configured(batch_norm=True), (12, 8, 1)).train()
    x = torch.rand(4, 1, 12, 8)
    q = model.infer(x)
    z = q.rsample(torch.Generator().manual_seed(2))
    loss = model.likelihood(model.decode(z)).distortion(x) + rate(model.prior, q, z)
    loss.mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_ae_and_vae_differ_in_posterior_and_prior_only():
    ae = build_autoencoder(configured(posterior="delta", prior="box"), (28, 28, 1))
    vae = build_autoencoder(ModelConfig(), (28, 28, 1))
    x = torch.rand(2, 1, 28, 28)
    assert isinstance(ae.infer(x), Delta)
    assert isinstance(vae.infer(x), DiagonalNormal)
    assert vae.is_variational
    assert not ae.is_variational
    assert isinstance(ae.prior, Box)
    assert isinstance(vae.prior, StandardNormal)
    extra = set(vae.state_dict()) - set(ae.state_dict())
    assert extra == {"posterior.heads.log_var.weight", "posterior.heads.log_var.bias"}
    assert str(ae.decoder) == str(vae.decoder)


def test_encoding_is_deterministic_and_sampling_takes_a_seed():
    torch.manual_seed(3)
    model = build_autoencoder(ModelConfig(), (10, 10, 1)).eval()
    x = torch.rand(2, 1, 10, 10)
    with torch.no_grad():
        assert torch.equal(model.encode(x), model.encode(x))
        assert torch.equal(model.encode(x), model.infer(x).mean)
        assert torch.equal(model(x), model.decode(model.encode(x)))
        first, again = (model.sample(4, torch.Generator().manual_seed(5)) for _ in range(2))
        other = model.sample(4, torch.Generator().manual_seed(6))
    assert first.shape == (4, 1, 10, 10)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_building_follows_torchs_global_seed():
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(build_autoencoder(ModelConfig(), (8, 8, 1)).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_output_activation_is_the_last_step():
    outputs = {}
    for name in ("linear", "sigmoid", "tanh"):
        torch.manual_seed(4)
        model = build_autoencoder(configured(output_activation=name), (8, 8, 1)).eval()
        with torch.no_grad():
            outputs[name] = model.decode(3 * torch.ones(2, 2))
    torch.testing.assert_close(outputs["sigmoid"], outputs["linear"].sigmoid())
    torch.testing.assert_close(outputs["tanh"], outputs["linear"].tanh())


def test_an_unknown_posterior_is_an_error():
    with pytest.raises(
        ConfigError, match=r"unknown posterior 'laplace' \(known: .*delta, diagonal"
    ):
        configured(posterior="laplace")


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "linear", "clamp"])
def test_a_decoder_can_begin_at_a_colour(activation: str) -> None:
    config = configured(output_activation=activation)
    model = build_autoencoder(config, (28, 28, 3))
    for parameter in model.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    colour = torch.tensor([0.1, 0.5, 0.9])
    model.init_output_bias(colour.view(3, 1, 1).expand(3, 28, 28))
    x = model.decode(torch.randn(4, 2))
    torch.testing.assert_close(x, colour.view(1, 3, 1, 1).expand_as(x))


def spatial(**options) -> Autoencoder:
    torch.manual_seed(5)
    config = configured(latent_channels=3, **options)
    return build_autoencoder(config, (12, 8, 2))


def test_spatial_latents_are_rows_outside_of_the_networks():
    model = spatial()
    assert model.latent == LatentSpec((3, 3, 2))
    assert model.latent.is_spatial
    assert model.latent_dim == 18
    x = torch.rand(4, 2, 12, 8)
    with torch.no_grad():
        q = model.infer(x)
        z = q.rsample(torch.Generator().manual_seed(1))
        assert q.mean.shape == q.variance.shape == z.shape == (4, 18)
        assert model.decode(z).shape == x.shape
        assert model.sample(5).shape == (5, 2, 12, 8)
        assert model.prior.kl(q).shape == (4,)
        # the head is a 1 × 1 convolution: a row holds channel, height, width
        head = model.posterior.heads["mu"]
        maps = torch.einsum("bchw,oc->bohw", model.encoder(x), head.weight[:, :, 0, 0])
        torch.testing.assert_close(model.latent.shaped(q.mean), maps + head.bias[:, None, None])
        assert torch.equal(model.latent.shaped(q.mean).flatten(1), q.mean)


@pytest.mark.parametrize("decoder", ["convolutional", "mlp"])
@pytest.mark.parametrize("posterior", ["delta", "diagonal-normal"])
def test_gradients_flow_through_spatial_latents(decoder, posterior):
    model = spatial(decoder=decoder, posterior=posterior).train()
    x = torch.rand(4, 2, 12, 8)
    q = model.infer(x)
    z = q.rsample(torch.Generator().manual_seed(2))
    loss = model.pixels(z).distortion(x)
    if not q.is_point:
        loss = loss + rate(model.prior, q, z)
    loss.mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_a_spatial_latent_changes_the_pixels_around_its_place():
    """A decoder of kernels 3, 3, 3, 3 and strides 1, 2, 2, 1 reaches 8 pixels to each side."""
    torch.manual_seed(6)
    model = build_autoencoder(configured(latent_channels=1), (32, 32, 1)).eval()
    assert model.latent.shape == (1, 8, 8)
    z = torch.zeros(2, 64)
    z[1].view(8, 8)[0, 0] = 5.0
    with torch.no_grad():
        one, other = model.decode(z)
    changed = (one != other)[0]
    assert changed[:4, :4].any()
    assert not changed[12:].any()
    assert not changed[:, 12:].any()


@pytest.mark.parametrize("native", [False, True])
def test_spatial_heads_in_bfloat16(native):
    if native and not native_available(torch.bfloat16):
        pytest.skip("no AVX512-BF16 or no g++ on this machine")
    model = spatial(encoder_filters=(8, 16, 16, 16)).eval()
    x = torch.rand(4, 2, 12, 8).to(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = model.infer(x)
        if native:
            use_native(model, torch.bfloat16)
        with torch.autocast("cpu", torch.bfloat16):
            found = model.infer(x)
    for name, tensor in found.tensors().items():
        assert tensor.dtype == torch.float32
        theirs = expected.tensors()[name]
        assert (tensor - theirs).abs().max() < 0.03 * theirs.abs().max(), name


def test_maps_of_another_size_than_the_latents_are_an_error():
    with pytest.raises(ShapeError, match=r"maps must be 4 × 3 .* got 16 × 5 × 3"):
        Heads(["mu"], (16, 5, 3), LatentSpec((2, 4, 3)))
    with pytest.raises(ShapeError, match="enlarge the encoder's maps of 3 × 2 to"):
        spatial(decoder_strides=(1, 2, 1, 1))


def test_heads_read_features_of_any_shape():
    torch.manual_seed(7)
    tokens = torch.rand(4, 5, 6)
    heads = Heads(["a", "b"], (5, 6), LatentSpec((3,)))
    found = heads(tokens)
    assert list(found) == ["a", "b"]
    torch.testing.assert_close(found["b"], tokens.flatten(1) @ heads["b"].weight.T)


def test_heads_of_maps_and_of_rows_read_the_same_features():
    """A parameter of a spatial posterior that is no map: dense, as that of flat latents."""
    torch.manual_seed(7)
    maps = torch.rand(4, 5, 2, 3)
    sizes = {"scale": LatentSpec((7,))}
    found = Heads(["mu", "scale"], (5, 2, 3), LatentSpec((2, 2, 3)), sizes)(maps)
    assert {name: rows.shape for name, rows in found.items()} == {"mu": (4, 12), "scale": (4, 7)}
    torch.manual_seed(7)
    torch.rand(4, 5, 2, 3)
    Heads(["mu"], (5, 2, 3), LatentSpec((2, 2, 3)))
    flat = Heads(["scale"], (5, 2, 3), LatentSpec((7,)))
    torch.testing.assert_close(found["scale"], flat(maps)["scale"])


class Conditional(Decoder):
    """Gives each image the grey of its class."""

    def __init__(self) -> None:
        super().__init__()
        self.grey = torch.nn.Parameter(torch.tensor([0.1, 0.5, 0.9]))

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        assert labels is not None
        return self.grey[labels].view(-1, 1, 1, 1).expand(-1, 1, 8, 8) + 0 * z.sum()

    def init_output_bias(self, image: torch.Tensor) -> None:
        self.grey.data.fill_(image.mean())


def test_labels_reach_encoder_and_decoder():
    model = build_autoencoder(ModelConfig(), (8, 8, 1))
    model.decoder = Conditional()
    seen = []
    model.encoder.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[1]))
    x, labels = torch.rand(3, 1, 8, 8), torch.tensor([2, 0, 1])
    greys = torch.tensor([0.9, 0.1, 0.5])
    torch.testing.assert_close(model.reconstruct(x, labels)[:, 0, 0, 0], greys)
    torch.testing.assert_close(model(x, labels)[:, 0, 3, 3], greys)
    torch.testing.assert_close(model.sample(3, labels=labels)[:, 0, 7, 0], greys)
    model.infer(x, labels)
    model.encode(x)
    assert all(found is labels for found in seen[:-1])
    assert len(seen) == 4
    assert seen[-1] is None

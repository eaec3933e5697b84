"""ModelConfig and its parts: the article's values are the defaults; what cannot be is an error."""

from dataclasses import FrozenInstanceError, replace

import pytest

from reparam.errors import ConfigError, ReparamError
from reparam.model import (
    BernoulliLikelihoodOptions,
    BoxOptions,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DeltaOptions,
    DiagonalNormalOptions,
    GaussianLikelihoodOptions,
    LatentSpec,
    MixturePriorOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    StandardNormalOptions,
    build_autoencoder,
)

ENCODER, DECODER = ConvolutionalEncoderOptions(), ConvolutionalDecoderOptions()
WRONG_LENGTHS = [
    (ENCODER, {"filters": (32, 64, 64)}, "encoder.*3 layers by filters, 4 by kernels, 4 by str"),
    (ENCODER, {"kernels": (3, 3)}, "encoder.*4 layers by filters, 2 by kernels, 4 by strides"),
    (ENCODER, {"strides": (2,)}, "encoder.*4 layers by filters, 4 by kernels, 1 by strides"),
    (ENCODER, {"filters": (), "kernels": (), "strides": ()}, "encoder.*0 layers by filters"),
    (DECODER, {"filters": (64, 64, 32, 1)}, "got 4 filters for 4 kernels. Fix: drop the last"),
    (DECODER, {"filters": (64,)}, "decoder.*2 layers by filters, 4 by kernels, 4 by strides"),
    (DECODER, {"kernels": (3, 3)}, "decoder.*4 layers by filters, 2 by kernels, 4 by strides"),
    (DECODER, {"strides": (2, 2)}, "decoder.*4 layers by filters, 4 by kernels, 2 by strides"),
]
WRONG_VALUES = [
    (ModelConfig(), {"latent_dim": 0}, "latent_dim must be 1 or more, got 0"),
    (ModelConfig(), {"latent_dim": -3}, "latent_dim must be 1 or more, got -3"),
    (ModelConfig(), {"latent_channels": 0}, "latent_channels must be 1 or more, got 0"),
    (ENCODER, {"filters": (32, 0, 64, 64)}, "encoder_filters must be 1 or more, got 0"),
    (ENCODER, {"kernels": (3, 3, -1, 3)}, "encoder_kernels must be 1 or more, got -1"),
    (ENCODER, {"strides": (0, 2, 2, 1)}, "encoder_strides must be 1 or more, got 0"),
    (DECODER, {"filters": (64, 64, 0)}, "decoder_filters must be 1 or more, got 0"),
    (DECODER, {"kernels": (0, 3, 3, 3)}, "decoder_kernels must be 1 or more, got 0"),
    (DECODER, {"strides": (1, 2, 2, -2)}, "decoder_strides must be 1 or more, got -2"),
    (MlpEncoderOptions(), {"widths": (200, 0)}, "encoder_widths must be 1 or more, got 0"),
    (MlpDecoderOptions(), {"widths": (0,)}, "decoder_widths must be 1 or more, got 0"),
    (MixturePriorOptions(), {"components": 0}, "prior_components must be 1 or more, got 0"),
    *(
        (part, changes, message)
        for part in (ENCODER, DECODER)
        for changes, message in (
            ({"dropout": 1.0}, r"dropout.*got 1\.0"),
            ({"dropout": -0.1}, r"dropout.*got -0\.1"),
            ({"dropout": float("nan")}, "dropout.*got nan"),
        )
    ),
    *(
        (part, {"leaky_slope": value}, f"leaky_slope must be 0 or more, got {value}")
        for part in (ENCODER, DECODER, MlpEncoderOptions(), MlpDecoderOptions())
        for value in (-0.3, float("nan"))
    ),
]


def test_the_defaults_are_the_articles():
    config = ModelConfig()
    assert config.latent_dim == 2
    assert config.latent_channels is None
    encoder, decoder = config.encoder, config.decoder
    assert isinstance(encoder, ConvolutionalEncoderOptions)
    assert isinstance(decoder, ConvolutionalDecoderOptions)
    assert encoder.filters == (32, 64, 64, 64)
    assert encoder.kernels == decoder.kernels == (3, 3, 3, 3)
    assert encoder.strides == decoder.strides == (1, 2, 2, 1)
    assert decoder.filters == (64, 64, 32)
    assert (encoder.order, decoder.order) == ("norm-act", "act-norm")
    for half in (encoder, decoder):
        assert not half.batch_norm
        assert half.dropout == 0
        assert half.leaky_slope == 0.3
    assert decoder.output_activation == "sigmoid"
    assert config.posterior == DiagonalNormalOptions()
    assert config.prior == StandardNormalOptions()
    assert config.likelihood == GaussianLikelihoodOptions()


@pytest.mark.parametrize(("options", "changes", "message"), WRONG_LENGTHS + WRONG_VALUES, ids=str)
def test_what_cannot_be_is_an_error(options, changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        replace(options, **changes)
    assert isinstance(caught.value, ReparamError)
    assert isinstance(caught.value, ValueError)
    assert "Fix: " in str(caught.value)  # after what was found


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (ENCODER, {"dropout": 0.0}),
        (DECODER, {"dropout": 0.99}),
        (ENCODER, {"leaky_slope": 0.0}),
        (ModelConfig(), {"latent_dim": 1}),
        (DECODER, {"filters": (), "kernels": (4,), "strides": (4,)}),
        (ENCODER, {"filters": (1,), "kernels": (1,), "strides": (4,)}),
        (MlpEncoderOptions(), {"widths": ()}),
    ],
    ids=str,
)
def test_the_edges_of_what_can_be(options, changes):
    changed = replace(options, **changes)
    for name, value in changes.items():
        assert getattr(changed, name) == value


def test_an_unknown_choice_is_an_error_also_without_a_type_checker():
    for part, name in (
        (ConvolutionalEncoderOptions(), "order"),
        (ConvolutionalDecoderOptions(), "output_activation"),
        (MlpEncoderOptions(), "hidden_activation"),
        (MixturePriorOptions(), "covariance"),
    ):
        object.__setattr__(part, name, "none of these")  # what the tests' type checker refuses
        with pytest.raises(ConfigError, match=f"{name} must be one of .* got 'none of these'"):
            part.__post_init__()


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        ModelConfig().latent_dim = 3
    with pytest.raises(FrozenInstanceError):
        ENCODER.filters = (3,)


def test_latents_are_rows_or_maps_as_large_as_the_encoders():
    assert ModelConfig(latent_dim=5).latent((64, 7, 6)) == LatentSpec((5,))
    assert ModelConfig(latent_channels=3).latent((64, 7, 6)) == LatentSpec((3, 7, 6))
    with pytest.raises(ConfigError, match="encoder that gives maps, got mlp"):
        ModelConfig(encoder=MlpEncoderOptions(), latent_channels=3).latent((200,))


def test_resolving_defaults_writes_the_weight_out_once():
    resolved = ModelConfig().resolve_defaults()
    assert resolved == ModelConfig(likelihood=GaussianLikelihoodOptions(weight=1000.0))
    assert resolved.resolve_defaults() == resolved
    bernoulli = ModelConfig(likelihood=BernoulliLikelihoodOptions())
    assert bernoulli.resolve_defaults() == bernoulli


def test_parts_are_built_as_they_are_named():
    config = ModelConfig(
        encoder=MlpEncoderOptions((9,)), posterior=DeltaOptions(), prior=BoxOptions()
    )
    model = build_autoencoder(config, (8, 8, 1))
    assert not model.is_variational
    assert model.prior.kind == config.prior.type == "box"
    assert model.encoder.feature_shape == (9,)
    assert [part.type for part in (config.encoder, config.decoder, config.posterior)] == [
        "mlp",
        "convolutional",
        "delta",
    ]


def test_a_convolutional_decoder_needs_no_convolutional_encoder():
    for filters in ((), (6,)):
        layers = len(filters) + 1
        decoder = ConvolutionalDecoderOptions(filters, (3,) * layers, (2,) * layers)
        config = ModelConfig(encoder=MlpEncoderOptions((9,)), decoder=decoder)
        model = build_autoencoder(config, (8, 6, 3))
        assert model.decoder.start_shape[2] == (*filters, 3)[0]

"""ModelConfig: the article's values are the defaults; what cannot be is an error with a mend."""

from dataclasses import FrozenInstanceError, replace

import pytest

from reparam.errors import ConfigError, ReparamError
from reparam.model import ModelConfig


def test_the_defaults_are_the_articles():
    config = ModelConfig()
    assert config.latent_dim == 2
    assert config.encoder_filters == (32, 64, 64, 64)
    assert config.encoder_kernels == config.decoder_kernels == (3, 3, 3, 3)
    assert config.encoder_strides == config.decoder_strides == (1, 2, 2, 1)
    assert config.decoder_filters == (64, 64, 32)
    assert (config.encoder_order, config.decoder_order) == ("norm-act", "act-norm")
    assert not config.batch_norm
    assert config.dropout == 0
    assert config.leaky_slope == 0.3
    assert config.output_activation == "sigmoid"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder_filters": (32, 64, 64)}, "encoder.*3 layers by filters, 4 by kernels, 4 by str"),
        ({"encoder_kernels": (3, 3)}, "encoder.*4 layers by filters, 2 by kernels, 4 by strides"),
        ({"encoder_strides": (2,)}, "encoder.*4 layers by filters, 4 by kernels, 1 by strides"),
        (
            {"encoder_filters": (), "encoder_kernels": (), "encoder_strides": ()},
            "encoder.*0 layers by filters",
        ),
        ({"decoder_filters": (64, 64, 32, 1)}, "found 4 filters for 4 kernels: drop the last"),
        ({"decoder_filters": (64,)}, "decoder.*2 layers by filters, 4 by kernels, 4 by strides"),
        ({"decoder_kernels": (3, 3)}, "decoder.*4 layers by filters, 2 by kernels, 4 by strides"),
        ({"decoder_strides": (2, 2)}, "decoder.*4 layers by filters, 4 by kernels, 2 by strides"),
        ({"latent_dim": 0}, "latent_dim must be 1 or more, found 0"),
        ({"latent_dim": -3}, "latent_dim must be 1 or more, found -3"),
        ({"encoder_filters": (32, 0, 64, 64)}, "encoder_filters must be 1 or more, found 0"),
        ({"encoder_kernels": (3, 3, -1, 3)}, "encoder_kernels must be 1 or more, found -1"),
        ({"encoder_strides": (0, 2, 2, 1)}, "encoder_strides must be 1 or more, found 0"),
        ({"decoder_filters": (64, 64, 0)}, "decoder_filters must be 1 or more, found 0"),
        ({"decoder_kernels": (0, 3, 3, 3)}, "decoder_kernels must be 1 or more, found 0"),
        ({"decoder_strides": (1, 2, 2, -2)}, "decoder_strides must be 1 or more, found -2"),
        ({"dropout": 1.0}, "dropout.*found 1.0"),
        ({"dropout": -0.1}, "dropout.*found -0.1"),
        ({"dropout": float("nan")}, "dropout.*found nan"),
        ({"leaky_slope": -0.3}, "leaky_slope must be 0 or more, found -0.3"),
        ({"leaky_slope": float("nan")}, "leaky_slope must be 0 or more, found nan"),
    ],
    ids=str,
)
def test_what_cannot_be_is_an_error(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        replace(ModelConfig(), **changes)
    assert isinstance(caught.value, ReparamError)
    assert isinstance(caught.value, ValueError)
    assert ":" in str(caught.value)  # what was found, then the mend


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.0},
        {"dropout": 0.99},
        {"leaky_slope": 0.0},
        {"latent_dim": 1},
        {"decoder_filters": (), "decoder_kernels": (4,), "decoder_strides": (4,)},
        {"encoder_filters": (1,), "encoder_kernels": (1,), "encoder_strides": (4,)},
    ],
    ids=str,
)
def test_the_edges_of_what_can_be(changes):
    config = replace(ModelConfig(), **changes)
    for name, value in changes.items():
        assert getattr(config, name) == value


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        ModelConfig().latent_dim = 3

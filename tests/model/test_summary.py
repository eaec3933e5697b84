"""The table of layers: rows that add up, the article's figures, and a model left as it was."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.model import (
    DeltaOptions,
    ModelConfig,
    build_autoencoder,
    layer_table,
    parameter_counts,
)

from .configs import configured

ARTICLE_ENCODER = [
    ("convolution 3 × 3, stride 1", (28, 28, 32), 9 * 1 * 32 + 32),
    ("convolution 3 × 3, stride 2", (14, 14, 64), 9 * 32 * 64 + 64),
    ("convolution 3 × 3, stride 2", (7, 7, 64), 9 * 64 * 64 + 64),
    ("convolution 3 × 3, stride 1", (7, 7, 64), 9 * 64 * 64 + 64),
    ("dense: mu", (2,), 7 * 7 * 64 * 2 + 2),
]
ARTICLE_DECODER = [
    ("dense", (7 * 7 * 64,), 2 * 3136 + 3136),
    ("transposed convolution 3 × 3, stride 1", (7, 7, 64), 9 * 64 * 64 + 64),
    ("transposed convolution 3 × 3, stride 2", (14, 14, 64), 9 * 64 * 64 + 64),
    ("transposed convolution 3 × 3, stride 2", (28, 28, 32), 9 * 64 * 32 + 32),
    ("transposed convolution 3 × 3, stride 1", (28, 28, 1), 9 * 32 * 1 + 1),
]


def rows(model, half: str) -> list[tuple]:
    return [(r.layer, r.shape, r.parameters) for r in layer_table(model) if r.half == half]


def test_the_articles_layers():
    ae = build_autoencoder(ModelConfig(posterior=DeltaOptions()), (28, 28, 1))
    vae = build_autoencoder(ModelConfig(), (28, 28, 1))
    log_var = ("dense: log_var", *ARTICLE_ENCODER[-1][1:])
    assert rows(ae, "encoder") == ARTICLE_ENCODER
    assert rows(vae, "encoder") == [*ARTICLE_ENCODER, log_var]
    assert rows(ae, "decoder") == rows(vae, "decoder") == ARTICLE_DECODER


@settings(max_examples=25)
@given(
    image_shape=st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 3)),
    strides=st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple),
    posterior=st.sampled_from(["delta", "diagonal-normal"]),
    batch_norm=st.booleans(),
    dropout=st.sampled_from([0.0, 0.25]),
)
def test_rows_add_up_to_the_totals(image_shape, strides, posterior, batch_norm, dropout):
    n = len(strides)
    config = configured(
        posterior=posterior,
        encoder_filters=(3, 5, 2)[:n],
        encoder_kernels=(3, 2, 1)[:n],
        encoder_strides=strides,
        decoder_filters=(4, 3)[: n - 1],
        decoder_kernels=(2, 5, 3)[:n],
        decoder_strides=strides[::-1],
        batch_norm=batch_norm,
        dropout=dropout,
    )
    model = build_autoencoder(config, image_shape)
    table = layer_table(model)
    counts = parameter_counts(model)
    for half, total in counts.items():
        assert sum(row.parameters for row in table if row.half == half) == total
    assert sum(counts.values()) == sum(p.numel() for p in model.parameters())
    assert sum("batch normalisation" in row.layer for row in table) == batch_norm * (2 * n - 1)
    assert sum("dropout" in row.layer for row in table) == (dropout > 0) * (2 * n - 1)
    assert table[-1].shape == image_shape
    dense = next(row for row in table if row.layer == "dense")
    assert dense.shape == (math.prod(model.decoder.start_shape),)
    assert dense.parameters == (config.latent_dim + 1) * math.prod(dense.shape)
    assert [row.half for row in table] == sorted((r.half for r in table), reverse=True)


@pytest.mark.parametrize("training", [False, True])
def test_the_model_is_left_as_it_was(training):
    model = build_autoencoder(configured(batch_norm=True, dropout=0.25), (12, 12, 1))
    model.train(training)
    before = {name: values.clone() for name, values in model.state_dict().items()}
    random_state = torch.get_rng_state()
    first, second = layer_table(model), layer_table(model)
    assert first == second  # a hook left behind would add rows
    assert all(module.training == training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, values in model.state_dict().items():
        assert torch.equal(values, before[name]), name


def test_a_layer_from_outside_may_give_more_than_a_tensor():
    model = build_autoencoder(configured(), (12, 12, 1))
    encode = model.encoder.forward
    model.encoder.memory = torch.nn.LSTM(4, 4)

    def forward(x, *condition):
        model.encoder.memory(torch.zeros(1, 1, 4))
        return encode(x, *condition)

    model.encoder.forward = forward
    row = next(row for row in layer_table(model) if row.layer == "LSTM")
    assert row.shape == ()
    assert row.parameters > 0

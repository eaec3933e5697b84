"""Configurations of format 1, of each preset of then, as those of today."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from reparam.data import DataConfig
from reparam.model import (
    BernoulliLikelihoodOptions,
    BoxOptions,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DeltaOptions,
    GaussianLikelihoodOptions,
    MixturePriorOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
)
from reparam.objective import Elbo, InputConfig, Reconstruction
from reparam.runs import RunConfig, migrate_config, resolve, to_mapping
from reparam.runs.migrations import FORMAT, migrate_prior, migrate_weights

FOLDER = Path(__file__).parents[1] / "data" / "runs" / "format-1"
SECTIONS = ("preset", "data", "inputs", "model", "objective", "terms", "training", "seed")


def recorded(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name / "config.json").read_text(encoding="utf-8"))


def migrated(record: dict[str, Any]) -> RunConfig:
    new = migrate_config(record, record["format"])
    return resolve(RunConfig(), [("config.json", {name: new[name] for name in SECTIONS})])


def convolutional(order: str = "norm-act", **options: Any) -> ConvolutionalEncoderOptions:
    return ConvolutionalEncoderOptions((4, 8), (3, 3), (1, 2), order=order, **options)


DECODER = ConvolutionalDecoderOptions((8,), (3, 3), (2, 1))
AE = ModelConfig(
    encoder=convolutional("act-norm"),
    posterior=DeltaOptions(),
    prior=BoxOptions(),
    decoder=DECODER,
    likelihood=GaussianLikelihoodOptions(weight=1.0),
)
MODELS = {
    "ae": AE,
    "ae-functional": replace(
        AE,
        encoder=convolutional(batch_norm=True),
        decoder=replace(DECODER, batch_norm=True, order="norm-act", output_activation="tanh"),
    ),
    "dae": replace(AE, latent_dim=4),
    "vae": ModelConfig(
        encoder=convolutional(),
        decoder=DECODER,
        likelihood=GaussianLikelihoodOptions(weight=1000.0),
    ),
    "burda": ModelConfig(
        latent_dim=3,
        encoder=MlpEncoderOptions((24, 16)),
        decoder=MlpDecoderOptions((16, 24)),
        likelihood=BernoulliLikelihoodOptions(),
    ),
}
INPUTS = {"dae": InputConfig(corrupt="gaussian"), "burda": InputConfig(binarise="dynamic")}


@pytest.mark.parametrize("name", MODELS)
def test_each_preset_of_then(name: str) -> None:
    record = recorded(name)
    found = migrated(record)
    assert found.model == MODELS[name]
    assert found.inputs == INPUTS.get(name, InputConfig())
    assert found.objective == (Elbo() if name in ("vae", "burda") else Reconstruction())
    assert found.terms == ()
    assert found.preset == name
    assert found.seed == record["seed"]
    assert isinstance(found.data, DataConfig)
    assert to_mapping(found.training).items() >= record["training"].items()
    assert to_mapping(found.data).items() >= record["data"].items()


@pytest.mark.parametrize("name", MODELS)
def test_the_rest_of_the_record_is_kept(name: str) -> None:
    record = recorded(name)
    new = migrate_config(record, 1)
    assert new["format"] == FORMAT
    assert new["plugins"] == {}
    for key in ("fingerprint", "image_shape", "class_names", "versions", "command", "created"):
        assert new[key] == record[key]
    assert record == recorded(name)  # left as it was


def test_a_record_of_today_stays() -> None:
    record = {"format": FORMAT, **to_mapping(RunConfig())}
    assert migrate_config(record, FORMAT) == record


def changed(section: str, **options: Any) -> RunConfig:
    record = recorded("vae")
    record[section] |= options
    return migrated(record)


def test_options_that_no_preset_has() -> None:
    found = changed("objective", weight=None, beta=0.2, free_bits=0.1, binarise="threshold")
    assert found.model.likelihood == GaussianLikelihoodOptions(beta=0.2)
    assert found.objective == Elbo(free_bits=0.1)
    assert found.inputs.binarise == "threshold"
    found = changed("objective", weight=None, target_rate=9.0)
    assert found.model.likelihood == GaussianLikelihoodOptions(target_rate=9.0)
    found = changed("model", prior="mixture", prior_components=4, latent_dim=7)
    assert found.model.prior == MixturePriorOptions(4)
    assert found.model.latent_dim == 7
    found = changed("model", dropout=0.25, leaky_slope=0.1)
    for half in (found.model.encoder, found.model.decoder):
        assert (half.dropout, half.leaky_slope) == (0.25, 0.1)
    found = changed("model", architecture="mlp", hidden_activation="leaky-relu", leaky_slope=0.1)
    assert found.model.encoder == MlpEncoderOptions((24, 16), "leaky-relu", 0.1)
    assert found.model.decoder == MlpDecoderOptions((16, 24), "leaky-relu", 0.1)


@pytest.mark.parametrize("weight", [5.0, "auto"])
def test_an_aes_weight_was_always_one(weight: float | str) -> None:
    """Whatever was given: without a rate it had no effect."""
    record = recorded("ae")
    record["objective"]["weight"] = weight
    assert migrated(record) == migrated(recorded("ae"))


def test_a_record_of_an_early_version_has_not_every_option() -> None:
    record = recorded("vae")
    for name in ("prior_components", "likelihood", "architecture", "encoder_widths"):
        del record["model"][name]
    for name in ("binarise", "free_bits", "regulariser", "beta"):
        del record["objective"][name]
    assert migrated(record) == migrated(recorded("vae"))


def test_the_heads_are_the_posteriors_now() -> None:
    old = {"encoder.heads.mu.weight": torch.ones(2), "encoder.blocks.0.0.bias": torch.zeros(3)}
    assert set(migrate_weights(old, 1)) == {"posterior.heads.mu.weight", "encoder.blocks.0.0.bias"}
    assert migrate_weights(old, FORMAT) is old
    prefixed = {f"model.{name}": values for name, values in old.items()}
    assert "model.posterior.heads.mu.weight" in migrate_weights(prefixed, 1, "model.")


def test_a_fitted_prior_is_tagged() -> None:
    old = {"prior": "mixture", "sizes": {"latent_dim": 2, "components": 4}, "seed": 1}
    assert migrate_prior(old, 1)["prior"] == {"type": "mixture", "components": 4}
    assert migrate_prior(old, FORMAT) is old

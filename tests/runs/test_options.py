"""Options by name: layers, parts, exclusive weights, round trips, and what cannot be."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError, RunError
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    BoxOptions,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DeltaOptions,
    GaussianLikelihoodOptions,
    GaussianPriorOptions,
    MixturePriorOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
)
from reparam.objective import OBJECTIVES, TERMS, Drawn, Elbo, Reconstruction, Term, TermOptions
from reparam.runs import (
    PRESETS,
    RECIPES,
    RunConfig,
    options_of,
    preset_config,
    read_config_file,
    resolve,
    shared_options,
    to_mapping,
)
from reparam.runs.resolving import _coerce
from reparam.types import PerExample

# beartype draws at random which items of a tuple it looks at.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

VAE, AE = RunConfig(), PRESETS["ae"].config


@dataclass(frozen=True)
class First(TermOptions):
    """A term of the tests."""

    scale: float = 1.0
    """Of nothing."""

    def build(self, model: Autoencoder) -> Term:
        return Nothing()


@dataclass(frozen=True)
class Second(First):
    """Another one."""


class Nothing(Term):
    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        return drawn.z.sum(1) * 0


@pytest.fixture(autouse=True, scope="module")
def _terms() -> Iterator[None]:
    """For these tests alone: others look at all terms that there are."""
    TERMS.register("first-test")(First)
    TERMS.register("second-test")(Second)
    yield
    del TERMS._members["first-test"], TERMS._members["second-test"]


def resolved(*layers: Mapping[str, Any], config: RunConfig = VAE) -> RunConfig:
    return resolve(config, [(f"layer {i}", layer) for i, layer in enumerate(layers, 1)])


@dataclass(frozen=True)
class Long(Elbo):
    """An objective with options that the run and the command have."""

    epochs: int = 3


@dataclass(frozen=True)
class Helpful(Elbo):
    help: bool = True


@pytest.mark.parametrize(
    ("made", "said"),
    [(Long, "--epochs .* objective test and of training"), (Helpful, "--help .* the command")],
)
def test_an_option_is_of_one_thing(made: type[Elbo], said: str) -> None:
    OBJECTIVES.register("test")(made)
    try:
        with pytest.raises(ConfigError, match=f"option {said}.*Fix: give the field"):
            options_of(replace(VAE, objective=made()))
    finally:
        del OBJECTIVES._members["test"]


# Round trips


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_comes_back_from_its_mapping(preset: str, recipe: str) -> None:
    config = preset_config(preset, recipe)
    mapping = to_mapping(config)
    assert resolved(mapping) == config
    assert resolved(mapping, config=preset_config("burda")) == config
    assert to_mapping(resolved(mapping)) == mapping


def test_a_mapping_is_json_with_tagged_parts() -> None:
    mapping = to_mapping(resolved({"terms": [Second(weight=2.0)], "source": "images.npz"}))
    assert mapping["model"]["encoder"]["type"] == "convolutional"
    assert mapping["model"]["encoder"]["filters"] == [32, 64, 64, 64]
    assert mapping["objective"] == {"type": "elbo", "free_bits": 0.0, "rate_weight": 1.0}
    assert mapping["terms"] == [{"type": "second-test", "weight": 2.0, "scale": 1.0}]
    assert mapping["data"]["source"] == "images.npz"


sizes = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)
slopes = st.floats(0, 1)
encoders = st.one_of(
    st.builds(
        MlpEncoderOptions,
        widths=sizes,
        hidden_activation=st.sampled_from(["tanh", "relu", "leaky-relu"]),
        leaky_slope=slopes,
    ),
    sizes.flatmap(
        lambda filters: st.builds(
            ConvolutionalEncoderOptions,
            filters=st.just(filters),
            kernels=st.just((3,) * len(filters)),
            strides=st.just((2,) * len(filters)),
            batch_norm=st.booleans(),
            dropout=st.floats(0, 0.9),
            order=st.sampled_from(["act-norm", "norm-act"]),
        )
    ),
)
decoders = st.one_of(
    st.builds(MlpDecoderOptions, widths=sizes, leaky_slope=slopes),
    st.builds(ConvolutionalDecoderOptions, batch_norm=st.booleans(), dropout=st.floats(0, 0.9)),
)
amounts = st.floats(1e-3, 1e3)
likelihoods = st.one_of(
    st.just(BernoulliLikelihoodOptions()),
    st.just(GaussianLikelihoodOptions()),
    st.just(GaussianLikelihoodOptions(weight="auto")),
    *(
        amounts.map(lambda value, name=name: GaussianLikelihoodOptions(**{name: value}))
        for name in ("weight", "beta", "sigma", "target_mse", "target_rate")
    ),
)
priors = st.one_of(
    st.builds(GaussianPriorOptions, covariance=st.sampled_from(["auto", "full", "diagonal"])),
    st.builds(MixturePriorOptions, components=st.integers(1, 20)),
)
models = st.builds(
    ModelConfig,
    latent_dim=st.integers(1, 64),
    latent_channels=st.none() | st.integers(1, 4),
    encoder=encoders,
    decoder=decoders,
    prior=priors,
    likelihood=likelihoods,
)
terms = st.lists(
    st.sampled_from([First, Second]).flatmap(
        lambda kind: st.builds(kind, weight=amounts, scale=amounts)
    ),
    max_size=2,
    unique_by=type,
).map(tuple)
configs = st.builds(
    RunConfig,
    model=models,
    terms=terms,
    seed=st.integers(0, 2**32 - 1),
    objective=st.just(Elbo()),
)


@settings(max_examples=40)
@given(config=configs, base=configs)
def test_any_configuration_comes_back_from_its_mapping(config: RunConfig, base: RunConfig) -> None:
    mapping = to_mapping(config)
    assert resolve(base, [("file", mapping)]) == config
    assert resolve(base, [("file", to_mapping(base)), ("flags", mapping)]) == config


@settings(max_examples=40)
@given(config=configs, base=configs)
def test_any_configuration_comes_back_from_options_by_name_and_from_its_parts(
    config: RunConfig, base: RunConfig
) -> None:
    """Flat, as flags give them; and with parts as they are."""
    options = options_of(config)
    flat = {name: option.default for name, option in options.items()}
    assert resolve(base, [("flags", {**NO_WEIGHT, **flat} if _weighed(config) else flat)]) == config
    parts = {name: getattr(config.model, name) for name in ("encoder", "prior", "likelihood")}
    rest = {"decoder": config.model.decoder, "posterior": config.model.posterior}
    sizes = {"latent_dim": config.model.latent_dim, "seed": config.seed}
    channels = {"latent_channels": config.model.latent_channels}
    layer = {**parts, **rest, **sizes, **channels, "terms": config.terms}
    assert resolve(base, [("python", layer)]) == config


NO_WEIGHT = dict.fromkeys(("weight", "beta", "sigma", "target_mse", "target_rate"))


def _weighed(config: RunConfig) -> bool:
    return config.model.likelihood.has_weight


# Layers


def test_without_layers_nothing_changes() -> None:
    assert resolved() == VAE
    assert resolved({}, {}) == VAE


def test_a_later_layer_wins() -> None:
    found = resolved({"latent_dim": 3, "epochs": 7}, {"latent_dim": 5}, {"encoder": "mlp"})
    assert found.model.latent_dim == 5
    assert found.training.epochs == 7
    assert found.model.encoder == MlpEncoderOptions()
    assert resolved({"encoder": "mlp"}, {"encoder": "convolutional"}) == VAE


def test_options_stand_in_sections_or_outside() -> None:
    expected = replace(
        VAE,
        model=ModelConfig(latent_dim=4, encoder=MlpEncoderOptions((7,))),
        training=replace(VAE.training, epochs=2),
    )
    for layer in (
        {"latent_dim": 4, "encoder": "mlp", "encoder_widths": [7], "epochs": 2},
        {
            "model": {"latent_dim": 4, "encoder": {"type": "mlp", "widths": [7]}},
            "training": {"epochs": 2},
        },
        {
            "model": {"latent_dim": 4, "encoder": "mlp", "encoder_widths": [7]},
            "training": {"epochs": 2},
        },
        {"encoder": {"type": "mlp", "widths": (7,)}, "model": {"latent_dim": 4}, "epochs": 2},
        {"encoder": MlpEncoderOptions((7,)), "model": {"latent_dim": 4}, "epochs": 2},
    ):
        assert resolved(layer) == expected


def test_a_partial_mapping_keeps_the_part_and_its_other_options() -> None:
    first = {"encoder": {"type": "mlp", "widths": [5], "hidden_activation": "relu"}}
    found = resolved(first, {"encoder": {"widths": [6, 7]}})
    assert found.model.encoder == MlpEncoderOptions((6, 7), "relu")
    found = resolved({"model": {"decoder": {"batch_norm": True}}})
    assert found.model.decoder == ConvolutionalDecoderOptions(batch_norm=True)


def test_naming_the_part_that_is_there_keeps_its_options() -> None:
    assert resolved({"likelihood": "gaussian"}, config=AE) == AE
    assert resolved({"encoder": {"type": "convolutional"}}, config=AE) == AE


def test_a_part_itself_takes_the_place_of_all_options_before_it() -> None:
    part = MlpEncoderOptions((3,))
    for earlier in (
        {"encoder": "mlp", "encoder_widths": [4], "encoder_hidden_activation": "relu"},
        {"encoder": {"type": "mlp", "widths": [4]}},
        {"encoder": MlpEncoderOptions((9, 9), "relu")},
    ):
        assert resolved(earlier, {"encoder": part}).model.encoder == part
    # and an option behind it changes it
    found = resolved({"encoder": part}, {"encoder_widths": [4]})
    assert found.model.encoder == MlpEncoderOptions((4,))


def test_the_options_of_a_part_that_a_later_layer_replaces_count_for_nothing() -> None:
    """A file takes an MLP, and a flag a convolutional encoder instead."""
    for file in (
        {"model": {"encoder": {"type": "mlp", "widths": [4]}}},
        {"encoder": MlpEncoderOptions((4,))},
    ):
        assert resolved(file, {"encoder": "convolutional"}) == VAE
    terms = {"terms": [{"type": "first-test", "weight": 3.0}, Second(scale=2.0)]}
    found = resolved(terms, {"terms": ["first-test"]})
    assert found.terms == (First(weight=3.0),)
    assert resolved(terms, {"terms": []}).terms == ()


def test_one_name_sets_an_option_of_several_parts() -> None:
    found = resolved({"dropout": 0.25, "batch_norm": True})
    assert found.model.encoder == ConvolutionalEncoderOptions(batch_norm=True, dropout=0.25)
    assert found.model.decoder == ConvolutionalDecoderOptions(batch_norm=True, dropout=0.25)
    found = resolved({"dropout": 0.25}, {"decoder_dropout": 0.5})
    assert (found.model.encoder.dropout, found.model.decoder.dropout) == (0.25, 0.5)
    shared = shared_options(options_of(VAE))
    assert [option.name for option in shared["dropout"]] == ["encoder_dropout", "decoder_dropout"]
    assert "latent_dim" not in shared
    assert "weight" not in shared


# Exclusive options


@pytest.mark.parametrize("name", ["beta", "sigma", "target_mse", "target_rate"])
def test_a_weight_in_one_unit_takes_the_place_of_another(name: str) -> None:
    expected = GaussianLikelihoodOptions(**{name: 0.5})
    assert resolved({name: 0.5}).model.likelihood == expected
    assert resolved({"weight": 3.0}, {name: 0.5}).model.likelihood == expected
    assert resolved({"likelihood": {"weight": 3.0}}, {name: 0.5}).model.likelihood == expected
    assert resolved({name: 0.5}, {"weight": "auto"}).model.likelihood == GaussianLikelihoodOptions(
        weight="auto"
    )
    # the weight of a preset
    reconstruct = replace(AE, objective=Elbo(), model=replace(VAE.model, likelihood=expected))
    assert resolved({"weight": 2.0}, config=reconstruct).model.likelihood.given == ("weight",)


def test_one_layer_with_two_weights_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"layer 1: the weight must be given once.*Fix: keep one"):
        resolved({"weight": 3.0, "beta": 0.5})
    with pytest.raises(ConfigError, match="layer 2: the weight must be given once"):
        resolved({"weight": 3.0}, {"likelihood": {"sigma": 0.1, "beta": 0.5}})


def test_a_weight_that_is_none_takes_no_ones_place() -> None:
    found = resolved({"weight": 3.0}, {"beta": None, "sigma": None})
    assert found.model.likelihood == GaussianLikelihoodOptions(weight=3.0)
    assert resolved({"beta": None}, config=AE) == AE
    whole = to_mapping(GaussianLikelihoodOptions(sigma=0.2))
    found = resolved({"weight": 3.0}, {"likelihood": whole})
    assert found.model.likelihood == GaussianLikelihoodOptions(sigma=0.2)
    found = resolved({"weight": 3.0}, {"likelihood": GaussianLikelihoodOptions()})
    assert found.model.likelihood == GaussianLikelihoodOptions()


# Terms


def test_terms_by_name_by_mapping_and_as_they_are() -> None:
    assert resolved({"terms": "first-test"}).terms == (First(),)
    assert resolved({"terms": ["second-test", "first-test"]}).terms == (Second(), First())
    found = resolved({"terms": [{"type": "first-test", "weight": 2}, Second(scale=3.0)]})
    assert found.terms == (First(weight=2.0), Second(scale=3.0))
    found = resolved({"terms": ["first-test", "second-test"], "second_test_weight": 0.5})
    assert found.terms == (First(), Second(weight=0.5))
    found = resolved({"terms": [First(scale=9.0)]}, {"first_test_weight": 4})
    assert found.terms == (First(weight=4.0, scale=9.0),)
    # a later list replaces the earlier one; a term that stays keeps its options
    found = resolved({"terms": [First(weight=2.0)]}, {"terms": ["second-test", "first-test"]})
    assert found.terms == (Second(), First(weight=2.0))


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (["first-test", "first-test"], "terms must be different ones, got first-test first-test"),
        ([{"weight": 2.0}], "terms must be the name of a part or its options with a type"),
        ({"first-test": 2.0}, "terms must be a list, got"),
        (["third-test"], "unknown term 'third-test'"),
        ([{"type": "first-test", "power": 2}], "terms first-test: unknown option 'power'"),
        ([MlpEncoderOptions()], "must be of kind term, got MlpEncoderOptions"),
        (3, "terms must be a list, got 3"),
    ],
    ids=str,
)
def test_terms_that_cannot_be(terms: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        resolved({"terms": terms})
    assert str(caught.value).startswith("layer 1")


def test_terms_that_are_alike_are_refused_also_in_python() -> None:
    with pytest.raises(ConfigError, match="terms must be different ones"):
        replace(VAE, terms=(First(), First(weight=2.0)))


# What cannot be


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"latent_dim": "three"}, "layer 1: latent_dim must be int, got 'three'"),
        ({"latent_dim": 2.5}, "latent_dim must be int, got 2.5"),
        ({"latent_dim": True}, "latent_dim must be int, got True"),
        ({"learning_rate": True}, "learning_rate must be float, got True"),
        ({"learning_rate": 10**400}, "learning_rate must be float, got 1000"),
        ({"batch_norm": 1}, "batch_norm must be bool, got 1"),
        ({"encoder_filters": [3, "4"]}, r"filters must be tuple\[int, ...\], got \(3, '4'\)"),
        ({"encoder_filters": [3, True]}, r"filters must be tuple\[int, ...\], got \(3, True\)"),
        ({"encoder_filters": 3}, "filters must be tuple"),
        ({"output_activation": "relu"}, "output_activation must be .* got 'relu'"),
        ({"optimiser": "sgd"}, "optimiser must be .*'adam', 'muon'.* got 'sgd'"),
        ({"encoder": 3}, "encoder must be the name of a part or its options with a type, got 3"),
        ({"encoder": {"type": 3}}, "encoder must be the name of a part"),
        ({"encoder": DeltaOptions()}, "encoder must be of kind encoder, got DeltaOptions"),
        ({"encoder": "vit"}, "layer 1: encoder: unknown encoder 'vit'"),
        ({"model": 3}, "model must be a section of options, got 3"),
        ({"training": [1]}, "training must be a section of options"),
    ],
    ids=str,
)
def test_values_of_a_wrong_type(layer: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolved(layer)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"latnt_dim": 3}, "unknown option 'latnt_dim'; did you mean latent_dim"),
        (
            {"encoder_widths": [3]},
            "'encoder_widths' belongs to encoder mlp, got encoder convolutional",
        ),
        ({"encoder": {"widths": [3]}}, "encoder convolutional: option 'widths' belongs to encoder"),
        (
            {"encoder": "mlp", "encoder_filters": [3]},
            "belongs to encoder convolutional and kl and residual, got",
        ),
        ({"prior_components": 3}, "belongs to prior vamp and chain and exemplar and mixture, got"),
        ({"prior_covariance": "full"}, "belongs to prior gaussian and mixture.*--prior gaussian"),
        ({"likelihood": "bernoulli", "beta": 1.0}, "'beta' belongs to likelihood gaussian"),
        ({"training": {"widths": [3]}}, "layer 1, section training: option 'widths' belongs to"),
        ({"training": {"latent_dim": 3}}, "section training: option 'latent_dim' is one of model"),
        (
            {"objective": {"weight": 3.0}},
            "option 'weight' is one of likelihood gaussian, got it el",
        ),
        ({"architecture": "mlp"}, "must be given as encoder and decoder .*--encoder mlp --decoder"),
        ({"regulariser": "none"}, "must be given as objective .*reconstruction for none"),
    ],
    ids=str,
)
def test_an_unknown_option_says_where_it_belongs(layer: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolved(layer)


def test_parts_that_do_not_go_together_are_refused_when_all_are_chosen() -> None:
    with pytest.raises(ConfigError, match=r"layer 1: posterior must be a distribution"):
        resolved({"posterior": "delta"})
    found = resolved(
        {"posterior": "delta", "prior": "box", "weight": 1},
        {"objective": "reconstruction"},
    )
    assert found.model.posterior == DeltaOptions()
    assert found.model.prior == BoxOptions()
    assert found.objective == Reconstruction()


def test_the_layer_that_is_to_blame_is_named() -> None:
    for bad, layers in enumerate(
        [
            [{"latent_dim": 0}, {"epochs": 3}, {"seed": 1}],
            [{"epochs": 3}, {"latent_dim": 0}, {"seed": 1}],
            [{"epochs": 3}, {"seed": 1}, {"latent_dim": 0}],
        ],
        1,
    ):
        with pytest.raises(ConfigError, match=f"^layer {bad}: latent_dim must be 1 or more"):
            resolved(*layers)
    with pytest.raises(ConfigError, match=r"^layer 2: early_stop"):
        resolved({"valid_fraction": 0.0}, {"early_stop": 3}, {"seed": 1})
    assert resolved({"latent_dim": 0}, {"latent_dim": 3}).model.latent_dim == 3


# The list of options


@pytest.mark.parametrize("preset", PRESETS)
def test_every_leaf_of_a_configuration_is_one_option(preset: str) -> None:
    config = replace(PRESETS[preset].config, terms=(First(), Second()))
    options = options_of(config)

    def leaves(of: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
        for field in fields(of):
            value = getattr(of, field.name)
            if is_dataclass(value):
                yield from leaves(value, (*path, field.name))
            elif field.name in ("terms", "logger"):  # several parts
                for part in value:
                    yield from leaves(part, (*path, field.name, part.type))
            else:
                yield (*path, field.name), value

    found = {o.path: o.default for o in options.values() if o.registry is None}
    assert found == dict(leaves(config))
    parts = {name: option.default for name, option in options.items() if option.registry}
    assert parts["encoder"] == config.model.encoder.type
    assert parts["objective"] == config.objective.type
    assert parts["terms"] == ("first-test", "second-test")
    assert len({option.flag for option in options.values()}) == len(options)


def test_paths_and_numbers_are_taken_as_they_are_written() -> None:
    found = resolved({"data_dir": "somewhere", "learning_rate": 1, "beta": 2})
    assert found.data.data_dir == Path("somewhere")
    assert isinstance(found.training.learning_rate, float)
    assert isinstance(found.model.likelihood.beta, float)


def test_without_a_rate_the_weight_is_one() -> None:
    found = resolve(RunConfig(), [("flags", {"posterior": "delta", "objective": "reconstruction"})])
    assert found.resolve_defaults().model.likelihood.weight == 1.0
    assert RunConfig().resolve_defaults().model.likelihood.weight == 1000.0


def test_a_preset_whose_objective_is_replaced_has_that_objectives_weight() -> None:
    parts = {"posterior": "diagonal-normal", "prior": "standard-normal", "objective": "elbo"}
    found = resolve(preset_config("ae", "plain"), [("flags", parts)])
    assert found.resolve_defaults().model.likelihood.weight == 1000.0


def test_an_option_of_a_term_that_is_not_taken_names_the_term() -> None:
    for values in ({"first_test_weight": 2.0}, {"terms": "second-test", "first_test_weight": 2.0}):
        with pytest.raises(ConfigError, match=r"belongs to term first-test.*take --terms first-t"):
            resolved(values)
    with pytest.raises(ConfigError, match="unknown option 'term_weight'"):
        resolved({"term_weight": 2.0})


@pytest.mark.parametrize("version", [99, "99"])
def test_a_config_of_a_newer_version_is_refused(tmp_path: Path, version: object) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"format": version}))
    with pytest.raises(RunError, match="must be at most 2, got 99"):
        read_config_file(file)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (tuple[tuple[int, int], ...], ((1, 2), (3, 4))),
        (list[int], [1, 2]),
        (tuple[Path, ...], (Path("a"), Path("b"))),
        (tuple[int, ...] | None, (1, 2)),
        (tuple[str, int], ("a", 1)),
        (Path | None, Path("a")),
    ],
)
def test_what_json_made_of_a_plug_ins_option_is_read_as_it_was(hint: object, value: object) -> None:
    """Else a run trains to its end, and cannot be opened."""
    written = json.loads(json.dumps(value, default=str))
    assert _coerce(written, hint, "option") == value

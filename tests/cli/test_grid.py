"""A sweep's runs: every combination of the options with several values."""

import pytest

from reparam.cli.grid import Point, axes_of, sweepable_flags
from reparam.cli.grid import points as points_of
from reparam.data import load_images
from reparam.errors import ConfigError
from reparam.objective import Elbo


def points(args: list[str], seeds: int) -> list[Point]:
    return points_of(args, seeds, load_images)


def test_options_with_several_values_are_axes_and_lists_are_not() -> None:
    shared, axes = axes_of(
        [
            "digits",
            "--model",
            "ae",
            "vae",
            "--latent-dim",
            "2",
            "8",
            "--epochs",
            "3",
            "--encoder-filters",
            "8",
            "16",
            "16",
            "16",
            "--batch-norm",
        ]
    )
    assert axes == {"--model": ["ae", "vae"], "--latent-dim": ["2", "8"]}
    assert shared == [
        "digits",
        "--epochs",
        "3",
        "--encoder-filters",
        "8",
        "16",
        "16",
        "16",
        "--batch-norm",
    ]


def test_every_combination_with_every_seed_has_a_folder_of_its_own() -> None:
    found = points(["digits", "--model", "ae", "vae", "--latent-dim", "2", "8", "32"], 2)
    assert len(found) == len({point.name for point in found}) == 12
    assert [p.seed for p in found[:2]] == [0, 1]
    assert found[-1].name == "model-vae-latent-dim-32-seed-1"
    assert found[-1].config.model.latent_dim == 32
    assert found[-1].config.preset == "vae"
    assert found[0].config.model.posterior.is_point
    assert found[-1].command.endswith("--latent-dim 32 --seed 1")


def test_a_recipe_may_be_swept_and_decides_its_defaults() -> None:
    plain, quick = points(["digits", "--recipe", "plain", "quick"], 1)
    assert (plain.config.training.optimiser, quick.config.training.optimiser) == ("adam", "muon")


def test_parts_and_their_options_may_be_swept() -> None:
    found = points(["digits", "--encoder", "convolutional", "mlp", "--free-bits", "0", "0.5"], 1)
    assert [p.config.model.encoder.type for p in found] == ["convolutional"] * 2 + ["mlp"] * 2
    assert [p.config.objective for p in found] == [Elbo(0.0), Elbo(0.5)] * 2
    assert found[-1].name == "encoder-mlp-free-bits-0.5-seed-0"
    several = points(["digits", "--dropout", "0", "0.25", "--encoder-leaky-slope", "0.1", "0.2"], 1)
    assert [p.config.model.decoder.dropout for p in several] == [0, 0, 0.25, 0.25]
    assert [p.config.model.encoder.leaky_slope for p in several] == [0.1, 0.2] * 2
    widths = ("--encoder", "mlp", "--encoder-hidden-activation", "tanh", "leaky-relu")
    assert len(points(["digits", *widths], 1)) == 2


def test_an_option_that_one_of_the_swept_parts_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match="'--encoder-dropout' belongs to encoder convolutional"):
        points(["digits", "--encoder", "convolutional", "mlp", "--encoder-dropout", "0", "0.5"], 1)


def test_what_train_would_refuse_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(ConfigError, match="latent_dim must be 1 or more"):
        points(["digits", "--latent-dim", "2", "0"], 1)
    with pytest.raises(ConfigError, match="did you mean --latent-dim"):
        points(["digits", "--latent-dims", "2", "8"], 1)


def test_options_that_a_sweep_sets_itself_and_values_given_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match="--seed must not be given to reparam sweep"):
        axes_of(["digits", "--seed", "1", "2"])
    with pytest.raises(ConfigError, match="--seed must not be given to reparam sweep"):
        axes_of(["digits", "--latent-dim", "2", "8", "--seed=5"])
    with pytest.raises(ConfigError, match="different values"):
        axes_of(["digits", "--latent-dim", "2", "2"])


def test_sweepable_options_are_those_of_train_with_one_value() -> None:
    flags = sweepable_flags()
    assert {"--model", "--latent-dim", "--learning-rate", "--train-size", "--recipe"} <= flags
    assert not {"--encoder-filters", "--batch-norm", "--image-size"} & flags

"""The recipe that `train` chooses by the images, and what overrides it."""

import json
from pathlib import Path

import numpy as np
import pytest

from reparam.cli.grid import points
from reparam.data import load_images
from reparam.runs import PRESETS, Run, to_mapping
from reparam.runs.suited import EPOCHS, LATENTS, pictures

from .conftest import shapes


@pytest.fixture(scope="module")
def colour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("colour") / "colour.npz"
    images, labels = shapes(40, size=16)
    np.savez(path, images=np.stack([images, images[::-1], images], -1), labels=labels)
    return path


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grey") / "grey.npz"
    np.savez(path, images=shapes(40)[0])
    return path


def resolved(reparam, *words: object) -> dict:
    said = reparam("train", *words, "--dry-run")
    assert said.status == 0, said.err
    return json.loads(said.out)


def encoder_of(config: dict) -> str:
    return config["model"]["encoder"]["type"]


@pytest.mark.parametrize("model", ["ae", "vae", "dae"])
def test_pictures_get_residual_networks_and_a_size_that_suits_them(reparam, colour, model) -> None:
    config = resolved(reparam, colour, "--model", model)
    assert encoder_of(config) == config["model"]["decoder"]["type"] == "residual"
    assert config["model"]["latent_dim"] == 32
    assert config["training"]["epochs"] == EPOCHS[1]
    weight = config["model"]["likelihood"]["weight"]
    assert weight == ("auto" if model == "vae" else 1.0)


@pytest.mark.parametrize(
    ("words", "components"),
    [
        (["--latent-dim", "49"], 49),
        (["--latent-dim", "7"], 32),
        (["--latent-dim", "9999"], LATENTS[1]),
        (["--latent-dim", "49", "--encoder-components", "40", "--decoder-components", "40"], 40),
        (["--latent-channels", "4"], 0),
    ],
)
def test_networks_begin_with_as_many_components_as_there_are_numbers(
    reparam, colour, words, components
) -> None:
    model = resolved(reparam, colour, *words)["model"]
    assert model["encoder"]["components"] == model["decoder"]["components"] == components


@pytest.mark.parametrize("words", [[], ["--latent-dim", "16"], ["--recipe", "auto"]])
def test_the_named_sets_keep_the_articles_networks(reparam, words) -> None:
    config = resolved(reparam, "digits", *words)
    assert encoder_of(config) == "convolutional"
    assert config["model"]["likelihood"]["weight"] == 1000
    assert config["training"]["epochs"] == 30


def test_two_dimensions_of_small_grey_images_are_the_articles(reparam, grey, colour) -> None:
    two = resolved(reparam, grey, "--latent-dim", "2")
    assert encoder_of(two) == "convolutional"
    assert two["model"]["likelihood"]["weight"] == 1000
    assert encoder_of(resolved(reparam, grey)) == "residual"
    assert encoder_of(resolved(reparam, colour, "--latent-dim", "2")) == "residual"


def test_presets_with_networks_of_their_own_keep_them(reparam, grey) -> None:
    assert encoder_of(resolved(reparam, grey, "--model", "burda")) == "mlp"


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_have_the_recipe_for_pictures(reparam, colour, preset: str) -> None:
    """As `anomaly fit` trains."""
    config = resolved(reparam, colour, "--model", preset, "--recipe", "pictures")
    assert encoder_of(config) == "residual"


def test_options_that_only_the_articles_networks_have_choose_them(reparam, colour) -> None:
    words = ("--encoder-kernels", "5", "5", "3", "3")
    config = resolved(reparam, colour, *words)
    assert config["model"]["encoder"]["kernels"] == [5, 5, 3, 3]
    assert config["model"]["latent_dim"] == 2
    refused = reparam("train", colour, *words, "--recipe", "pictures", "--dry-run")
    assert refused.status == 2
    assert "convolutional" in refused.err


@pytest.mark.parametrize("words", [["digits"], ["digits", "--recipe", "quick"]])
def test_options_that_only_the_pictures_networks_have_do_not_choose_them_for_digits(
    reparam, words
) -> None:
    refused = reparam("train", *words, "--encoder-blocks", "2", "--dry-run")
    assert refused.status == 2
    assert "belongs to encoder kl and residual" in refused.err


def test_what_is_wrong_with_options_of_the_pictures_networks_is_said(reparam, colour) -> None:
    refused = reparam("train", colour, "--encoder-blocks", "-1", "--dry-run")
    assert refused.status == 2
    assert "blocks must be 0 or more, got -1" in refused.err


def test_flags_and_files_win(reparam, colour, tmp_path) -> None:
    file = tmp_path / "options.toml"
    file.write_text("latent_dim = 7\nepochs = 5\n")
    words = ("--config", file, "--epochs", "6", "--encoder-blocks", "2", "--encoder-filters", "16")
    config = resolved(reparam, colour, *words)
    assert config["model"]["latent_dim"] == 7
    assert config["training"]["epochs"] == 6
    assert config["model"]["encoder"]["blocks"] == 2
    assert config["model"]["encoder"]["filters"] == [16]
    assert config["model"]["decoder"]["blocks"] == 1
    other = resolved(reparam, colour, "--recipe", "quick")
    assert encoder_of(other) == "convolutional"


def test_it_is_said_in_two_lines_and_the_runs_config_gives_the_same_run(
    reparam, colour, tmp_path
) -> None:
    out, again = tmp_path / "run", tmp_path / "again"
    words = ("--epochs", "1", "--filters", "16", "--precision", "float32")
    said = reparam("train", colour, "--out", out, *words)
    assert said.status == 0, said.err
    first, second = said.err.splitlines()[:2]
    assert all(part in first for part in ("pictures", "16 × 16 × 3", "residual", "32 latent"))
    assert all(part in second for part in ("1 epoch", "--dry-run", "--recipe quick"))
    same = reparam("train", "--config", out / "config.json", "--out", again, "--quiet")
    assert same.status == 0, same.err
    a, b = (to_mapping(Run.open(path).config) for path in (out, again))
    assert a == b


def test_an_unknown_recipe_is_refused_with_those_that_there_are(reparam) -> None:
    said = reparam("train", "digits", "--recipe", "slow", "--dry-run")
    assert said.status == 2
    assert all(name in said.err for name in ("auto", "pictures", "quick", "plain", "article"))


def test_a_sweep_follows_the_images_too(colour) -> None:
    words = [str(colour), "--model", "ae", "vae", "--recipe", "auto", "quick"]
    found = points(words, 1, load_images)
    kinds = [point.config.model.encoder.type for point in found]
    assert kinds == ["residual", "convolutional"] * 2


@pytest.mark.parametrize(
    ("shape", "count", "levels", "latent_dim"),
    [
        ((28, 20, 1), 1600, 2, 32),
        ((32, 32, 3), 50_000, 3, 64),
        ((64, 64, 3), 573, 4, 128),
        ((128, 128, 3), 573, 5, 256),
        ((256, 256, 3), 573, 6, 512),
        ((8, 8, 1), 10, 1, 32),
        ((600, 40, 3), 10, 3, 256),
    ],
)
def test_sizes_grow_with_the_picture(shape, count, levels, latent_dim) -> None:
    options = pictures(shape, count, weighed=True)
    model = options["model"]
    assert len(model["encoder"]["filters"]) == levels
    assert model["latent_dim"] == latent_dim
    assert EPOCHS[0] <= options["training"]["epochs"] <= EPOCHS[1]

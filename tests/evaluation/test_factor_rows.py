"""The scorecard has rows about factors where the images come with factors, and only there."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from reparam.cli.group_table import print_groups
from reparam.cli.score_table import print_scorecards
from reparam.data import DataConfig, ImageSet, image_set_from_arrays
from reparam.evaluation import MEASURES, Group, Judge, Scorecard, ScoreConfig, scorecard
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.evaluation.measures.disentanglement import FIGURES
from reparam.evaluation.scoring.factor_rows import factor_rows
from reparam.evaluation.scoring.needs import lacking, omitted
from reparam.evaluation.scoring.scorecard import scorecard_from_mapping
from reparam.evaluation.scoring.subject import subject
from reparam.model import (
    Autoencoder,
    DeltaOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
)
from reparam.report.comparison import write_comparison

N, SHAPE = 240, (4, 4, 1)
TITLE = "factors kept apart"


def image_set(with_factors: bool) -> ImageSet:
    """The left half and the right half of an image have a grey value each: its two factors."""
    factors = np.random.default_rng(0).random((N, 2))
    pixels = np.repeat(np.repeat(factors[:, None, :], 4, 1), 2, 2)
    return image_set_from_arrays(
        pixels,
        name="halves",
        config=DataConfig(test_fraction=0.5, valid_fraction=0.0),
        factors=factors if with_factors else None,
        factor_names=["left", "right"] if with_factors else None,
    )


@pytest.fixture(scope="module")
def judge() -> Judge:
    """One that has learned nothing: no feature matters here."""
    network = JudgeNetwork(SHAPE, None).eval().requires_grad_(False)
    return Judge(network, SHAPE, (), None, 0.0, "no images", 0.0, from_cache=False)


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    """Each latent dimension is the sum over one half of the image."""
    config = ModelConfig(
        latent_dim=2,
        encoder=MlpEncoderOptions(widths=()),
        posterior=DeltaOptions(),
        decoder=MlpDecoderOptions(widths=()),
    )
    model = build_autoencoder(config, SHAPE)
    left = torch.tensor([1.0, 1.0, 0.0, 0.0]).repeat(4)
    weights = [p for n, p in model.named_parameters() if n.startswith("posterior")]
    for parameter in weights:
        values = torch.stack([left, 1 - left]) if parameter.ndim == 2 else torch.zeros(2)
        parameter.data.copy_(values)
    return model.eval()


@pytest.fixture(scope="module")
def card(model: Autoencoder, judge: Judge) -> Scorecard:
    few = ScoreConfig(images=120, draws=20, likelihood_images=0)
    return scorecard(model, image_set(True), few, judge=judge)


def test_a_model_that_encodes_each_factor_by_itself_scores_1(card: Scorecard) -> None:
    for name in FIGURES:
        found = card.find(name)
        assert found.value is not None
        assert found.value > 0.85, name  # trees are fitted to 60 images
        assert found.samples == N // 2, "the held-out images"
        assert card.versions[name] == MEASURES[name].version == 1
    assert card.outdated() == {}
    again = scorecard_from_mapping(json.loads(json.dumps(card.to_mapping())), "card")
    assert again.measures == card.measures


def test_without_factors_there_are_no_rows_and_nothing_is_stale(
    model: Autoencoder, judge: Judge, card: Scorecard
) -> None:
    of = subject(model, image_set(False), judge, ScoreConfig())
    assert factor_rows(of) == {}
    reasons = omitted(FIGURES, lacking(of))
    assert set(reasons) == set(FIGURES)
    assert {each.note for each in reasons.values()} == {
        "needs known factors, and these images have none"
    }
    assert card.without(FIGURES).outdated() == {}


def test_tables_and_pages_show_them_where_they_are(
    card: Scorecard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for each, shown in ((card, True), (card.without(FIGURES), False)):
        groups = [Group("model", (each,), {})]
        print_scorecards([each])
        print_groups(groups)
        page = write_comparison(groups, tmp_path / "page.html", command="test")
        said = capsys.readouterr().out
        assert said.count(TITLE) == (2 if shown else 0)
        for text in (said, page.read_text(encoding="utf-8")):
            assert (TITLE in text) == shown
            assert ("DCI completeness" in text) == shown

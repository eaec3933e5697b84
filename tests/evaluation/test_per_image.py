"""The per-image table: its means are the losses that a run reports, its terms add up."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from reparam.errors import ShapeError
from reparam.evaluation import evaluation_loss, importance_weighted, scores_of
from reparam.model import Autoencoder, MlpDecoderOptions, MlpEncoderOptions, build_autoencoder
from reparam.objective import Drawn, InputConfig, Loss, Term, TermOptions, mean_losses
from reparam.runs import RunConfig, preset_config

SHAPE = (6, 6, 1)
D = math.prod(SHAPE)


def config(preset: str) -> RunConfig:
    found = preset_config(preset)
    small = replace(
        found.model,
        latent_dim=2,
        encoder=MlpEncoderOptions(widths=(8,)),
        decoder=MlpDecoderOptions(widths=(8,)),
    )
    return replace(found, model=small)


def model(of: RunConfig) -> Autoencoder:
    torch.manual_seed(0)
    return build_autoencoder(of.model, SHAPE).eval()


def images(n: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


@pytest.mark.parametrize("preset", ["ae", "vae", "dae", "burda"])
def test_the_means_are_the_losses_of_a_run(preset: str) -> None:
    """Of images that are not corrupted: also for a denoising model."""
    run = config(preset)
    loss = evaluation_loss(model(run), run)
    found = scores_of(loss, images(), seed=5)
    clean = Loss(model(run), run.objective, (), replace(run.inputs, corrupt="none"))
    losses = mean_losses(clean, images(), seed=5)
    for name in ("distortion_nats", "rate_nats", "loss_nats"):
        assert found.columns[name].shape == (40,)
        assert found.columns[name].dtype == np.float64
        assert found.columns[name].mean() == pytest.approx(losses[name])
    assert found.columns["squared_error"].mean() / D == pytest.approx(losses["mse"])
    assert len(found) == 40
    total = found.columns["distortion_nats"] + found.columns["rate_nats"]
    np.testing.assert_allclose(total, found.columns["loss_nats"], rtol=1e-5)
    if loss.model.is_variational:
        bound = found.columns["log_likelihood_bound_nats"]
        np.testing.assert_allclose(bound, -found.columns["loss_nats"])
    else:
        assert "log_likelihood_bound_nats" not in found.columns


def test_without_a_rate_nothing_is_called_a_bound() -> None:
    """−log p(x|z) of a posterior that is a distribution may be far above log p(x)."""
    plain, wide = config("ae"), config("vae").model
    run = replace(plain, model=replace(plain.model, posterior=wide.posterior, prior=wide.prior))
    loss = evaluation_loss(model(run), run)
    assert loss.model.is_variational
    assert set(scores_of(loss, images()).columns) == {
        "distortion_nats",
        "rate_nats",
        "loss_nats",
        "squared_error",
    }


def test_the_bound_is_below_the_likelihood_on_average() -> None:
    run = config("vae")
    vae = model(run)
    x = np.repeat(images(1), 500, 0)
    bound = scores_of(evaluation_loss(vae, run), x).columns["log_likelihood_bound_nats"]
    estimate = importance_weighted(vae, x, samples=100)
    error = math.hypot(bound.std(), estimate.std()) / math.sqrt(500)
    assert bound.mean() < estimate.mean() + 4 * error


def test_a_seed_repeats_and_an_index_chooses() -> None:
    run = config("ae")
    loss = evaluation_loss(model(run), run)
    whole = scores_of(loss, images()).columns
    some = scores_of(loss, images(), index=np.array([7, 3])).columns
    for name, values in some.items():
        np.testing.assert_allclose(values, whole[name][[7, 3]], rtol=1e-5)
    vae = config("vae")
    of_vae = evaluation_loss(model(vae), vae)
    first, again = (scores_of(of_vae, images(), seed=1).columns for _ in range(2))
    np.testing.assert_array_equal(first["loss_nats"], again["loss_nats"])
    assert (scores_of(of_vae, images(), seed=2).columns["loss_nats"] != first["loss_nats"]).any()


class Norm(Term):
    def forward(self, model: Autoencoder, drawn: Drawn) -> torch.Tensor:
        return drawn.z.square().sum(1)


class Learned(Term):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(1))

    def forward(self, model: Autoencoder, drawn: Drawn) -> torch.Tensor:
        return self.scale * drawn.z.square().sum(1)


@dataclass(frozen=True)
class NormOptions(TermOptions):
    type = "norm"

    def build(self, model: Autoencoder) -> Term:
        return Norm()


@dataclass(frozen=True)
class LearnedOptions(TermOptions):
    type = "learned"

    def build(self, model: Autoencoder) -> Term:
        return Learned()


class Remembering(Norm):
    """What it remembers of training is in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("average", torch.zeros(2))


@dataclass(frozen=True)
class RememberingOptions(TermOptions):
    type = "remembering"

    def build(self, model: Autoencoder) -> Term:
        return Remembering()


def test_extra_terms_are_columns_and_not_part_of_the_bound() -> None:
    plain = config("vae")
    run = replace(plain, terms=(NormOptions(weight=3.0), LearnedOptions(), RememberingOptions()))
    state = torch.get_rng_state()
    vae = model(run)
    torch.set_rng_state(state)
    with_terms = scores_of(evaluation_loss(vae, run), images()).columns
    assert torch.equal(torch.get_rng_state(), state)
    without = scores_of(evaluation_loss(vae, plain), images()).columns
    for name in ("learned", "remembering"):
        assert name not in with_terms, "its numbers were those of the training alone"
    loss = without["loss_nats"] + 3 * with_terms["norm"]
    np.testing.assert_allclose(with_terms["loss_nats"], loss, rtol=1e-5)
    bound = "log_likelihood_bound_nats"
    np.testing.assert_allclose(with_terms[bound], without[bound], rtol=1e-5)


def test_the_model_keeps_its_mode_and_other_sizes_are_refused() -> None:
    run = replace(config("vae"), inputs=InputConfig(corrupt="gaussian"))
    for training in (True, False):
        vae = model(run).train(training)
        scores_of(evaluation_loss(vae, run), images())
        assert vae.training is training
    with pytest.raises(ShapeError, match="6 × 6 × 1"):
        scores_of(evaluation_loss(model(run), run), images()[:, :5])

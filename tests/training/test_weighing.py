"""The weight in training: found where it is searched, left alone where it is given."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from reparam.data import DataConfig, from_bytes, image_set_from_arrays
from reparam.errors import ConfigError
from reparam.model import GaussianLikelihood, Weight
from reparam.model.likelihoods.search import constraint
from reparam.objective import Loss, mean_losses
from reparam.runs import Epoch, Run, preset_config, resolve
from reparam.training import EpochDone, Warned, train
from reparam.training.start import pixel_variance_of


def variance(run: Run) -> float:
    return float(load_file(run.weights)["likelihood.variance"])


def test_a_given_weight_does_not_move(new_run, small, blobs) -> None:
    run = new_run(small(epochs=2, sigma=0.3))
    train(run, blobs)
    assert variance(run) == pytest.approx(0.09)
    assert [epoch.weight["sigma"] for epoch in run.metrics()] == pytest.approx([0.3, 0.3])
    assert run.finished("it is").weight == pytest.approx(Weight.of_sigma(0.3, 64).units())


def test_a_searched_variance_begins_at_that_of_the_images(blobs, new_run, small) -> None:
    pixels = blobs.images[blobs.splits["train"]].astype(float) / 255
    around_mean = ((pixels - pixels.mean(0)) ** 2).sum(0).mean() / (len(pixels) - 1)
    assert pixel_variance_of(blobs) == pytest.approx(around_mean)
    run = new_run(small(epochs=1, weight="auto", learning_rate=1e-12))
    train(run, blobs)
    # What decodes nothing but grey is a little worse than the mean: σ² has moved towards its error.
    first = run.metrics()[0]
    assert around_mean < first.weight["sigma"] ** 2 < first.train["mse"]


def test_the_automatic_weight_is_the_mean_squared_error(new_run, small, blobs) -> None:
    """σ² of the kept model is its error on the training images, and its losses are in that σ²."""
    run = new_run(small(epochs=8, weight="auto", learning_rate=3e-3))
    model = train(run, blobs)
    result = run.finished("it is")
    mse = result.splits["train"]["mse"]
    assert variance(run) == pytest.approx(mse, rel=1e-5)
    assert model.likelihood.variance.item() == variance(run)
    assert result.weight["r_loss_factor"] == pytest.approx(64 / 2 / mse)
    assert result.splits["train"]["r_loss_article"] == pytest.approx(64 / 2)
    losses = [epoch.valid["calibrated_loss_nats"] for epoch in run.metrics()]
    assert result.best_epoch == losses.index(min(losses)) + 1
    for epoch in run.metrics():  # D/2 · (ln 2π MSE + 1) + KL, whatever σ² is
        best = 32 * (math.log(2 * math.pi * epoch.valid["mse"]) + 1) + epoch.valid["rate_nats"]
        assert epoch.valid["calibrated_loss_nats"] == pytest.approx(best, rel=1e-5, abs=1e-3)
        assert epoch.valid["calibrated_loss_nats"] <= epoch.valid["loss_nats"]


def test_the_best_epoch_is_not_the_one_whose_variance_fits_by_chance() -> None:
    """σ² falls with the training error. Unseen images have more of it, so that their loss at that
    σ² rises, while both their error and their rate fall: the later epoch is the better one.
    """
    d = 12_288

    def epoch(number: int, variance: float, mse: float, rate: float) -> Epoch:
        likelihood = GaussianLikelihood(d, variance, search="auto")
        error = d * mse
        means = {"distortion": 0.0, "squared_error": error, "rate": rate, "loss": rate}
        return Epoch(number, number, 1e-3, 0, 1.0, valid=likelihood.losses(means))

    first, last = epoch(1, 0.012, 0.018, 390.0), epoch(2, 0.006, 0.016, 385.0)
    assert last.valid["loss_nats"] > first.valid["loss_nats"], "the case is worth a test"
    assert last.compared_loss() < first.compared_loss()


def test_identical_images_leave_a_variance_above_zero(new_run, small) -> None:
    """Nothing to tell apart: σ² stays at the variance that rounding to bytes has, and is finite."""
    same = np.full((60, 8, 8, 1), 128, np.uint8)
    images = image_set_from_arrays(same, None, name="blobs", config=DataConfig())
    config = small(epochs=2, weight="auto", learning_rate=3e-3, output_bias="mean")
    config = replace(config, data=replace(config.data, source="blobs"))
    run = Run.create(
        new_run(config, "other").path.parent / "same", config, images, command="", overwrite=False
    )
    train(run, images)
    assert variance(run) >= 1 / (12 * 255**2) * 0.999
    assert all(torch.isfinite(values).all() for values in load_file(run.weights).values())


@pytest.mark.slow
@pytest.mark.parametrize("target", [0.01, 0.03])
def test_a_target_of_the_error_is_met(target, new_run, small, blobs) -> None:
    options = {"epochs": 150, "learning_rate": 3e-3, "schedule": "one-cycle"}
    run = new_run(small(target_mse=target, **options))
    train(run, blobs)
    assert run.metrics()[-1].train["mse"] == pytest.approx(target, rel=0.1)
    assert run.finished("it is").best_epoch == 150  # the target is met at the end alone
    assert not any(epoch.warnings for epoch in run.metrics())


@pytest.mark.slow
@pytest.mark.parametrize("target", [2.0, 4.0])
def test_a_target_of_the_rate_is_met(target, new_run, small, blobs) -> None:
    options = {"epochs": 150, "learning_rate": 3e-3, "schedule": "one-cycle"}
    run = new_run(small(target_rate=target, **options))
    train(run, blobs)
    assert run.metrics()[-1].train["rate_nats"] == pytest.approx(target, rel=0.1)
    assert not any(epoch.warnings for epoch in run.metrics())


def test_free_bits_keep_a_rate_that_would_vanish(new_run, small, blobs) -> None:
    """With a tiny weight the rate goes to 0; free bits leave that much, and are counted in full."""
    options = {"epochs": 40, "learning_rate": 3e-3, "weight": 2.0}
    rates = {}
    for free in (0.0, 0.5):
        run = new_run(small(free_bits=free, **options), f"free{free}")
        train(run, blobs)
        rates[free] = run.metrics()[-1].train["rate_nats"]
    assert rates[0.0] < 0.1
    assert rates[0.5] == pytest.approx(2 * 0.5, rel=0.2)


def test_a_target_has_no_early_stop(small) -> None:
    with pytest.raises(ConfigError, match=r"early_stop must compare losses .* with early_stop 3"):
        small(target_rate=3.0, early_stop=3)


def test_the_article_has_its_weight() -> None:
    for preset, weight in (("vae", 1000.0), ("ae", 1.0)):
        likelihood = preset_config(preset, "article").resolve_defaults().model.likelihood
        assert likelihood.weight_for(784) == Weight(weight, 784)


def test_an_option_takes_the_place_of_the_recipes_weight() -> None:
    config = resolve(preset_config("vae", "article"), [("the test", {"beta": 0.3})])
    assert config.model.likelihood.weight is None
    assert config.model.likelihood.beta == 0.3


def test_dead_units_are_those_without_rate(new_run, small, blobs) -> None:
    run = new_run(small(epochs=1, latent_dim=5))
    model = train(run, blobs)
    with torch.no_grad():
        model.posterior.heads["mu"].weight[1:4] = 0  # three dimensions that know nothing
        model.posterior.heads["mu"].bias[1:4] = 0
        model.posterior.heads["log_var"].weight[1:4] = 0
        model.posterior.heads["log_var"].bias[1:4] = 0
        model.posterior.heads["mu"].bias[[0, 4]] += 3
    losses = mean_losses(Loss(model, run.config.objective), blobs.images)
    assert losses["dead_units"] == 3
    rates = model.prior.kl_by_dimension(model.infer(from_bytes(torch.from_numpy(blobs.images))))
    assert rates is not None
    assert rates.sum(1).mean().item() == pytest.approx(losses["rate_nats"], rel=1e-5)


def test_warnings_are_said_once_and_kept(new_run, small, blobs) -> None:
    """A rate that vanishes, in a run that stops and resumes: one event, one line."""
    events = []
    options = {"learning_rate": 3e-3, "weight": 1e-3, "output_activation": "tanh"}
    run = new_run(small(epochs=10, **options))
    train(run, blobs, [events.append])
    run = run.extended(14)
    train(run, blobs, [events.append])
    warned = [event for event in events if isinstance(event, Warned)]
    kinds = [event.kind for event in warned]
    assert sorted(kinds) == sorted(set(kinds))
    assert {"output_range", "rate_vanished"} <= set(kinds)
    assert warned[0].epoch == 0
    kept = {kind: text for epoch in run.metrics() for kind, text in epoch.warnings.items()}
    assert kept == {event.kind: event.message for event in warned}
    assert sum(isinstance(event, EpochDone) for event in events) == 14


def test_a_rate_that_is_estimated_below_zero_moves_the_weight_and_no_more() -> None:
    """A VampPrior's rate is an estimate by one draw, which begins near 0."""
    average = torch.tensor(0.5)
    lowest = constraint(average, torch.tensor(1e-9), 10.0)
    for found in (0.0, -3.0):
        assert constraint(average, torch.tensor(found), 10.0) == lowest
    assert constraint(average, torch.tensor(10.0), 10.0) == pytest.approx(0.45, abs=1e-6)

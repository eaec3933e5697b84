"""Extra terms of a loss that own parameters: trained, saved, resumed, replayed with the model's."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from reparam.errors import NotFiniteError, RunError
from reparam.model import Autoencoder
from reparam.objective import (
    TERMS,
    CapacityOptions,
    Drawn,
    Elbo,
    MmdOptions,
    Term,
    TermOptions,
)
from reparam.runs import Epoch, RunConfig
from reparam.training import train
from reparam.training.assembling import assemble_one
from reparam.training.loop import _Training
from reparam.types import PerExample

from .resuming import assert_resumes


class Centre(Term):
    """Squared distance of z to a centre that is learned; ``steps`` counts those of training."""

    steps: torch.Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.ones(latent_dim))
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        if self.training:
            self.steps += 1
        return (drawn.z - self.centre).square().sum(1)


@dataclass(frozen=True)
class CentreOptions(TermOptions):
    """A penalty on the distance of latents to a learned centre."""

    def build(self, model: Autoencoder) -> Centre:
        return Centre(model.latent_dim)


class Late(Centre):
    start = 0.75


@dataclass(frozen=True)
class LateOptions(CentreOptions):
    """The same in the last quarter of a run."""

    def build(self, model: Autoencoder) -> Late:
        return Late(model.latent_dim)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For these tests alone."""
    with monkeypatch.context() as patch:
        patch.setattr(TERMS, "_members", dict(TERMS._members))
        TERMS.register("centre")(CentreOptions)
        TERMS.register("late")(LateOptions)
        yield


def with_centre(config: RunConfig) -> RunConfig:
    return replace(config, terms=(CentreOptions(weight=0.5),))


@pytest.mark.parametrize("stop", [(3, 6), (4, 2)], ids=["epoch's end", "mid-epoch"])
def test_stopped_and_resumed_is_bit_equal(stop, new_run, small, blobs) -> None:
    config = with_centre(small(dropout=0.25, clip_spikes=1.01))
    whole, stopped = (new_run(config, name) for name in ("a", "b"))
    assert_resumes(whole, stopped, blobs, stop)
    found = load_file(whole.checkpoint)
    assert (found["terms.centre.centre"] != 1).all(), "it has learned"
    assert found["terms.centre.steps"] == 6 * 6
    assert all(epoch.train["centre"] > 0 for epoch in whole.metrics())


@pytest.mark.parametrize(
    "term", [CapacityOptions(rate=2.0, until=0.9), MmdOptions()], ids=["progress", "noise"]
)
def test_what_a_term_reads_of_the_run_resumes_bit_equal(term, new_run, small, blobs) -> None:
    """The share of it that is done, and its noise."""
    whole, stopped = (new_run(replace(small(), terms=(term,)), name) for name in ("a", "b"))
    assert_resumes(whole, stopped, blobs, (4, 2))


def test_a_capacity_rises_step_by_step_and_evaluation_has_its_end(new_run, small, blobs) -> None:
    run = new_run(replace(small(), terms=(CapacityOptions(rate=2.0, until=0.5),)))
    train(run, blobs)
    lines, training = run.metrics(), run.config.training
    images, most = len(blobs.splits["train"]), training.batch_size
    sizes = [min(most, images - start) for start in range(0, images, most)]
    steps = len(sizes)
    expected = []
    for epoch in range(training.epochs):
        done = [(epoch * steps + step) / (training.epochs * steps) for step in range(steps)]
        targets = [2 * min(1, share / 0.5) for share in done]
        expected.append(np.average(targets, weights=sizes))
    found = [line.train["capacity_target"] for line in lines]
    assert found == pytest.approx(expected, rel=1e-5)
    assert {line.valid["capacity_target"] for line in lines if line.valid} <= {2.0}


def test_its_weighted_value_is_part_of_the_loss(new_run, small, blobs) -> None:
    run = new_run(with_centre(small(epochs=2)))
    train(run, blobs)
    for losses in (run.metrics()[-1].train, run.finished("it is").splits["test"]):
        parts = losses["distortion_nats"] + losses["rate_nats"] + 0.5 * losses["centre"]
        assert losses["loss_nats"] == pytest.approx(parts, rel=1e-5)


def test_the_result_is_of_the_best_epochs_state(new_run, small, blobs) -> None:
    """The validation losses of the result are those of its epoch, also where later ones are
    worse, and of a finished run that is trained again.
    """
    run = new_run(with_centre(small(epochs=12, learning_rate=0.05)))
    train(run, blobs)
    result = run.finished("it is")
    assert result.best_epoch < result.epochs, "the case is worth a test"
    best = run.metrics()[result.best_epoch - 1]
    found = {name: result.splits["valid"][name] for name in best.valid}
    assert found == pytest.approx(best.valid, rel=1e-6)
    train(run, blobs)
    assert run.finished("it still is").splits == result.splits


def test_no_early_end_before_a_late_term_has_had_its_epochs(new_run, small, blobs) -> None:
    """Epochs 10, 11 and 12 of 12 end with a term that begins after 3/4 of the run."""
    options = {"epochs": 12, "early_stop": 1, "learning_rate": 0.05}
    early = new_run(small("ae", **options), "early")
    late = new_run(replace(small("ae", **options), terms=(LateOptions(),)), "late")
    for run in (early, late):
        train(run, blobs)
    assert early.finished("it is").epochs < 9, "the case is worth a test"
    assert late.finished("it is").epochs >= 10
    patient = small("ae", **{**options, "early_stop": 3})
    run = new_run(replace(patient, terms=(LateOptions(),)), "patient")
    train(run, blobs)
    assert run.finished("it is").epochs == 12


@pytest.mark.parametrize("rate_weight", [0.0, 100.0])
def test_epochs_are_compared_by_the_rate_as_it_counts(rate_weight, new_run, small, blobs) -> None:
    """Else, with a warm-up, the epochs in which it counts for about 1 would win; and with a rate
    that nothing holds down the first ones.
    """
    config = small("vae", epochs=16, learning_rate=0.02, rate_warm_up=1.0)
    config = replace(config, objective=Elbo(rate_weight=rate_weight))
    run = new_run(config)
    train(run, blobs)
    epochs = run.metrics()

    def weighted(epoch: Epoch) -> float:
        valid = epoch.valid
        return valid["distortion_nats"] + rate_weight * valid["rate_nats"]

    best = run.finished("it is").best_epoch
    assert best == min(epochs, key=weighted).epoch
    assert best != min(epochs, key=lambda epoch: epoch.valid["loss_nats"]).epoch, "worth a test"


def test_its_weights_are_watched(new_run, small, blobs) -> None:
    run = new_run(with_centre(small()))
    training = _Training(run, blobs, (), assemble_one(run.config.training))
    centre = training.state.loss.terms["centre"]
    assert isinstance(centre, Centre)
    with torch.no_grad():
        centre.centre[0] = float("nan")
    with pytest.raises(NotFiniteError, match=r"^terms\.centre\.centre has NaN or infinite"):
        training.state.save(run)
    assert not run.checkpoint.exists()


@pytest.mark.parametrize("has_term", [True, False])
def test_a_checkpoint_with_other_terms_is_refused(has_term, new_run, small, blobs) -> None:
    plain, centred = new_run(small(epochs=1), "a"), new_run(with_centre(small(epochs=1)), "b")
    theirs, own = (plain, centred) if has_term else (centred, plain)
    train(theirs, blobs)
    own.checkpoint.parent.mkdir()
    own.checkpoint.write_bytes(theirs.checkpoint.read_bytes())
    with pytest.raises(RunError, match=r"than config\.json: terms differs"):
        train(own, blobs)


def test_another_weight_of_a_term_is_another_run(new_run, small, blobs) -> None:
    a = new_run(with_centre(small(epochs=1)), "a")
    b = new_run(replace(small(epochs=1), terms=(CentreOptions(weight=2.0),)), "b")
    train(a, blobs)
    b.checkpoint.parent.mkdir()
    b.checkpoint.write_bytes(a.checkpoint.read_bytes())
    with pytest.raises(RunError, match=r"term\.centre\.weight differs, 0\.5 there and 2\.0 here"):
        train(b, blobs)


@dataclass(frozen=True)
class UnknownOptions(TermOptions):
    """A term that has no value at some images."""

    index: tuple[int, ...] = ()

    def value(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        unknown = torch.isin(drawn.batch.index, torch.tensor(self.index))
        return torch.zeros(len(unknown)).masked_fill(unknown, float("nan"))


def test_losses_that_are_not_finite_in_the_end_are_said(new_run, small, blobs) -> None:
    """Of test images, which no epoch looks at: the run is written, and nobody must find them."""
    TERMS.register("unknown")(UnknownOptions)
    unknown = UnknownOptions(index=(int(blobs.splits["test"][0]),))
    run = new_run(replace(small(epochs=1), terms=(unknown,)))
    with pytest.warns(
        UserWarning, match="loss_nats, .*unknown must be finite on the test images, got"
    ):
        train(run, blobs)
    result = run.result()
    assert result is not None
    assert math.isnan(result.splits["test"]["unknown"])
    assert all(math.isfinite(value) for value in result.splits["valid"].values())

"""Each warning where it is deserved, and none where it is not."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reparam.data import image_set_from_arrays
from reparam.runs import PRESETS, Epoch, Run, RunConfig, preset_config, resolve
from reparam.training import train
from reparam.training.diagnostics import after_epoch, before_training

PIXEL_VARIANCE = 0.06


def line(epoch: int = 10, **values: float) -> Epoch:
    """An epoch of a run that is well."""
    fine: dict[str, Any] = {
        "epoch": epoch,
        "step": 10 * epoch,
        "learning_rate": 1e-3,
        "seconds": 1.0,
        "valid_dead_units": 0.0,
    }
    for part in ("train", "valid"):
        fine |= {f"{part}_mse": 0.03, f"{part}_rate_nats": 5.0, f"{part}_loss_nats": 400.0 - epoch}
    return Epoch.from_mapping(fine | values, "the test")


def kinds(lines: list[Epoch], config: RunConfig) -> set[str]:
    found = after_epoch(lines, config, PIXEL_VARIANCE, config.model.latent_dim)
    assert all("Fix: " in text and "\n" not in text for text in found.values())
    return set(found)


DESERVED: dict[str, dict[str, Any]] = {
    "rate_vanished": {"valid_rate_nats": 0.05, "valid_dead_units": 2},
    "dead_units": {"valid_dead_units": 2},
    "at_mean": {"valid_mse": 0.0595},
}


def test_a_run_that_is_well(small, blobs) -> None:
    assert not kinds([line(epoch) for epoch in range(1, 11)], small(epochs=10))
    assert not before_training(small(), blobs)


@pytest.mark.parametrize("kind", DESERVED)
def test_each_is_reported_in_the_second_half_of_a_run(kind: str, small) -> None:
    values = DESERVED[kind]
    assert kinds([line(10, **values)], small(epochs=20)) == {kind}
    assert not kinds([line(9, **values)], small(epochs=20))


@pytest.mark.parametrize("kind", ["rate_vanished", "at_mean"])
def test_what_a_model_has_not_begun_to_learn_is_reported_early(kind: str, small) -> None:
    """After a tenth of the run, if that is 200 steps; dead units may wake up until half of it."""
    values = DESERVED[kind]
    assert kinds([replace(line(2, **values), step=200)], small(epochs=20)) == {kind}
    assert not kinds([replace(line(2, **values), step=199)], small(epochs=20))
    assert not kinds([replace(line(1, **values), step=200)], small(epochs=20))
    dead = replace(line(9, **DESERVED["dead_units"]), step=2000)
    assert not kinds([dead], small(epochs=20))


def test_the_fix_of_a_collapse_is_one_that_the_run_can_take(small) -> None:
    """A Bernoulli likelihood refuses --weight, a searched one has none to raise, and a mixture
    refuses --free-bits.
    """
    for config, wrong in (
        (preset_config("burda"), "--weight"),
        (small(epochs=10, weight="auto"), "--weight"),
        (small(epochs=10, prior="mixture"), "--free-bits"),
    ):
        epochs = [line(30, valid_rate_nats=0.0)]
        found = after_epoch(epochs, config, PIXEL_VARIANCE, 2)["rate_vanished"]
        assert wrong not in found
        assert "--rate-warm-up" in found


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_the_fixes_that_it_is_told(preset: str) -> None:
    config = preset_config(preset, "plain")
    if not config.objective.has_rate:
        return
    epochs = [line(30, valid_rate_nats=0.0)]
    found = after_epoch(epochs, config, PIXEL_VARIANCE, 2)["rate_vanished"]
    flags = re.findall(r"--([a-z-]+)(?: ([\w.]+))?", found)
    assert flags
    for flag, value in flags:
        name = flag.replace("-", "_")
        some: object = {"weight": 2000.0, "rate_warm_up": 0.5, "epochs": 60, "free_bits": 0.1}[name]
        changed = resolve(config, [(f"--{flag}", {name: value if value == "auto" else some})])
        assert changed != config
        changed.objective.check(changed.model)
    assert ("rate-warm-up" in dict(flags)) == config.objective.warms_up


@pytest.mark.parametrize(
    ("given", "said", "not_said"),
    [
        ({"rate_warm_up": 1.0}, "more --epochs", "--rate-warm-up"),
        ({"free_bits": 0.1}, "--rate-warm-up", "--free-bits"),
        ({"beta": 50.0}, "a smaller --beta", "--weight"),
        ({"sigma": 5.0}, "a smaller --sigma", "--weight"),
        ({"weight": 10.0}, "a larger --weight, --weight auto", "--beta"),
    ],
)
def test_no_fix_is_told_that_is_used_up(given, said: str, not_said: str, small) -> None:
    found = after_epoch(
        [line(30, valid_rate_nats=0.0, valid_mse=0.0595)],
        small(epochs=30, **given),
        PIXEL_VARIANCE,
        2,
    )
    assert said in found["rate_vanished"]
    assert not_said not in found["rate_vanished"]
    if {"beta", "sigma"} & given.keys():
        assert found["at_mean"].endswith(said)


def test_the_fix_of_a_mean_image_is_one_that_the_run_can_take(small) -> None:
    """An AE has nothing to weigh, and a Bernoulli likelihood no weight."""
    of_bernoulli = small(epochs=10, likelihood="bernoulli", output_activation="linear")
    for config, has_weight in (
        (small(epochs=10), True),
        (small(epochs=10, weight="auto"), False),
        (small("ae", epochs=10), False),
        (of_bernoulli, False),
    ):
        epochs = [line(30, valid_mse=0.0595)]
        found = after_epoch(epochs, config, PIXEL_VARIANCE, 2)["at_mean"]
        assert ("--weight" in found) == has_weight


def test_half_of_the_units_may_be_dead(small) -> None:
    assert not kinds([line(valid_dead_units=4)], small(epochs=10, latent_dim=8))
    assert kinds([line(valid_dead_units=5)], small(epochs=10, latent_dim=8)) == {"dead_units"}


def test_a_missed_target_names_the_size_that_there_is(small) -> None:
    config = small(epochs=10, latent_channels=2, target_rate=5.0)
    found = after_epoch([line(10, train_rate_nats=50.0)], config, PIXEL_VARIANCE, 98)
    assert "another --latent-channels" in found["target_missed"]


@pytest.mark.parametrize("option", ["latent_dim", "latent_channels"])
def test_the_size_to_lower_is_the_one_that_there_is(option: str, small) -> None:
    dead = [line(valid_dead_units=5)]
    found = after_epoch(dead, small(epochs=10, **{option: 8}), PIXEL_VARIANCE, 8)["dead_units"]
    assert found.endswith(f"a smaller --{option.replace('_', '-')}")


def test_an_ae_has_no_rate_to_vanish(small) -> None:
    assert not kinds([line(valid_rate_nats=0.0)], small("ae", epochs=10))


def test_without_validation_the_training_figures_count(small) -> None:
    assert not kinds([replace(line(), valid={})], small(epochs=10))
    collapsed = replace(line(train_rate_nats=0.0), valid={})
    assert kinds([collapsed], small(epochs=10)) == {"rate_vanished"}


@pytest.mark.parametrize(
    ("valid", "train", "overfits"),
    [
        ([300, 200, 100, 110, 120, 130, 140, 150], [300, 200, 100, 90, 80, 70, 60, 50], True),
        # not long enough
        ([300, 200, 150, 100, 120, 130, 140, 150], [300, 200, 100, 90, 80, 70, 60, 50], False),
        # a rise within the noise of what it fell by
        ([300, 200, 100, 101, 102, 103, 104, 105], [300, 200, 100, 90, 80, 70, 60, 50], False),
        # training does not get better either
        ([300, 200, 100, 110, 120, 130, 140, 150], [300, 200, 100, 110, 120, 130, 140, 150], False),
    ],
)
def test_training_and_validation_part(valid, train, overfits, small) -> None:
    lines = [
        line(epoch, valid_loss_nats=v, train_loss_nats=t)
        for epoch, (v, t) in enumerate(zip(valid, train, strict=True), 1)
    ]
    assert kinds(lines, small(epochs=8)) == ({"overfitting"} if overfits else set())


@pytest.mark.parametrize(
    ("valid", "train", "diverges"),
    [
        ([0.03, 0.02, 0.025, 0.031, 0.035], [0.03, 0.02, 0.025, 0.031, 0.035], True),
        # one epoch may be an accident
        ([0.03, 0.02, 0.025, 0.025, 0.035], [0.03, 0.02, 0.025, 0.025, 0.035], False),
        # that is overfitting
        ([0.03, 0.02, 0.025, 0.031, 0.035], [0.03, 0.02, 0.015, 0.013, 0.011], False),
        # not by so much
        ([0.03, 0.02, 0.025, 0.029, 0.029], [0.03, 0.02, 0.025, 0.029, 0.029], False),
    ],
)
def test_an_error_that_grows_again(valid, train, diverges, small) -> None:
    lines = [
        line(epoch, valid_mse=v, train_mse=t)
        for epoch, (v, t) in enumerate(zip(valid, train, strict=True), 1)
    ]
    assert kinds(lines, small(epochs=8)) == ({"diverging"} if diverges else set())
    assert not kinds(lines, small(epochs=8, rate_warm_up=0.5))
    if diverges:
        for spikes, fix in ((0.0, "rate or --clip-spikes 3"), (3.0, "rate")):
            (text,) = after_epoch(lines, small(epochs=8, clip_spikes=spikes), 1.0, 2).values()
            assert text.endswith(f"Fix: a lower --learning-{fix}")
    assert "diverging" not in kinds(lines, small(epochs=8, target_mse=0.03))
    unmeasured = [replace(each, train={"loss_nats": 1.0}) for each in lines]
    assert "diverging" not in kinds(unmeasured, small(epochs=9))


def test_a_missed_target_is_reported_at_the_end(small) -> None:
    missed, met = line(10, train_mse=0.05), line(10, train_mse=0.031)
    config = small(epochs=10, target_mse=0.03)
    assert kinds([missed], config) == {"target_missed"}
    assert not kinds([met], config)
    assert not kinds([missed], small(epochs=11, target_mse=0.03))
    rate = small(epochs=10, target_rate=3.0)
    assert kinds([line(10, train_rate_nats=5.0)], rate) == {"target_missed"}
    assert not kinds([line(10, train_rate_nats=3.1)], rate)


@pytest.mark.parametrize("activation", ["tanh", "linear"])
def test_an_activation_that_leaves_the_pixels_range(activation, small, blobs) -> None:
    (text,) = before_training(small(output_activation=activation), blobs).values()
    assert f"output_activation {activation}" in text
    assert "Fix: --output-activation sigmoid" in text


def test_classes_that_no_training_image_has_are_named(small, tmp_path, blobs) -> None:
    labels = np.zeros(len(blobs), np.int64)
    images = replace(blobs, labels=labels, class_names=("a", "b", "c"))
    config = small("cvae", epochs=1)
    run = Run.create(tmp_path / "run", config, images, command="", overwrite=False)
    train(run, images)
    said = run.metrics()[0].warnings["classes"]
    assert said.startswith("no training image has the label of b, c (2 of the 3 classes)")
    assert not before_training(small(), images)  # reads no labels


def test_a_real_run_that_is_well_and_one_that_learns_nothing(new_run, small, blobs) -> None:
    def said(name: str, **options: Any) -> set[str]:
        run = new_run(small(epochs=30, **options), name)
        train(run, blobs)
        return {kind for epoch in run.metrics() for kind in epoch.warnings}

    assert said("well", learning_rate=3e-3, weight="auto") == set()
    assert said("collapsed", learning_rate=3e-3, weight=0.1) == {"rate_vanished", "at_mean"}
    assert said("asleep", learning_rate=1e-7) >= {"at_mean"}


def test_a_real_run_that_overfits(small, tmp_path) -> None:
    """Noise has nothing in common: what is learned of one picture is wrong for another."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    config = small("ae", epochs=80, learning_rate=5e-3, latent_dim=16)
    images = image_set_from_arrays(noise, None, name="noise", config=config.data)
    run = Run.create(tmp_path / "run", config, images, command="", overwrite=False)
    train(run, images)
    assert "overfitting" in {kind for epoch in run.metrics() for kind in epoch.warnings}


def test_worse_than_the_mean_is_not_called_the_mean(small) -> None:
    """As after a first epoch: the decodings differ, and are further off than one image for all."""
    found = after_epoch([line(30, valid_mse=0.09)], small(epochs=10), PIXEL_VARIANCE, 2)["at_mean"]
    assert "reconstructions are worse than it. Fix: " in found
    near = after_epoch([line(30, valid_mse=0.0601)], small(epochs=10), PIXEL_VARIANCE, 2)["at_mean"]
    assert "every image is decoded to the mean. Fix: " in near


def test_dead_dimensions_are_found_without_held_out_images(small, tmp_path, blobs) -> None:
    config = small(epochs=4, weight=1e-3, valid_fraction=0.0, latent_dim=3)
    images = image_set_from_arrays(blobs.images, blobs.labels, name="blobs", config=config.data)
    run = Run.create(tmp_path / "run", config, images, command="", overwrite=False)
    train(run, images)
    known = [epoch.train.get("dead_units") for epoch in run.metrics()]
    assert known == [None, 3.0, 3.0, 3.0]

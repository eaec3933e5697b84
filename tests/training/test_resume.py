"""A run that stops and resumes is the run that never stopped, bit for bit."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from reparam.data import ImageSet, load_images
from reparam.errors import ConfigError, RunError
from reparam.model import ResidualDecoderOptions, ResidualEncoderOptions
from reparam.runs import Run
from reparam.training import Event, Interrupted, Preparing, train

from .resuming import assert_resumes, ctrl_c_after, identical

MAKERS = {
    "vae": ("vae", {"dropout": 0.25, "batch_norm": True}),
    "one-cycle": ("vae", {"schedule": "one-cycle"}),
    "ae": ("ae", {}),
    "dae": ("dae", {"latent_dim": 3}),
    "burda": ("burda", {"latent_dim": 3, "optimiser": "muon"}),
    "bfloat16": ("vae", {"precision": "bfloat16"}),
    "auto": ("vae", {"weight": "auto", "free_bits": 0.1}),
    "averaged": ("vae", {"ema": 0.9, "clip": 1.0, "accumulate": 2, "dropout": 0.25}),
    "target-mse": ("vae", {"target_mse": 0.05}),
    "target-rate": ("vae", {"target_rate": 3.0}),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("stop", [(3, 6), (4, 2)], ids=["epoch's end", "mid-epoch"])
def test_stopped_and_resumed_is_bit_equal(name, stop, new_run, small, blobs) -> None:
    preset, options = MAKERS[name]
    whole, stopped = (new_run(small(preset, **options), name) for name in ("whole", "stopped"))
    assert_resumes(whole, stopped, blobs, stop)


def test_planned_further_equals_planned_at_once(new_run, small, blobs) -> None:
    """With a schedule that does not know the end, 3 epochs and then 6 are 6 epochs."""
    whole = new_run(small(epochs=6), "whole")
    train(whole, blobs)
    longer = new_run(small(epochs=3), "longer")
    train(longer, blobs)
    longer = longer.extended(6)
    train(longer, blobs)
    a, b = load_file(whole.weights), load_file(longer.weights)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert [epoch.epoch for epoch in longer.metrics()] == [1, 2, 3, 4, 5, 6]


def test_a_crash_after_the_metrics_line_leaves_whole_lines(new_run, small, blobs) -> None:
    run = new_run(small(epochs=3))
    train(run, blobs)
    run = run.extended(4)
    # Written, but the checkpoint was not; and the next line was cut short.
    run.forget_result()
    run.add_metrics(replace(run.metrics()[-1], epoch=4, seconds=0.0))
    with run.metrics_file.open("a") as file:
        file.write('{"epoch": 5, "sec')
    train(run, blobs)
    assert [epoch.epoch for epoch in run.metrics()] == [1, 2, 3, 4]


def test_same_seed_same_run_other_seed_other_run(new_run, small, blobs) -> None:
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run = new_run(small(epochs=1, seed=seed), name)
        train(run, blobs)
        weights.append(load_file(run.weights)["decoder.dense.weight"])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_resuming_a_finished_run_changes_nothing(new_run, small, blobs: ImageSet) -> None:
    run = new_run(small(epochs=2))
    train(run, blobs)
    before, metrics = load_file(run.weights), run.metrics()
    train(run, blobs)
    after = load_file(run.weights)
    assert all(identical(before[k], after[k]) for k in before)
    assert run.metrics() == metrics


def test_going_further_forgets_the_old_result_first(new_run, small, blobs) -> None:
    run = new_run(small(epochs=2))
    train(run, blobs)
    run = run.extended(4)
    with pytest.raises(Interrupted):
        train(run, blobs, [ctrl_c_after(3, 1)])
    assert run.result() is None
    train(run, blobs)
    assert run.finished("it is").epochs == 4


def test_changed_images_are_noticed(new_run, small, blobs, tmp_path) -> None:
    """The same shapes, one pixel different."""
    import numpy as np

    pixels = blobs.images.copy()
    np.savez(tmp_path / "blobs.npz", images=pixels, labels=blobs.labels)
    config = small(epochs=1)
    config = replace(config, data=replace(config.data, source=str(tmp_path / "blobs.npz")))
    run = Run.create(
        tmp_path / "run", config, load_images(config.data), command="", overwrite=False
    )
    assert len(run.images()) == 120
    pixels[7, 0, 0, 0] ^= 1
    np.savez(tmp_path / "blobs.npz", images=pixels, labels=blobs.labels)
    with pytest.raises(RunError, match="other images or splits"):
        run.images()


def test_a_run_finds_its_images_from_any_folder(
    small, blobs, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    monkeypatch.chdir(tmp_path)
    np.savez("blobs.npz", images=blobs.images, labels=blobs.labels)
    config = small(epochs=1)
    config = replace(config, data=replace(config.data, source="blobs.npz"))
    run = Run.create(
        tmp_path / "run", config, load_images(config.data), command="", overwrite=False
    )
    monkeypatch.chdir("/")
    assert len(run.images()) == 120
    assert run.is_of(replace(config, data=replace(config.data, source=f"{tmp_path}/blobs.npz")))


def test_an_early_stopped_run_says_why_it_does_not_continue(new_run, small, blobs) -> None:
    run = new_run(small("ae", epochs=50, early_stop=1, learning_rate=0.05))
    train(run, blobs)
    assert len(run.metrics()) < 50
    assert run.is_finished  # so that no command trains it again
    with pytest.raises(ConfigError, match="early stopping ended the run"):
        run.extended(100)


def test_fewer_epochs_than_done_are_refused(new_run, small, blobs) -> None:
    run = new_run(small(epochs=2))
    train(run, blobs)
    with pytest.raises(ConfigError, match=r"--epochs must be at least 2, .* got 1"):
        run.extended(1)


def test_no_pickle_in_a_run_folder(new_run, small, blobs) -> None:
    run: Run = new_run(small("ae", epochs=1))
    train(run, blobs)
    kinds = {path.suffix for path in run.path.rglob("*") if path.is_file()}
    assert kinds <= {".json", ".jsonl", ".safetensors", ".png"}


def test_components_are_looked_for_once(new_run, small, blobs) -> None:
    """A run that resumes has them in its checkpoint, and does not wait for them again."""
    config = small(epochs=2)
    networks = {
        "encoder": ResidualEncoderOptions(filters=(16, 32), components=2),
        "decoder": ResidualDecoderOptions(filters=(16, 32), components=2),
    }
    config = replace(config, model=replace(config.model, **networks))
    heard: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Preparing):
            heard.append(str(event))

    whole, stopped = new_run(config, "whole"), new_run(config, "stopped")
    train(whole, blobs, [listen])
    assert heard == [f"principal components of {len(blobs.splits['train'])} training images ..."]
    with pytest.raises(Interrupted):
        train(stopped, blobs, [ctrl_c_after(1, 2)])
    heard.clear()
    train(stopped, blobs, [listen])
    assert heard == []
    a, b = load_file(whole.weights), load_file(stopped.weights)
    assert a["encoder.linear.directions"].any()
    assert all(identical(a[k], b[k]) for k in a)


def test_other_images_than_those_of_the_run_are_refused(blobs, small, tmp_path) -> None:
    """Before anything is written: its figures would be of images that it does not name."""
    run = Run.create(tmp_path / "run", small("vae", epochs=1), blobs, command="", overwrite=False)
    other = replace(blobs, images=255 - blobs.images)
    with pytest.raises(RunError, match="blobs has other images or splits than when the run began"):
        train(run, other)
    assert run.result() is None
    train(run, blobs)
    assert run.result() is not None

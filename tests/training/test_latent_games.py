"""Runs of the presets aae, factor and rae: they resume bit for bit; their terms do their work."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from reparam.model import native
from reparam.objective import DecoderGradientOptions, LatentAdversarialOptions
from reparam.runs import RunConfig
from reparam.training import train

from .resuming import assert_resumes

GAMES = {"aae": "latent_adversarial", "factor": "factor"}


def with_small(config: RunConfig) -> RunConfig:
    """Discriminators of two layers of 16."""
    narrow = [
        replace(term, widths=(16, 16)) if hasattr(term, "widths") else term for term in config.terms
    ]
    return replace(config, terms=tuple(narrow))


@pytest.mark.parametrize("stop", [(2, 6), (3, 2)], ids=["epoch's end", "mid-epoch"])
@pytest.mark.parametrize("preset", GAMES)
def test_stopped_and_resumed_is_bit_equal(preset, stop, new_run, small, blobs) -> None:
    config = with_small(small(preset, epochs=4, dropout=0.25))
    whole, stopped = (new_run(config, name) for name in ("a", "b"))
    assert_resumes(whole, stopped, blobs, stop)
    term = GAMES[preset]
    assert (load_file(whole.checkpoint)[f"optimiser.term_{term}.0.exp_avg"] != 0).any()
    for name in (term, f"{term}_discriminator", f"{term}_margin"):
        assert all(epoch.train[name] != 0 for epoch in whole.metrics())


def test_in_several_parts_of_a_batch_the_prior_is_drawn_alike(new_run, small, blobs) -> None:
    config = with_small(small("aae", epochs=2))
    whole = new_run(config, "whole")
    parts = new_run(replace(config, training=replace(config.training, accumulate=3)), "parts")
    for run in (whole, parts):
        train(run, blobs)
    for ours, theirs in zip(whole.metrics(), parts.metrics(), strict=True):
        assert theirs.train == pytest.approx(ours.train, rel=1e-3)


def test_latents_become_like_the_prior(new_run, small, blobs) -> None:
    """Against the same AE without the term: moments of N(0, I)."""
    far = {}
    for weight in (1e-6, 30.0):
        config = small("aae", epochs=40, learning_rate=2e-3, weight=100.0)
        term = LatentAdversarialOptions(weight=weight, widths=(32, 32), learning_rate=2e-3)
        run = new_run(replace(config, terms=(term,)), f"run-{weight}")
        z = train(run, blobs).encode(torch.from_numpy(blobs.images).permute(0, 3, 1, 2) / 255)
        z = z.detach().numpy()
        moments = np.concatenate([z.mean(0), np.log(z.std(0))])
        far[weight] = np.abs(moments).max()
    assert far[30.0] < 0.5 * far[1e-6], far


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_gradient_penalty_makes_a_smoother_decoder(precision, new_run, small, blobs) -> None:
    """With whatever kernels there are: of this package, where they can be built."""
    found = {}
    for weight in (1e-6, 1e5):
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        kernels = "native" if native.available(dtype) else "pytorch"
        config = small("rae", epochs=6, precision=precision, kernels=kernels, fitted_prior=None)
        run = new_run(replace(config, terms=(DecoderGradientOptions(weight=weight),)), f"{weight}")
        train(run, blobs)
        result = run.finished("it is")
        assert result.kernels == kernels
        found[weight] = result.splits["train"]["decoder_gradient"]
    assert found[1e5] < 0.7 * found[1e-6], found

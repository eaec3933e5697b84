"""Exemplars in a run: what is kept of the training images, and how steps go through it."""

import numpy as np

from reparam.model import ExemplarPrior
from reparam.training import train


def test_a_run_keeps_training_images_and_where_they_are(new_run, small, blobs) -> None:
    run = new_run(small("exemplar", epochs=1, prior_components=30, prior_per_step=7))
    train(run, blobs)
    prior = run.load_model().prior
    assert isinstance(prior, ExemplarPrior)
    positions = prior.positions.numpy()
    held = prior.inputs.permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(held, blobs.images[positions])
    assert len(np.unique(positions)) == 30
    assert np.isin(positions, blobs.splits["train"]).all()

"""Black and white images from grey ones: by chance, with the right chance, or at a threshold."""

import math

import numpy as np
import pytest
import torch

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.evaluation import binarised
from reparam.model import BATCH, SharedNoise, build_autoencoder
from reparam.objective import Elbo, InputConfig, Loss, binarise, mean_losses
from reparam.runs import preset_config

BURDA = preset_config("burda")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grey(n: int = 6) -> torch.Tensor:
    return torch.rand(n, 1, 9, 7, generator=generator(1))


@pytest.mark.parametrize("kind", ["dynamic", "threshold"])
def test_pixels_are_0_or_1(kind):
    x = binarise(grey(), kind, generator())
    assert x.unique().tolist() == [0, 1]
    assert torch.equal(binarise(x, kind, generator()), x)  # black and white stays as it is
    assert x.dtype == torch.float32


def test_none_leaves_the_image_and_threshold_is_half():
    x = torch.tensor([0.0, 0.49, 0.5, 1.0]).view(1, 1, 2, 2)
    assert binarise(x, "none") is x
    assert binarise(x, "threshold").flatten().tolist() == [0, 0, 1, 1]


def test_the_chance_is_the_grey_value():
    """20,000 draws of each of 100 values: within 5 standard errors, a false alarm in 17,000."""
    p = torch.linspace(0, 1, 100).view(1, 1, 10, 10)
    share = binarise(p.expand(20_000, -1, -1, -1), "dynamic", generator(2)).mean(0)
    error = (p[0] * (1 - p[0]) / 20_000).sqrt()
    assert ((share - p[0]).abs() <= 5 * error).all()


def test_each_sight_of_an_image_is_another_draw_and_a_seed_repeats_them():
    source = generator(3)
    first, second = (binarise(grey(), "dynamic", source) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, binarise(grey(), "dynamic", generator(3)))


def test_processes_that_share_a_batch_draw_the_same_as_one():
    x = grey(6)
    whole = binarise(x, "dynamic", generator(4))
    parts = [
        binarise(x[first : first + 3], "dynamic", SharedNoise(generator(4), first, 6))
        for first in (0, 3)
    ]
    assert torch.equal(torch.cat(parts), whole)


def test_encoder_and_distortion_see_the_same_black_and_white_image():
    model = build_autoencoder(BURDA.model, (9, 7, 1))
    seen = {}
    model.encoder.register_forward_hook(lambda _m, inputs, _o: seen.update(x=inputs[0]))
    loss = Loss(model, Elbo(), inputs=InputConfig(binarise="dynamic"))
    terms = loss(Batch(grey(), None, torch.arange(6)), noise=generator(5)).terms
    source = generator(5)
    x = binarise(grey(), "dynamic", source)
    assert torch.equal(seen["x"], x)
    z = model.infer(x).rsample(source)
    torch.testing.assert_close(terms["distortion"], -model.pixels(z).log_prob(x))


def test_evaluation_takes_one_draw():
    model = build_autoencoder(BURDA.model, (9, 7, 1))
    loss = Loss(model, BURDA.objective, inputs=BURDA.inputs)
    images = np.random.default_rng(6).integers(0, 256, (BATCH + 9, 9, 7, 1), dtype=np.uint8)
    first, again = (mean_losses(loss, images, seed=7) for _ in range(2))
    assert first == again
    assert math.isfinite(first["loss_nats"])
    assert first != mean_losses(loss, images, seed=8)
    assert 0 < first["mse"] < 1


def test_copies_at_rest():
    images = np.random.default_rng(8).integers(0, 256, (BATCH + 9, 3, 3, 1), dtype=np.uint8)
    copies = binarised(images, seed=9)
    assert np.unique(copies).tolist() == [0, 255]
    np.testing.assert_array_equal(copies, binarised(images, seed=9))
    assert (copies != binarised(images, seed=10)).any()
    np.testing.assert_array_equal(binarised(images, "threshold"), (images > 127) * np.uint8(255))
    index = np.array([5, 2, BATCH + 8])
    np.testing.assert_array_equal(binarised(images[index]), binarised(images, index=index))


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ConfigError, match="none, dynamic or threshold, got 'half'"):
        binarise(grey(), "half")

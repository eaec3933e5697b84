"""The package's networks and losses against Keras', weight by weight and number by number."""

import keras
import numpy as np
import pytest
import torch

from reparam.data import Batch
from reparam.model import (
    Autoencoder,
    ModelConfig,
    build_autoencoder,
    parameter_counts,
    rate,
)
from reparam.objective import Elbo, Loss, Losses, Objective, Reconstruction

from .configs import configured
from .keras_reference import (
    KerasReference,
    build_reference,
    carry_from_keras,
    carry_to_keras,
    shared_weights,
    without_onednn,
)

# Keras' own way of making arrays of tensors is one that numpy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")

ARTICLE_VAE = ModelConfig()
ARTICLE_AE = configured(posterior="delta", encoder_order="act-norm")
FUNCTIONAL = configured(
    posterior="delta",
    decoder_filters=(64, 64, 64, 32),
    decoder_kernels=(3, 3, 3, 3, 3),
    decoder_strides=(1, 2, 2, 1, 1),
    batch_norm=True,
    encoder_order="norm-act",
    decoder_order="norm-act",
    output_activation="tanh",
)
SMALL = configured(
    latent_dim=3,
    encoder_filters=(8, 12),
    encoder_kernels=(3, 3),
    encoder_strides=(2, 2),
    decoder_filters=(10,),
    decoder_kernels=(3, 3),
    decoder_strides=(2, 2),
    batch_norm=True,
)


def kernels(encoder: tuple[int, ...], decoder: tuple[int, ...]) -> ModelConfig:
    return configured(SMALL, encoder_kernels=encoder, decoder_kernels=decoder)


CASES: dict[str, tuple[ModelConfig, tuple[int, int, int]]] = {
    "article AE": (ARTICLE_AE, (28, 28, 1)),
    "article VAE": (ARTICLE_VAE, (28, 28, 1)),
    "article AE, batch norm and dropout": (
        configured(ARTICLE_AE, batch_norm=True, dropout=0.25),
        (28, 28, 1),
    ),
    "article VAE, batch norm and dropout": (
        configured(ARTICLE_VAE, batch_norm=True, dropout=0.25),
        (28, 28, 1),
    ),
    "the book's VAE decoder": (
        configured(ARTICLE_VAE, batch_norm=True, decoder_order="norm-act"),
        (28, 28, 1),
    ),
    "functional variant": (FUNCTIONAL, (28, 28, 1)),
    "odd": (configured(ARTICLE_VAE, batch_norm=True), (27, 27, 1)),
    "odd in one side": (SMALL, (12, 9, 1)),
    "not square": (ARTICLE_VAE, (20, 14, 1)),
    "colour": (configured(ARTICLE_VAE, latent_dim=5), (16, 12, 3)),
    "colour, odd, act-norm in both": (
        configured(SMALL, encoder_order="act-norm", decoder_order="act-norm"),
        (13, 11, 3),
    ),
    "kernel 2": (kernels((2, 2), (2, 2)), (12, 16, 1)),
    "kernel 2, odd": (kernels((2, 2), (2, 2)), (11, 15, 1)),
    "kernel 4": (kernels((4, 4), (4, 4)), (12, 16, 1)),
    "kernel 4, odd": (kernels((4, 4), (4, 4)), (11, 15, 1)),
    "kernel 1": (kernels((1, 1), (1, 1)), (12, 16, 1)),
    "kernel 5": (kernels((5, 5), (5, 5)), (12, 16, 1)),
    "kernel 5, odd": (kernels((5, 5), (5, 5)), (14, 13, 1)),
    "even kernels, stride 1": (
        configured(
            kernels((2, 4), (4, 2)),
            encoder_strides=(1, 1),
            decoder_strides=(1, 1),
            batch_norm=False,
        ),
        (7, 6, 1),
    ),
    "stride 3": (
        configured(kernels((3, 5), (5, 3)), encoder_strides=(3, 2), decoder_strides=(2, 3)),
        (18, 12, 1),
    ),
    "stride 3, smaller kernels, odd": (
        configured(kernels((2, 1), (1, 2)), encoder_strides=(3, 3), decoder_strides=(3, 3)),
        (17, 13, 2),
    ),
    "decoder is no mirror": (
        configured(
            SMALL,
            decoder_filters=(6, 7, 5),
            decoder_kernels=(5, 2, 3, 4),
            decoder_strides=(1, 4, 1, 1),
            leaky_slope=0.001,
            output_activation="linear",
        ),
        (15, 18, 1),
    ),
}
BATCH_NORM_CASES = {name: case for name, case in CASES.items() if case[0].encoder.batch_norm}

by_case = pytest.mark.parametrize(("config", "image_shape"), CASES.values(), ids=CASES)


@pytest.fixture(autouse=True)
def _on_the_processor():
    """Keras takes an accelerator where there is one; the comparison is made on the processor."""
    assert keras.backend.backend() == "torch"
    with keras.device("cpu"):
        yield


def random_model(
    config: ModelConfig, image_shape: tuple[int, int, int], factor: float = 1.0
) -> Autoencoder:
    """Weights in which nothing is 0 or 1 by chance: biases and batch norm's values vary too."""
    torch.manual_seed(0)
    model = build_autoencoder(configured(config, weight=factor), image_shape)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, values in model.state_dict().items():
            if not name.startswith(("encoder", "posterior", "decoder")):
                continue
            noise = torch.rand(values.shape, generator=generator)
            if name.endswith("running_var") or ("norm" in name and name.endswith("weight")):
                values.copy_(0.5 + noise)
            elif values.ndim == 1:
                values.copy_(0.4 * noise - 0.2)
    return model.eval()


def images(image_shape: tuple[int, int, int], n: int = 4) -> torch.Tensor:
    height, width, channels = image_shape
    generator = torch.Generator().manual_seed(2)
    return torch.rand(n, channels, height, width, generator=generator)


def losses(
    model: Autoencoder,
    x: torch.Tensor,
    objective: Objective,
    noise: torch.Generator | None = None,
) -> Losses:
    return Loss(model, objective)(Batch(x, None, torch.arange(len(x))), noise=noise)


def channels_last(x: torch.Tensor) -> np.ndarray:
    return x.permute(0, 2, 3, 1).contiguous().numpy()


def numbers(x) -> np.ndarray:
    """A Keras or PyTorch tensor as float64."""
    return keras.ops.convert_to_numpy(x).astype(np.float64)


def reference_latents(reference: KerasReference, x: torch.Tensor, **kwargs) -> list:
    found = reference.encoder(channels_last(x), **kwargs)
    return list(found) if isinstance(found, (list, tuple)) else [found]


def assert_same(ours, theirs, tolerance: float = 1e-5) -> None:
    """Agreement within ``tolerance``, absolute below 1 and relative to the largest value above."""
    ours, theirs = numbers(ours), numbers(theirs)
    assert ours.shape == theirs.shape
    assert np.isfinite(theirs).all()
    assert np.abs(ours - theirs).max() <= tolerance * max(1.0, np.abs(theirs).max())


def pair(
    config: ModelConfig, image_shape: tuple[int, int, int], factor: float = 1.0
) -> tuple[Autoencoder, KerasReference]:
    model = random_model(config, image_shape, factor)
    reference = build_reference(config, image_shape)
    carry_to_keras(model, reference)
    return model, reference


@by_case
def test_outputs_agree(config, image_shape):
    model, reference = pair(config, image_shape)
    x = images(image_shape)
    with torch.no_grad():
        ours = model.infer(x).tensors()
        theirs = reference_latents(reference, x)
        for mine, keras_head in zip(ours.values(), theirs, strict=True):
            assert_same(mine, keras_head)
        z = torch.randn(5, config.latent_dim, generator=torch.Generator().manual_seed(3))
        decoded = model.decode(z)
        assert decoded.shape[1:] == (image_shape[2], *image_shape[:2])
        assert_same(decoded.permute(0, 2, 3, 1), reference.decoder(z.numpy()))
        reconstruction = reference.decoder(theirs[0])
        assert_same(model.reconstruct(x).permute(0, 2, 3, 1), reconstruction)
        # a network that gave one value everywhere would prove nothing
        assert numbers(decoded).std() > 1e-3
        assert min(numbers(head).std() for head in theirs) > 1e-3


@by_case
def test_weights_carried_from_keras_give_keras_outputs(config, image_shape):
    """Fresh Keras weights: the defaults (batch norm's ε among them) are the same as ours."""
    keras.utils.set_random_seed(4)
    reference = build_reference(config, image_shape)
    model = build_autoencoder(config, image_shape).eval()
    carry_from_keras(reference, model)
    x = images(image_shape)
    with torch.no_grad():
        mu = reference_latents(reference, x)[0]
        assert_same(model.encode(x), mu)
        assert_same(model.reconstruct(x).permute(0, 2, 3, 1), reference.decoder(mu))


@by_case
def test_parameter_counts_agree(config, image_shape):
    model = build_autoencoder(config, image_shape)
    reference = build_reference(config, image_shape)
    for half, count in parameter_counts(model).items():
        variables = getattr(reference, half).trainable_variables
        assert count == sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.parametrize(
    ("config", "encoder", "decoder"),
    [(ARTICLE_AE, 98_946, 102_017), (ARTICLE_VAE, 105_220, 102_017)],
)
def test_parameter_counts_are_the_articles(config, encoder, decoder):
    model = build_autoencoder(config, (28, 28, 1))
    reference = build_reference(config, (28, 28, 1))
    assert parameter_counts(model) == {"encoder": encoder, "decoder": decoder}
    assert reference.encoder.count_params() == encoder
    assert reference.decoder.count_params() == decoder


AE_CASES = {name: case for name, case in CASES.items() if case[0].posterior.is_point}
VAE_CASES = {name: case for name, case in CASES.items() if not case[0].posterior.is_point}


@pytest.mark.parametrize(("config", "image_shape"), AE_CASES.values(), ids=AE_CASES)
def test_ae_loss_agrees(config, image_shape):
    """The article's loss of an AE: the mean of the squared differences of each image."""
    model, reference = pair(config, image_shape)
    x = images(image_shape)
    with torch.no_grad():
        terms = losses(model, x, Reconstruction()).terms
        y = reference.decoder(reference_latents(reference, x)[0])
    expected = np.square(numbers(channels_last(x)) - numbers(y)).mean((1, 2, 3))
    assert_same(terms["loss"], expected)
    assert_same(terms["distortion"], expected)
    assert not terms["rate"].any()


@pytest.mark.parametrize("factor", [1.0, 1000.0])
@pytest.mark.parametrize(("config", "image_shape"), VAE_CASES.values(), ids=VAE_CASES)
def test_vae_losses_agree(config, image_shape, factor):
    """The article's losses, with the same ε: factor · MSE, KL, and their sum."""
    model, reference = pair(config, image_shape, factor)
    x = images(image_shape)
    with torch.no_grad():
        terms = losses(model, x, Elbo(), torch.Generator().manual_seed(5)).terms
        mu, log_var = (numbers(head) for head in reference_latents(reference, x))
        epsilon = torch.randn(mu.shape, generator=torch.Generator().manual_seed(5))
        z = mu + np.exp(log_var / 2) * numbers(epsilon)
        y = numbers(reference.decoder(z.astype(np.float32)))
    r_loss = factor * np.square(numbers(channels_last(x)) - y).mean((1, 2, 3))
    kl = -0.5 * (1 + log_var - mu**2 - np.exp(log_var)).sum(1)
    assert_same(terms["distortion"], r_loss)
    assert_same(terms["rate"], kl)
    assert_same(terms["loss"], r_loss + kl)
    assert model.likelihood.weight.r_loss_factor == pytest.approx(factor, rel=1e-6)
    reported = model.likelihood.losses({name: v.mean().item() for name, v in terms.items()})
    assert reported["loss_article"] == pytest.approx((r_loss + kl).mean(), rel=1e-5)
    assert reported["r_loss_article"] == pytest.approx(r_loss.mean(), rel=1e-5)
    assert reported["rate_nats"] == pytest.approx(kl.mean(), rel=1e-5)
    assert reported["mse"] == pytest.approx(r_loss.mean() / factor, rel=1e-5)


def without_dropout(case):
    config, image_shape = case
    return configured(config, dropout=0.0), image_shape


STEP_CASES = BATCH_NORM_CASES | {name: CASES[name] for name in ("article AE", "article VAE")}


@pytest.mark.parametrize(
    ("config", "image_shape"), [without_dropout(c) for c in STEP_CASES.values()], ids=STEP_CASES
)
def test_training_step_agrees(config, image_shape):
    """Training-mode outputs, the gradient of every weight, and the moving statistics after it."""
    factor = 100.0
    model, reference = pair(config, image_shape, factor)
    is_vae = model.is_variational
    before = {
        shared.name: numbers(shared.torch_weight.detach().clone())
        for shared in shared_weights(model, reference)
    }
    x = images(image_shape, n=6)

    model.train()
    q = model.infer(x)
    z = q.rsample(torch.Generator().manual_seed(6))
    y = model.decode(z)
    own_rate = rate(model.prior, q, z) if is_vae else torch.zeros(len(x))
    (model.likelihood(y).distortion(x) + own_rate).mean().backward()

    with without_onednn():
        heads = reference_latents(reference, x, training=True)
        z_keras = heads[0]
        kl = torch.zeros(len(x))
        if is_vae:
            mu, log_var = heads
            epsilon = torch.randn(mu.shape, generator=torch.Generator().manual_seed(6))
            z_keras = mu + keras.ops.exp(log_var / 2) * epsilon
            kl = -0.5 * keras.ops.sum(
                1 + log_var - keras.ops.square(mu) - keras.ops.exp(log_var), axis=1
            )
        y_keras = reference.decoder(z_keras, training=True)
        squares = keras.ops.square(keras.ops.subtract(channels_last(x), y_keras))
        keras.ops.mean(factor * keras.ops.mean(squares, axis=(1, 2, 3)) + kl).backward()

    # Keras takes the variance as E[x²] − E[x]², which costs float32 a digit
    assert_same(q.mean.detach(), heads[0].detach(), 2e-5)
    assert_same(y.detach().permute(0, 2, 3, 1), y_keras.detach(), 2e-5)

    weights = list(shared_weights(model, reference))
    gradients = [
        (w.name, w.in_keras_order(w.torch_weight.grad), w.keras_weight.value.grad)
        for w in weights
        if w.torch_weight.requires_grad
    ]
    # The second term is for sums that cancel: a bias before a batch norm has a gradient of exactly
    # 0, of which float32 leaves noise on the scale of the other gradients.
    largest = max(theirs.abs().max().item() for _, _, theirs in gradients)
    for name, ours, theirs in gradients:
        assert ours.shape == theirs.shape, name
        allowed = 2e-5 * theirs.abs().max().item() + 5e-6 * largest
        assert (ours - theirs).abs().max().item() <= allowed, name

    moved = 0
    for weight in weights:
        if weight.name.endswith(("running_mean", "running_var")):
            ours = numbers(weight.torch_weight)
            theirs = numbers(weight.keras_weight.value)
            assert_same(ours, theirs, 1e-6)
            # what the batch itself added: of momentum 0.99, so a hundredth of its statistic
            kept = 0.99 * before[weight.name]
            assert_same((ours - kept) / 0.01, (theirs - kept) / 0.01, 1e-4)
            assert np.abs(ours - before[weight.name]).max() > 1e-4
            moved += 1
    assert (moved > 0) == config.encoder.batch_norm

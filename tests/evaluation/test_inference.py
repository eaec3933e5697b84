"""A model on arrays: the same whatever the batch, at rest or as floats, and never all at once."""

import numpy as np
import pytest
import torch

from reparam.errors import ConfigError, ShapeError
from reparam.evaluation import (
    as_bytes,
    as_floats,
    check_images,
    decode,
    decode_bytes,
    decoded_batches,
    encode,
    image_quality,
    moments_of,
    noise_to_latents,
    prior_log_prob,
    reconstruct,
    reconstruct_images,
    sample_latents,
)
from reparam.model import (
    Autoencoder,
    DeltaOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    Prior,
    build_autoencoder,
    posteriors_of,
    rows_at_once,
)

SHAPE = (6, 5, 3)


def model(**parts) -> Autoencoder:
    torch.manual_seed(0)
    config = ModelConfig(
        encoder=MlpEncoderOptions(widths=(16,)), decoder=MlpDecoderOptions(widths=(16,)), **parts
    )
    return build_autoencoder(config, SHAPE).eval()


def images(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


def test_batches_are_bounded_by_pixels() -> None:
    assert rows_at_once((28, 28, 1)) == 500
    assert rows_at_once((128, 128, 3)) == 64
    assert rows_at_once((4096, 4096, 3)) == 1


def test_no_figure_depends_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    vae, x = model(), images(70)
    z = encode(vae, x)
    whole = decode(vae, z)
    monkeypatch.setattr("reparam.model.batches.LARGEST", 7 * 30)
    assert [len(part) for part in decoded_batches(vae, z)] == [7] * 10
    np.testing.assert_allclose(encode(vae, x), z, atol=1e-6)
    np.testing.assert_allclose(decode(vae, z), whole, atol=1e-6)
    np.testing.assert_allclose(reconstruct(vae, x), whole, atol=1e-6)
    found = reconstruct_images(vae, x)
    np.testing.assert_array_equal(found.images, as_bytes(reconstruct(vae, x)))
    np.testing.assert_array_equal(decode_bytes(vae, z), found.images)
    expected = image_quality(reconstruct(vae, x), as_floats(x))
    for name in ("mse", "psnr", "ssim"):
        assert getattr(found.quality, name).mean == pytest.approx(getattr(expected, name).mean)
        error = getattr(expected, name).standard_error
        assert getattr(found.quality, name).standard_error == pytest.approx(error)


def test_a_model_keeps_its_mode_also_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reparam.model.batches.LARGEST", 10 * 30)
    vae = model().train()
    for part in decoded_batches(vae, encode(vae, images(25))):
        assert vae.training
        assert not part.requires_grad


def test_moments_of_a_point_are_its_mean_alone() -> None:
    x = images(9)
    vae, ae = model(), model(posterior=DeltaOptions())
    mean, columns = moments_of(posteriors_of(vae, x))
    np.testing.assert_array_equal(mean, encode(vae, x))
    assert list(columns) == ["log_var"]
    with torch.no_grad():
        pixels = torch.from_numpy(as_floats(x)).permute(0, 3, 1, 2)
        np.testing.assert_allclose(columns["log_var"], vae.infer(pixels).tensors()["log_var"])
    mean, columns = moments_of(posteriors_of(ae, x))
    np.testing.assert_array_equal(mean, encode(ae, x))
    assert columns == {}


def test_latents_of_a_seed_and_their_density() -> None:
    vae = model()
    z = sample_latents(vae, 50, seed=3)
    np.testing.assert_array_equal(z, sample_latents(vae, 50, seed=3))
    assert (z != sample_latents(vae, 50, seed=4)).any()
    expected = -0.5 * (np.square(z) + np.log(2 * np.pi)).sum(1)
    np.testing.assert_allclose(prior_log_prob(vae, z), expected, rtol=1e-5)
    np.testing.assert_array_equal(noise_to_latents(vae, z), z)


class Ring(Prior):
    """A prior without a map from noise."""

    kind = "ring"

    def describe(self, lang="en") -> str:
        return "a ring"

    def sample(self, n, generator=None) -> torch.Tensor:
        angle = 2 * torch.pi * torch.rand(n, generator=generator)
        return torch.stack([angle.cos(), angle.sin()], 1)

    def log_prob(self, z) -> torch.Tensor:
        return -(z.norm(dim=1) - 1).square()


def test_noise_is_only_carried_to_a_prior_that_has_a_map() -> None:
    vae = model()
    vae.prior = Ring()
    assert sample_latents(vae, 4).shape == (4, 2)
    with pytest.raises(ConfigError, match=r"map from noise .* got a ring"):
        noise_to_latents(vae, np.zeros((1, 2), np.float32))


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"6 × 5 × 3 .* got 5 × 6 × 3"):
        check_images(model(), images(2).transpose(0, 2, 1, 3))
    with pytest.raises(ShapeError, match="rows of 2 numbers"):
        decode(model(), np.zeros((3, 4), np.float32))

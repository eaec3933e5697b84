import pytest
import torch

from reparam.evaluation.judge.blur import blurred, blurred_in_part


def test_a_point_becomes_a_gaussian_of_the_asked_width() -> None:
    x = torch.zeros(2, 1, 41, 41)
    x[:, :, 20, 20] = 1
    found = blurred(x, torch.tensor([1.5, 3.0]))
    places = torch.arange(41.0) - 20
    for image, sigma in zip(found[:, 0], (1.5, 3.0), strict=True):
        assert image.sum().item() == pytest.approx(1, abs=1e-5)
        variance = (image.sum(0) * places.square()).sum().item()
        assert variance == pytest.approx(sigma**2, rel=0.06)  # cut at 3 σ of the widest


def test_no_blur_changes_nothing_and_channels_stay_apart() -> None:
    x = torch.rand(3, 2, 9, 7, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(blurred(x, torch.zeros(3)), x, atol=1e-6)
    one = x.clone()
    one[:, 1] = 0
    assert blurred(one, torch.full((3,), 1.0))[:, 1].abs().max() == 0


def test_only_the_first_part_is_blurred() -> None:
    x = torch.rand(8, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    found = blurred_in_part(x, 0.5, 2.0, torch.Generator().manual_seed(1))
    assert torch.equal(found[4:], x[4:])
    assert not torch.allclose(found[:4], x[:4])

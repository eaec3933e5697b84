"""Muon against the singular value decomposition, PyTorch's own Muon, and its promises."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from reparam.model import ModelConfig, build_autoencoder, hidden_weights
from reparam.training.muon import ITERATIONS, STEP_RMS, Muon, orthogonalised

sides = st.integers(2, 40)


@settings(max_examples=40)
@given(rows=sides, columns=sides, seed=st.integers(0, 1000))
def test_singular_values_go_towards_one_and_the_vectors_stay(rows, columns, seed) -> None:
    matrix = torch.randn(1, rows, columns, generator=torch.Generator().manual_seed(seed))
    u, s, vh = torch.linalg.svd(matrix[0], full_matrices=False)
    new = torch.linalg.multi_dot([u.T, orthogonalised(matrix)[0], vh.T])
    off = new - torch.diag(new.diagonal())
    assert off.abs().max() < 2e-2
    scaled = s / s.norm()
    assert ((new.diagonal() > 0.6) & (new.diagonal() < 1.25))[scaled > 0.02].all()


@settings(max_examples=20)
@given(rows=sides, columns=sides)
def test_steps_on_the_gram_matrix_are_newton_schulz(rows, columns) -> None:
    x = torch.randn(2, rows, columns, generator=torch.Generator().manual_seed(rows))
    a, b, c = 3.4445, -4.7750, 2.0315
    plain = (x if rows <= columns else x.mT).double()
    plain = plain / torch.linalg.matrix_norm(plain)[..., None, None]
    for _ in range(ITERATIONS):
        gram = plain @ plain.mT
        plain = a * plain + (b * gram + c * gram @ gram) @ plain
    expected = plain if rows <= columns else plain.mT
    assert (orthogonalised(x) - expected).abs().max() < 5e-3


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has no Muon")
def test_steps_are_those_of_pytorchs_muon() -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Parameter(torch.randn(16, 24)), nn.Parameter(torch.zeros(16, 24))
    theirs.data.copy_(ours.data)
    start = ours.detach().clone()
    muon = Muon([ours], lr=1e-2)
    reference = torch.optim.Muon(
        [theirs], lr=1e-2 * STEP_RMS / 0.2, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    for _ in range(5):
        gradient = torch.randn(16, 24)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        muon.step()
        reference.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.02 * moved  # theirs computes in bfloat16


def test_it_is_given_the_weights_between_channels_and_no_others() -> None:
    model = build_autoencoder(ModelConfig(), (28, 28, 1))
    shapes = [tuple(p.shape) for p in hidden_weights(model)]
    assert shapes == [
        *((64, 32, 3, 3), (64, 64, 3, 3), (64, 64, 3, 3)),
        *((64, 64, 3, 3), (64, 64, 3, 3), (64, 32, 3, 3)),
    ]

"""Freed memory is kept for the next step, and given back in the end."""

import resource
import sys

import pytest
import torch

from reparam.training.memory import kept_memory


def faults_of(steps: int) -> int:
    """Pages that the system had to hand out while tensors of 8 MB came and went."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        torch.empty(2**21).fill_(1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about glibc")
def test_memory_is_not_asked_for_again_at_every_step():
    with kept_memory():
        faults_of(3)
        assert faults_of(20) < 2 * 2**23 / 4096  # fewer than two tensors' pages, for twenty
    assert torch.ones(4).sum() == 4

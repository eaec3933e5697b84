"""Models of other kinds than the demo's: what the page decodes and encodes is what PyTorch does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from reparam.runs import Run, look_at

from .driver import Explorer

KINDS: dict[str, dict[str, Any]] = {
    "colour, 64 pixels, no labels": {"shape": (64, 64, 3), "labelled": False},
    "latents that are maps": {"shape": (16, 24, 1), "latent_channels": 2},
    "two stochastic layers": {"preset": "chain"},
    "latents on a sphere": {"preset": "svae"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_every_kind(
    small: Callable[..., Run], opened: Callable[..., Explorer], kind: str
) -> None:
    run = small(**KINDS[kind])
    view = look_at(run, run.images())
    page = opened(run, pin="1", lang="en")
    entry = page.read("fetch('data/manifest.json').then((r) => r.json())")["runs"][0]
    page.until("Number.isFinite(reparam.golden('run'))")
    assert page.read("reparam.golden('run')") <= entry["golden"]["tolerance"]
    latents = view.mu[:3]
    found = page.read("reparam.decode('run', argument)", latents.tolist())
    with torch.no_grad():
        expected = view.model.decode(torch.tensor(latents)).clamp(0, 1).numpy()
    np.testing.assert_allclose(np.reshape(found, expected.shape), expected, atol=1 / 255)
    image = view.images[5].transpose(2, 0, 1) / 255
    encoded = page.read("reparam.encode('run', argument)", image.ravel().tolist())
    np.testing.assert_allclose(encoded["mu"], view.mu[5], atol=1e-3)
    # The point on the map is the one that is decoded, and the nearest image is its own.
    x, y = page.client("run", page.read("reparam.mean('run', 5)"))
    page.page.mouse.click(x, y)
    page.until("String(reparam.decoded('run').z) === String(reparam.state().z.run)")
    if view.latent_dim == 2:
        assert page.read("reparam.nearest('run').distance") < 0.1 * np.ptp(view.mu)
    assert page.page.locator(".banner").count() == 0
    for tab in ("samples", "dimensions", "gallery", "filter"):
        page.page.click(f"#tab-{tab}")
    assert page.page.locator(".banner").count() == 0

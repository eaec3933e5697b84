"""The page computes what PyTorch does."""

import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from reparam.model import Autoencoder
from reparam.runs import Run

from .bundles import Files, manifest
from .driver import Explorer, ink
from .small import site_of


def test_five_latents_decode_as_in_pytorch(demo: Explorer, vae: Autoencoder) -> None:
    latents = [[0.0, 0.0], [1.5, -1.0], [-2.0, 0.5], [0.3, 2.5], [4.0, -4.0]]
    found = np.array(demo.read("reparam.decode('vae', argument)", latents)).reshape(5, 28, 28)
    with torch.no_grad():
        expected = vae.decode(torch.tensor(latents))[:, 0].clamp(0, 1).numpy()
    assert np.abs(found - expected).max() <= 1 / 255


def test_golden_images_of_both_runs_are_met(demo: Explorer, files: Files) -> None:
    demo.page.click(".compare")
    for entry in manifest(files)["runs"]:
        demo.until("Number.isFinite(reparam.golden(argument))", entry["id"])
        difference = demo.read("reparam.golden(argument)", entry["id"])
        assert difference <= entry["golden"]["tolerance"]
    assert demo.page.locator(".banner").count() == 0


def test_networks_run_on_several_threads_where_the_server_lets_them(demo: Explorer) -> None:
    cores = demo.read("navigator.hardwareConcurrency")
    if cores < 2:
        pytest.skip("threads need two cores")
    assert 2 <= demo.read("reparam.timings().threads") <= cores


ISOLATING = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Content-Type-Options": "nosniff",
}


@pytest.mark.parametrize("headers", [{}, ISOLATING], ids=["plain", "isolating"])
@pytest.mark.parametrize("page", ["site/index.html", "explorer.html"])
def test_any_server_of_files_shows_the_page(
    explorer: Explorer, exports: Path, headers: dict[str, str], page: str
) -> None:
    """Without the headers that let threads share memory; with them, where the script of the threads
    is not known to be a script; and in one file, which has no script to start threads from.
    """

    class Files(SimpleHTTPRequestHandler):
        extensions_map: ClassVar = SimpleHTTPRequestHandler.extensions_map | {
            ".mjs": "application/octet-stream"
        }

        def end_headers(self) -> None:
            for name, value in headers.items():
                self.send_header(name, value)
            super().end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    handler = partial(Files, directory=str(exports))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            shown = explorer.open(f"http://127.0.0.1:{server.server_port}/{page}", run="vae")
            assert shown.read("crossOriginIsolated") == bool(headers)
            shown.until("Number.isFinite(reparam.golden('vae'))")
            assert shown.read("reparam.timings().threads") == 1
            shown.page.click('[data-value="window"]')
            shown.until("reparam.background('vae')")
        finally:
            server.shutdown()


def test_a_model_whose_images_no_thumbnail_holds(
    explorer: Explorer, serve, small: Callable[..., Run]
) -> None:
    site = site_of([small(shape=(12, 8, 2))])
    (entry,) = manifest(site)["runs"]
    assert entry["golden"]["encoded"] is None
    page = explorer.open(serve(site))
    page.until("Number.isFinite(reparam.golden('run'))")
    assert page.page.locator(".banner").count() == 0


def test_the_canvas_shows_the_decoded_image(demo: Explorer, vae: Autoencoder) -> None:
    demo.hover("vae", [1.0, 0.5])
    image = demo.decoded("vae")
    with torch.no_grad():
        z = torch.tensor(demo.z("vae"), dtype=torch.float32)[None]
        expected = vae.decode(z)[0, 0].clamp(0, 1).numpy()
    assert np.abs(image - expected).max() <= 1 / 255
    assert np.abs(ink(demo.pixels(".readout canvas")) - expected).max() <= 1 / 255


def test_an_image_encodes_as_in_pytorch(demo: Explorer, vae: Autoencoder) -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 28)) / 255
    found = demo.read("reparam.encode('vae', argument)", image.ravel().tolist())
    with torch.no_grad():
        mu = vae.encode(torch.tensor(image, dtype=torch.float32)[None, None])
    np.testing.assert_allclose(found["mu"], mu[0].numpy(), atol=1e-4)

"""4: a drawn digit, and a dropped image."""

import io

import numpy as np
import torch
from PIL import Image

from reparam.model import Autoencoder

from .driver import Explorer, ink


def encoded(model: Autoencoder, pixels: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.encode(torch.tensor(pixels / 255, dtype=torch.float32)[None, None])[0].numpy()


def draw_seven(page: Explorer) -> np.ndarray:
    """The 28 × 28 bytes that the page made of the strokes."""
    page.page.click("#tab-draw")
    box = page.page.locator(".pad").bounding_box()
    assert box
    at = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in
          ((0.2, 0.15), (0.6, 0.15), (0.35, 0.7))]  # fmt: skip
    page.drag(*at)
    page.until("reparam.drawn()")
    # The last stroke's encoding is the newest: z of the map follows it.
    page.when(lambda: np.allclose(page.read("reparam.drawn().mu"), page.z("vae"), atol=1e-4))
    page.page.wait_for_timeout(300)
    return np.array(page.read("reparam.drawn().pixels")).reshape(28, 28)


def test_the_drawn_digits_z_is_pytorchs(demo: Explorer, vae: Autoencoder) -> None:
    pixels = draw_seven(demo)
    np.testing.assert_allclose(demo.read("reparam.drawn().mu"), encoded(vae, pixels), atol=1e-3)
    np.testing.assert_allclose(demo.z("vae"), encoded(vae, pixels), atol=1e-3)


def test_it_is_centred_and_scaled_as_mnist_does_it(demo: Explorer) -> None:
    pixels = draw_seven(demo).astype(float)
    rows, columns = np.nonzero(pixels > 8)
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    assert 19 <= extent <= 20
    centre = [(pixels * (axis + 0.5)).sum() / pixels.sum() for axis in np.indices((28, 28))]
    np.testing.assert_allclose(centre, [14, 14], atol=0.51)


def test_it_leaves_a_trail_and_shows_reconstruction_and_neighbours(
    demo: Explorer, vae: Autoencoder, means: np.ndarray
) -> None:
    without = demo.screen("vae").astype(int)
    pixels = draw_seven(demo)
    assert (np.abs(demo.screen("vae") - without).max(-1) > 20).sum() > 200
    seen = ink(demo.pixels("#panel-draw .picture"))
    np.testing.assert_allclose(seen, pixels / 255, atol=1 / 255)
    mu = encoded(vae, pixels)
    with torch.no_grad():
        expected = vae.decode(torch.tensor(mu)[None])[0, 0].numpy()
    again = ink(demo.pixels("#panel-draw figure:nth-child(2) .picture"))
    assert np.abs(again - expected).max() < 0.02
    nearest = np.linalg.norm(means - mu, axis=1).argsort()[:6]
    labels = demo.page.locator("#panel-draw .thumb").evaluate_all(
        "list => list.map(b => b.getAttribute('aria-label'))"
    )
    assert [f"image {i}," in label for i, label in zip(nearest, labels, strict=True)] == [True] * 6


def test_an_image_file_is_encoded(demo: Explorer, vae: Autoencoder) -> None:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[6:22, 12:16] = 255
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    demo.page.click("#tab-draw")
    demo.page.locator("input[type=file]").set_input_files(
        {"name": "<img onerror=boom>.png", "mimeType": "image/png", "buffer": png.getvalue()}
    )
    demo.until("reparam.drawn()")
    np.testing.assert_array_equal(demo.read("reparam.drawn().pixels"), pixels.ravel())
    np.testing.assert_allclose(demo.read("reparam.drawn().mu"), encoded(vae, pixels), atol=1e-3)
    # Else a browser would see no change when the same file is chosen again, as after Clear.
    assert demo.page.locator("input[type=file]").input_value() == ""


def test_what_is_no_image_is_said(demo: Explorer) -> None:
    demo.page.click("#tab-draw")
    demo.page.locator("input[type=file]").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no image"}
    )
    demo.until(
        "document.querySelector('#panel-draw [role=status]').textContent.includes('notes.txt')"
    )

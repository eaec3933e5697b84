"""5: a path through several points."""

import io

import numpy as np
import torch
from PIL import Image

from reparam.model import Autoencoder

from .driver import Explorer

STOPS = np.array([[-2.0, 0.0], [0.0, 1.5], [2.0, -1.0]])


def along(stops: np.ndarray, t: float, spherical: bool) -> np.ndarray:
    """The point of the path, computed anew: slerp of the directions, the norm linearly."""
    whole = t * (len(stops) - 1)
    part = min(len(stops) - 2, int(whole))
    a, b, u = stops[part], stops[part + 1], whole - part
    if not spherical:
        return a + (b - a) * u
    na, nb = np.linalg.norm(a), np.linalg.norm(b)
    angle = np.arccos(np.clip(a @ b / na / nb, -1, 1))
    direction = (np.sin((1 - u) * angle) * a / na + np.sin(u * angle) * b / nb) / np.sin(angle)
    return (na + (nb - na) * u) * direction


def bytes_of(vae: Autoencoder, latents: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        images = vae.decode(torch.tensor(latents, dtype=torch.float32))[:, 0].numpy()
    return images.clip(0, 1) * 255


def choose(page: Explorer) -> None:
    """Three points, tapped on the map."""
    page.page.click('[data-tool="path"]')
    for i, stop in enumerate(STOPS):
        page.click("vae", stop)
        page.until("reparam.state().path.length === argument", i + 1)
    np.testing.assert_allclose(page.state["path"], STOPS, atol=0.02)


def frames(page: Explorer, count: int = 25) -> np.ndarray:
    page.until("reparam.path().length === argument", count)
    return np.array(page.read("reparam.path()")).reshape(count, 28, 28)


def test_linear_and_spherical_paths_are_what_python_computes(
    demo: Explorer, vae: Autoencoder
) -> None:
    choose(demo)
    stops = np.array(demo.state["path"])
    linear = frames(demo)
    expected = bytes_of(vae, np.stack([along(stops, i / 24, False) for i in range(25)]))
    assert np.abs(linear - expected).max() <= 1
    demo.page.click('[data-value="spherical"]')
    demo.when(lambda: np.abs(frames(demo) - linear).max() > 5)
    expected = bytes_of(vae, np.stack([along(stops, i / 24, True) for i in range(25)]))
    assert np.abs(frames(demo) - expected).max() <= 1


def test_the_scrubber_goes_to_a_place_on_the_path(demo: Explorer) -> None:
    choose(demo)
    demo.page.locator("#panel-path input[type=range]").fill("0.25")
    np.testing.assert_allclose(
        demo.z("vae"), along(np.array(demo.state["path"]), 0.25, False), atol=1e-3
    )


def test_play_goes_to_the_end(demo: Explorer) -> None:
    choose(demo)
    frames(demo)
    demo.page.get_by_role("button", name="Play").click()
    demo.until("reparam.state().t === 1")
    np.testing.assert_allclose(demo.z("vae"), demo.state["path"][-1], atol=1e-6)
    demo.page.get_by_role("button", name="Play").wait_for()


def test_the_gif_holds_the_frames(demo: Explorer) -> None:
    choose(demo)
    made = frames(demo)
    with demo.page.expect_download() as download:
        demo.page.get_by_role("button", name="Save GIF").click()
    gif = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert gif.n_frames == 25 + 23  # there and back
    gif.seek(24)
    last = np.array(gif.convert("L"))[3::6, 3::6]
    assert np.abs(last.astype(int) - (255 - made[-1])).max() <= 12  # 256 colours, quantised

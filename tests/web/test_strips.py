"""A path as a video, and strips of a chosen size as PNG."""

import base64
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from reparam.runs import Run

from .bundles import Files
from .driver import Explorer
from .test_path import choose, frames

PLAY = """
async ([data, type, rate]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const video = document.createElement("video");
  video.muted = true;
  video.src = URL.createObjectURL(new Blob([bytes], { type }));
  await new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = () => reject(video.error);
  });
  const [width, height] = [video.videoWidth, video.videoHeight];
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const seen = [];
  const take = () => {
    context.drawImage(video, 0, 0, 28, 28);
    seen.push(Array.from(context.getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 0));
    video.requestVideoFrameCallback(take);
  };
  video.requestVideoFrameCallback(take);
  video.playbackRate = rate;
  await video.play();
  await new Promise((resolve) => (video.onended = resolve));
  return { width, height, duration: video.duration, seen };
}
"""
"""Plays a file at so many times its speed; gives its size, its seconds, and the frames shown."""


def strip(page: Explorer, panel: str, count: int, scale: int) -> np.ndarray:
    """The saved strip of so many images, so many pixels for one of the image."""
    box = page.page.locator(f"#panel-{panel} .strip-saver")
    box.get_by_label("Images").fill(str(count))
    box.get_by_label("Pixels per image pixel").fill(str(scale))
    with page.page.expect_download() as download:
        box.get_by_role("button", name="Save PNG strip").click()
    return np.array(Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGB"))


def test_the_video_holds_the_frames(demo: Explorer) -> None:
    choose(demo)
    made = frames(demo)
    with demo.page.expect_download() as download:
        demo.page.get_by_role("button", name="Save video").click()
    data = download.value.path().read_bytes()
    kind = download.value.suggested_filename.split(".")[-1]
    mp4 = demo.read("MediaRecorder.isTypeSupported('video/mp4')")
    assert kind == ("mp4" if mp4 else "webm")
    if mp4:
        assert data[4:8] == b"ftyp"
        fragments = data.split(b"trun")[1:]
        assert sum(int.from_bytes(part[4:8], "big") for part in fragments) == 25 + 23
    else:
        assert data[:4] == b"\x1a\x45\xdf\xa3"
    slowly = 0.25
    played = demo.page.evaluate(PLAY, [base64.b64encode(data).decode(), f"video/{kind}", slowly])
    assert (played["width"], played["height"]) == (336, 336)
    assert played["duration"] == pytest.approx(48 * 0.06, abs=0.5)
    seen = np.array(played["seen"]).reshape(-1, 28, 28)
    assert len(seen) > 30
    far = np.abs(seen[:, None] - (255 - made)[None]).mean((2, 3))  # by day ink is dark
    assert far.min(0).max() < 8  # each of the path's images was shown
    order = far.argmin(1)
    assert order[0] <= 1
    turn = int(order.argmax())
    assert order[turn] == 24
    assert (np.diff(order[: turn + 1]) >= -1).all()
    assert (np.diff(order[turn:]) <= 1).all()


HIDE = """
(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""


def test_a_video_rests_while_the_page_is_hidden(demo: Explorer) -> None:
    choose(demo)
    with demo.page.expect_download() as download:
        demo.page.get_by_role("button", name="Save video").click()
        demo.page.wait_for_timeout(600)
        demo.page.evaluate(HIDE, True)
        demo.page.wait_for_timeout(3000)
        demo.page.evaluate(HIDE, False)
    data = download.value.path().read_bytes()
    kind = download.value.suggested_filename.split(".")[-1]
    played = demo.page.evaluate(PLAY, [base64.b64encode(data).decode(), f"video/{kind}", 4])
    assert played["duration"] == pytest.approx(48 * 0.06, abs=0.5)


def test_a_browser_without_a_recorder_says_so(fresh: Explorer, serve, files: Files) -> None:
    fresh.page.add_init_script("delete window.MediaRecorder")
    demo = fresh.open(serve(files), run="vae")
    choose(demo)
    assert demo.page.get_by_role("button", name="Save video").is_disabled()
    assert "cannot record video" in demo.page.locator("#panel-path").inner_text()
    demo.page.click('[data-action="language"]')
    assert "녹화할 수 없습니다" in demo.page.locator("#panel-path").inner_text()


def test_a_strip_has_the_images_and_the_size_that_are_chosen(demo: Explorer) -> None:
    choose(demo)
    made = frames(demo)
    picture = strip(demo, "path", 7, 5)
    assert picture.shape == (28 * 5, 7 * 28 * 5, 3)
    tiles = picture.reshape(140, 7, 140, 3).swapaxes(0, 1)
    # Of 25 frames every fourth is one of 7 images; each pixel is a square of 5.
    for tile, frame in zip(tiles, made[::4], strict=True):
        sharp = np.kron(255 - frame, np.ones((5, 5)))[..., None]
        np.testing.assert_array_equal(tile, sharp.repeat(3, -1))
    assert "980 × 140 pixels" in demo.page.locator("#panel-path .strip-saver").inner_text()


def test_a_strip_that_no_browser_draws_is_refused(demo: Explorer) -> None:
    choose(demo)
    box = demo.page.locator("#panel-path .strip-saver")
    box.get_by_label("Images").fill("200")
    box.get_by_label("Pixels per image pixel").fill("8")
    assert "44,800 × 224 pixels: a side of more than the 16,384" in box.inner_text()
    assert box.get_by_role("button", name="Save PNG strip").is_disabled()


def test_traversals_are_rows(small: Callable[..., Run], opened: Callable[..., Explorer]) -> None:
    """Of colour pictures that are not square: all dimensions, and then one."""
    run = small(shape=(12, 28, 3), labelled=False)
    page = opened(run, lang="en", panel="dimensions", pin="1")
    both = strip(page, "dimensions", 5, 2)
    assert both.shape == (2 * 12 * 2, 5 * 28 * 2, 3)
    first, second = (one["index"] for one in page.read("reparam.dimensions()"))
    z = page.z("run")
    for row, index in enumerate((first, second)):
        page.page.get_by_label("Dimension", exact=True).select_option(str(index))
        alone = strip(page, "dimensions", 5, 2)
        np.testing.assert_array_equal(alone, both[24 * row : 24 * row + 24])
        entry = page.read("fetch('data/manifest.json').then((answer) => answer.json())")
        mu = entry["runs"][0]["points"]["mu"]
        end = z.copy()
        end[index] = mu["high"][index]
        decoded = np.array(page.read("reparam.decode('run', [argument])", end.tolist()))
        last = decoded.reshape(3, 12, 28).clip(0, 1).transpose(1, 2, 0) * 255
        assert np.abs(alone[::2, -56::2] - last).max() <= 1


def test_a_direction_is_a_strip(small: Callable[..., Run], opened: Callable[..., Explorer]) -> None:
    page = opened(small(), lang="en", panel="direction", base="3")
    page.page.locator("[name=groupA]").select_option("c1")
    page.page.locator("[name=groupB]").select_option("c2")
    picture = strip(page, "direction", 4, 3)
    assert picture.shape == (16 * 3, 4 * 16 * 3, 3)
    # From −1 to +2 in four images: the second is the image's own mean.
    base = page.state["base"]
    index = base if base is not None else page.read("reparam.shown('run')")[0]
    mean = page.read("reparam.mean('run', argument)", index)
    own = np.array(page.read("reparam.decode('run', [argument])", mean)).reshape(16, 16)
    shown = picture[1::3, 49:96:3, 0] / 255
    assert min(np.abs(shown - own).max(), np.abs(1 - shown - own).max()) <= 0.01

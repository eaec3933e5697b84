"""6: what a lasso catches."""

import csv
import io

import numpy as np
from matplotlib.path import Path as Polygon
from PIL import Image

from .bundles import Files, manifest
from .driver import Explorer

CORNERS = [[0.5, -0.2], [2.5, 0.0], [2.4, -2.2], [0.4, -1.8]]


def catch(page: Explorer) -> list[int]:
    page.page.click('[data-tool="lasso"]')
    page.drag(*(page.client("vae", corner) for corner in CORNERS))
    page.until("reparam.caught().indices.length > 0")
    return page.read("reparam.caught().indices")


def labels_of(files: Files) -> np.ndarray:
    entry = manifest(files)["runs"][1]["points"]["labels"]
    return np.frombuffer(files[entry["file"]], "<u2")


def images_of(files: Files) -> np.ndarray:
    """The test images, N × 28 × 28, cut out of the sprite sheets by Pillow."""
    sheet = manifest(files)["runs"][1]["points"]["thumbnails"]
    assert (sheet["width"], sheet["height"]) == (28, 28)
    cut = []
    for entry in sheet["sheets"]:
        pixels = np.array(Image.open(io.BytesIO(files[entry["file"]])))
        rows = pixels.reshape(-1, 28, sheet["columns"], 28)
        cut.append(rows.transpose(0, 2, 1, 3).reshape(-1, 28, 28))
    return np.concatenate(cut)


def test_it_catches_the_points_inside(demo: Explorer, means: np.ndarray) -> None:
    caught = catch(demo)
    polygon = Polygon(demo.state["lasso"])
    assert caught == np.flatnonzero(polygon.contains_points(means)).tolist()
    assert 20 < len(caught) < 500


def test_gallery_counts_and_mean(demo: Explorer, files: Files) -> None:
    caught = catch(demo)
    counts = np.bincount(labels_of(files)[caught], minlength=10)
    assert demo.read("reparam.caught().counts") == counts.tolist()
    shown = demo.page.locator("#panel-gallery .bars .count").all_inner_texts()
    assert [int(text) for text in shown] == [c for c in counts if c]
    images = images_of(files)
    mean = np.array(demo.until("reparam.caught().mean")).reshape(28, 28)
    assert np.abs(mean - images[caught].mean(0)).max() <= 0.51
    # The first thumbnail is the first image, pixel by pixel: by day ink is dark.
    demo.when(lambda: demo.pixels("#panel-gallery .thumb canvas").shape[0] == 28)
    first = demo.pixels("#panel-gallery .thumb canvas")[:, :, 0]
    np.testing.assert_array_equal(first, 255 - images[caught[0]])


def test_the_table_holds_them(demo: Explorer, files: Files, means: np.ndarray) -> None:
    caught = catch(demo)
    with demo.page.expect_download() as download:
        demo.page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [int(row["index"]) for row in rows] == caught
    assert [int(row["label"]) for row in rows] == labels_of(files)[caught].tolist()
    z = [[float(row["z1"]), float(row["z2"])] for row in rows]
    np.testing.assert_allclose(z, means[caught], atol=1e-4)


def test_a_thumbnail_leads_to_its_point(demo: Explorer, means: np.ndarray) -> None:
    caught = catch(demo)
    demo.page.locator("#panel-gallery .thumb").nth(2).click()
    np.testing.assert_allclose(demo.z("vae"), means[caught[2]], atol=1e-5)


def test_a_class_is_gathered_without_a_pointer(demo: Explorer, files: Files) -> None:
    demo.page.locator("#tab-gallery").focus()
    demo.page.keyboard.press("Enter")
    demo.page.get_by_role("button", name="gather 7").press("Enter")
    expected = np.flatnonzero(labels_of(files) == 7)
    assert demo.read("reparam.caught().indices") == expected.tolist()

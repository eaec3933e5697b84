"""7: two runs side by side."""

import numpy as np
import torch

from reparam.model import Autoencoder

from .bundles import Files, manifest, with_manifest
from .driver import Explorer, ink


def test_the_same_test_image_is_marked_in_both(demo: Explorer) -> None:
    demo.page.click(".compare")
    demo.until("reparam.runs().length === 2 && reparam.state().pair === 'ae'")
    # At once, before anything is moved.
    index = demo.read("reparam.nearest('vae').index")
    demo.until("reparam.nearest('ae').index === argument", index)
    for run, other, place in (("vae", "ae", [1.0, 0.5]), ("ae", "vae", [2.0, -3.0])):
        demo.hover(run, place)
        index = demo.read("reparam.nearest(argument).index", run)
        assert demo.read("reparam.nearest(argument).index", other) == index
        mean = demo.read(f"reparam.mean('{other}', argument)", index)
        np.testing.assert_allclose(demo.z(other), mean, atol=1e-6)
        texts = demo.page.locator(".readout .class").all_inner_texts()
        assert len(texts) == 2
        assert texts[0] == texts[1]
        assert f"Image {index}," in texts[0]


def test_samples_of_both_priors_stand_below_each_other(demo: Explorer, vae: Autoencoder) -> None:
    demo.page.click(".compare")
    boxes = demo.page.locator(".samples")
    demo.when(lambda: boxes.count() == 2)
    demo.until("document.querySelectorAll('.samples .draw').length === 64")
    latents = demo.read("reparam.samples('vae')")
    with torch.no_grad():
        images = vae.decode(torch.tensor(latents))[:, 0].numpy()
    for i in (0, 31):
        shown = ink(demo.pixels(f".samples[data-run=vae] .draw:nth-child({i + 1}) canvas"))
        assert np.abs(shown - images[i]).max() <= 1.5 / 255
    tops = [box.bounding_box()["y"] for box in boxes.all()]
    assert tops[0] < tops[1]
    demo.page.get_by_role("button", name="Draw again").click()
    demo.when(lambda: demo.read("reparam.samples('vae')") != latents)


def test_runs_of_other_images_are_not_linked(explorer: Explorer, serve, files: Files) -> None:
    changed = manifest(files)
    changed["runs"][0]["points"]["images_sha256"] = "0" * 64
    page = explorer.open(
        serve(with_manifest(files, changed)), run="vae", pair="ae", panel="samples"
    )
    page.until("reparam.runs().length === 2 && reparam.state().pair")
    before = page.z("ae")
    page.hover("vae", [2.0, -1.0])
    np.testing.assert_array_equal(page.z("ae"), before)
    assert "different images" in page.page.locator("#panel-samples").inner_text()

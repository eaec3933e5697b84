"""The page of the documentation that draws pictures with the exported decoder, as it is printed."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import BrowserContext, Route

from reparam.export import export_onnx

from .conftest import Small

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "web" / "node_modules" / "onnxruntime-web"
RADIUS = -np.sqrt(2 * np.log(2))
"""What Box and Muller's formula gives of 1/2 and 1/2."""

PIXELS = """() => {
    const canvas = document.querySelector("canvas");
    const { width, height } = canvas;
    return [...canvas.getContext("2d").getImageData(0, 0, width, height).data];
}"""


@pytest.mark.parametrize("channels", [1, 3])
def test_it_draws_what_pytorch_decodes(
    small: Small, context: BrowserContext, tmp_path: Path, channels: int
) -> None:
    if not PACKAGE.is_dir():
        pytest.skip("the page runs web/'s copy of ONNX Runtime: run npm ci there")
    text = (ROOT / "docs/tutorials/own-pictures.md").read_text(encoding="utf-8")
    (html,) = re.findall(r"```html \.noeval\n(.*?)```", text, re.S)
    (address, version) = re.search(r'"(https://\S+@([\d.]+)/dist/)', html).groups()
    assert version == json.loads((PACKAGE / "package.json").read_text())["version"]

    run = small(shape=(12, 16, channels), epochs=12)
    model = run.load_model().float().eval()
    (tmp_path / "models").mkdir()
    _, decoder = export_onnx(run, model, run.images().images[:4])
    (tmp_path / "models" / "decoder.onnx").write_bytes(decoder.data)
    (tmp_path / "draw.html").write_text(html, encoding="utf-8")

    def from_disk(route: Route) -> None:
        url = route.request.url
        here = PACKAGE / "dist" if url.startswith(address) else tmp_path
        headers = {"Access-Control-Allow-Origin": "*"}
        file = here / url.removeprefix(address).removeprefix("http://127.0.0.1:8000/")
        route.fulfill(path=file, headers=headers) if file.is_file() else route.fulfill(status=404)

    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route("**/*", from_disk)
    page.add_init_script("Math.random = () => 0.5")
    page.goto("http://127.0.0.1:8000/draw.html")
    ready = "document.querySelector('canvas').height === 12"
    page.wait_for_function(ready, timeout=120_000)  # a busy machine compiles 14 MB
    page.get_by_role("button", name="New picture").click()
    drawn = np.array(page.evaluate(PIXELS)).reshape(12, 16, 4)
    z = torch.full((1, model.latent_dim), float(RADIUS))
    with torch.no_grad():
        decoded = model.pixels(z, None).mean[0].permute(1, 2, 0).numpy()
    expected = np.broadcast_to(255 * decoded, (12, 16, 3))
    assert np.ptp(expected) > 5
    np.testing.assert_allclose(drawn[..., :3], expected, atol=0.51)
    assert (drawn[..., 3] == 255).all()
    assert errors == []

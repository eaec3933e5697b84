"""A bundle that is damaged, newer or strange gives a message, and never a blank page."""

from typing import Any

import pytest

from .bundles import Files, manifest, with_manifest
from .driver import Explorer


def message(page: Explorer, address: str, **state: str) -> str:
    page.go(address, **{"lang": "en", **state})
    banner = page.page.locator(".banner")
    page.when(lambda: banner.count() > 0)
    page.errors.clear()  # a file that is missing leaves a line in the console
    return banner.first.inner_text()


@pytest.mark.parametrize("name", ["mu", "decoder", "labels", "thumbs", "golden", "prior"])
def test_a_changed_file_is_named(explorer: Explorer, serve, files: Files, name: str) -> None:
    if name == "thumbs":
        path = manifest(files)["runs"][1]["points"]["thumbnails"]["sheets"][0]["file"]
    else:
        path = next(f for f in sorted(files) if name in f and ("vae" in f or "shared" in f))
    for damaged, words in (
        (files[path][:-7], "cut short"),
        (bytes([files[path][0] ^ 1]) + files[path][1:], "hash"),
        (None, "missing"),
    ):
        site = {f: data for f, data in files.items() if f != path}
        if damaged is not None:
            site[path] = damaged
        text = message(explorer, serve(site), run="vae", panel="samples")
        assert words in text
        assert path in text
    explorer.page.goto("about:blank")
    explorer.errors.clear()  # who needs the file next asks for it again


def test_a_newer_manifest(explorer: Explorer, serve, files: Files) -> None:
    text = message(explorer, serve(with_manifest(files, {**manifest(files), "schema": 2})))
    assert "schema 2" in text


@pytest.mark.parametrize(
    "broken", [b"", b"{", b"[]", b'{"schema": 1}', b'{"schema": 1, "runs": [{}]}']
)
def test_a_broken_manifest(explorer: Explorer, serve, files: Files, broken: bytes) -> None:
    text = message(explorer, serve({**files, "data/manifest.json": broken}))
    assert "cannot be read" in text


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("title", None, "runs/1/title "),
        ("points/mu", None, "runs/1/points/mu "),
        ("points/labels", {}, "runs/1/points/labels "),
        ("points/mu/sha256", "0", "runs/1/points/mu/sha256 "),
        ("golden/encoded", {"image_index": 0, "mu": None}, "runs/1/golden/encoded/mu "),
        ("figures/loss", {"rate": None}, "runs/1/figures/loss/rate "),
        ("latent", {"shape": [], "map": None}, "runs/1/latent/shape "),
        (
            "latent",
            {"shape": [3], "map": None},
            "runs/1/points/mu: a list of 2 elements, latents have 3",
        ),
        ("principal/axes", [[1, 0], [0]], "runs/1/principal: a list of 1 elements"),
    ],
)
def test_a_value_that_the_schema_does_not_allow_is_named(
    explorer: Explorer, serve, files: Files, path: str, value: Any, said: str
) -> None:
    changed = manifest(files)
    *way, name = path.split("/")
    table = changed["runs"][1]
    for step in way:
        table = table[step]
    assert name in table
    table[name] = value
    text = message(explorer, serve(with_manifest(files, changed)))
    assert "cannot be read" in text
    assert said in text


def test_what_may_be_null_may_be_null(explorer: Explorer, serve, files: Files) -> None:
    changed = manifest(files)
    run = changed["runs"][1]
    run["points"].update(labels=None, log_var=None)
    run["golden"]["encoded"] = run["scorecard"] = run["kl_per_dimension"] = None
    run["figures"]["images"] = None
    page = explorer.open(serve(with_manifest(files, changed)), run="vae")
    page.until("Number.isFinite(reparam.golden('vae'))")
    assert page.page.locator(".banner").count() == 0


def test_fields_that_the_page_does_not_know_are_ignored(
    explorer: Explorer, serve, files: Files
) -> None:
    changed = manifest(files)
    changed["runs"][1]["parts"] = {"encoder": "convolutional"}
    page = explorer.open(serve(with_manifest(files, changed)), run="vae")
    assert page.page.locator(".banner").count() == 0


def test_a_model_that_computes_something_else(explorer: Explorer, serve, files: Files) -> None:
    changed = manifest(files)
    changed["runs"][1]["golden"]["latents"][2][0] += 1.5
    text = message(explorer, serve(with_manifest(files, changed)), run="vae")
    assert "than in PyTorch" in text
    assert text.index("the bundle was changed") < text.index("this browser computes wrongly")
    assert explorer.page.locator(".map").count() == 1  # and the page goes on


def test_text_from_data_stays_text(explorer: Explorer, serve, files: Files) -> None:
    name = "<img src=x onerror=window.boom=1>"
    changed = manifest(files)
    changed["source"] = name
    for run in changed["runs"]:
        run["title"] = name
        run["prior"]["description"] = run["prior"]["description_ko"] = name
        for one in run["classes"]:
            one["name"] = name
            one["colour"] = "red;background:url(https://elsewhere.example)"
    site = serve(with_manifest(files, changed))
    for panel in ("look", "samples", "gallery", "direction", "dimensions", "draw", "path"):
        page = explorer.open(site, run="vae", pair="ae", panel=panel)
        page.until("reparam.runs().length === 2")
        page.page.wait_for_timeout(100)
        assert page.read("document.querySelectorAll('img').length") == 0
        assert page.read("window.boom === undefined")
    assert name in page.page.locator("h1").inner_text()
    assert name in page.page.locator(".readout .class").first.inner_text()


NO_ROOM = """
let made = 0;
window.Worker = class extends Worker {
  constructor(...words) { super(...words); this.fails = made++ > 0; }
  postMessage(...words) {
    if (this.fails) setTimeout(() => this.onerror({ message: "out of memory" }), 10);
    else super.postMessage(...words);
  }
};
"""


def test_where_one_engine_stands_it_does_the_work_of_all(
    fresh: Explorer, serve, files: Files
) -> None:
    """As on a phone, whose memory is enough for one."""
    fresh.page.add_init_script(NO_ROOM)
    page = fresh.open(serve(files), run="vae", bg="window")
    found = page.until("reparam.background('vae')")
    assert found["decoded"] > 100
    assert page.page.locator(".banner").filter(visible=True).count() == 0

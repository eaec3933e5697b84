import json
import re
import shlex

import numpy as np
import onnxruntime
import torch
from manifests import read_manifest

from reparam.evaluation import encode
from reparam.runs import Run

from .conftest import train_kl, train_tiny


def test_onnx_of_one_run_computes_its_latents(reparam, vae_run, tmp_path) -> None:
    said = reparam("export", vae_run, "--onnx", tmp_path / "onnx")
    assert said.status == 0, said.err
    assert said.out == f"{tmp_path / 'onnx'}\n"
    for half in ("encoder", "decoder"):
        (line,) = [line for line in said.err.splitlines() if f"vae {half}:" in line]
        assert float(line.split("PyTorch's by ")[1].split()[0]) <= 1e-5
    files = {path.name for path in (tmp_path / "onnx").iterdir()}
    assert files == {"encoder.onnx", "decoder.onnx"}
    run = Run.open(vae_run)
    images = run.images().split_images("test")
    encoder = onnxruntime.InferenceSession(tmp_path / "onnx" / "encoder.onnx")
    x = images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    mu, _ = encoder.run(["mu", "log_var"], {"images": x})
    np.testing.assert_allclose(mu, encode(run.load_model(), images), atol=1e-5)


def test_two_runs_everywhere_at_once(reparam, ae_run, vae_run, page, tmp_path) -> None:
    site, one, onnx = tmp_path / "site", tmp_path / "one.html", tmp_path / "onnx"
    args = ("export", ae_run, vae_run, "--onnx", onnx, "--site", site, "--single-file", one)
    said = reparam(*args)
    assert said.status == 0, said.err
    assert said.out.splitlines() == [str(onnx), str(site), str(one)]
    assert f"{one} has {one.stat().st_size / 1e6:,.1f} MB" in said.err
    (serve,) = re.findall(r"look at it with `(.*)`, at http://127\.0\.0\.1:8000", said.err)
    own = ["--bind", "127.0.0.1", "--directory", str(site)]
    assert shlex.split(serve)[-4:] == own, "to this machine alone"
    found = {p.relative_to(onnx).as_posix() for p in onnx.rglob("*.onnx")}
    assert found == {f"{run}/{half}coder.onnx" for run in ("ae", "vae") for half in ("en", "de")}
    assert (site / "assets" / "a.js").read_text() == "1"
    assert not (site / "single.html").exists()
    manifest = read_manifest((site / "data" / "manifest.json").read_bytes())
    assert [run["title"] for run in manifest["runs"]] == ["AE", "VAE"]
    assert manifest["source"] == "shapes.npz"  # the file's name, not where it lies
    listed = {p.relative_to(site).as_posix() for p in (site / "data").rglob("*") if p.is_file()}
    text = one.read_text()
    inlined = json.loads(text[text.index(">", text.index("<script")) + 1 : text.index("</script>")])
    assert set(inlined) == listed

    before = {p: p.read_bytes() for p in site.rglob("*") if p.is_file()}
    assert "exists already" in reparam(*args[:3], "--single-file", one).err
    assert "holds results already" in reparam(*args[:3], "--site", site).err
    assert reparam(*args, "--overwrite").status == 0
    assert before == {p: p.read_bytes() for p in site.rglob("*") if p.is_file()}


def test_programs_of_torch_export_compute_its_latents(reparam, vae_run, tmp_path) -> None:
    said = reparam("export", vae_run, "--torch", tmp_path / "programs")
    assert said.status == 0, said.err
    assert said.out == f"{tmp_path / 'programs'}\n"
    assert {path.name for path in (tmp_path / "programs").iterdir()} == {
        "encoder.pt2",
        "decoder.pt2",
    }
    run = Run.open(vae_run)
    images = run.images().split_images("test")
    encoder = torch.export.load(tmp_path / "programs" / "encoder.pt2").module()
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    with torch.no_grad():
        mu = encoder(x)[0].numpy()
    np.testing.assert_allclose(mu, encode(run.load_model(), images), rtol=0, atol=1e-5)
    again = reparam("export", vae_run, "--torch", tmp_path / "programs")
    assert "--overwrite" in again.err
    assert reparam("export", vae_run, "--torch", tmp_path / "programs", "--overwrite").status == 0


def test_a_folder_of_diffusers_computes_its_latents(
    reparam, refused, shapes_file, tmp_path
) -> None:
    from diffusers import AutoencoderKL  # takes seconds

    run, out = train_kl(shapes_file, tmp_path / "kl"), tmp_path / "folder"
    said = reparam("export", run, "--diffusers", out)
    assert said.status == 0, said.err
    assert said.out == f"{out}\n"
    assert {path.name for path in out.iterdir()} == {
        "README.md",
        "config.json",
        "diffusion_pytorch_model.safetensors",
    }
    for half in ("encoder", "decoder"):
        (line,) = [line for line in said.err.splitlines() if f"kl {half}:" in line]
        assert float(line.split("PyTorch's by ")[1].split()[0]) <= 1e-5
    images = Run.open(run).images().split_images("test")
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    with torch.no_grad():
        q = AutoencoderKL.from_pretrained(out).encode(2 * x - 1).latent_dist
    mu = encode(Run.open(run).load_model(), images)
    np.testing.assert_allclose(q.mean.flatten(1).numpy(), mu, rtol=0, atol=1e-5)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert "holds results already" in refused("export", run, "--diffusers", out)
    assert reparam("export", run, "--diffusers", out, "--overwrite").status == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (out / "README.md").write_text("somebody else's model")
    assert "other files" in refused("export", run, "--diffusers", out, "--overwrite")


def test_what_cannot_be_written_is_said_before_any_work(refused, vae_run, page, tmp_path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine")
    digits = tmp_path / "mnist"
    digits.mkdir()
    (digits / "train-images-idx3-ubyte").write_bytes(b"pixels")  # no suffix, as a folder's name
    empty = tmp_path / "folders"
    (empty / "one").mkdir(parents=True)
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    (other / "index.html").write_text("somebody else's site")
    (other / "data" / "manifest.json").write_text('{"name": "another"}')
    cases = [
        (
            ("--site", mine, "--overwrite"),
            "other files ('letter.txt'). Fix: choose another --site",
        ),
        (("--onnx", mine, "--overwrite"), "choose another --onnx"),
        (("--onnx", digits, "--overwrite"), "other files ('train-images-idx3-ubyte')"),
        (("--torch", digits, "--overwrite"), "other files ('train-images-idx3-ubyte')"),
        (("--onnx", empty, "--overwrite"), "other files ('one/')"),
        (("--torch", mine, "--overwrite"), "choose another --torch"),
        (("--site", other, "--overwrite"), "holds other files"),
        (("--site", mine / "letter.txt"), "must be a folder, got a file"),
        (("--single-file", mine), "must end in .html"),
        (("--single-file", tmp_path / "one.txt"), "got "),
        (("--diffusers", mine, "--overwrite"), "choose another --diffusers"),
        (
            ("--diffusers", tmp_path / "new"),
            "got encoder convolutional, decoder convolutional, latents that are rows of numbers. "
            "Fix: train a run with --encoder kl --decoder kl --latent-channels 4",
        ),
        ((vae_run, "--diffusers", tmp_path / "new"), "--diffusers must have one run, got 2"),
        (
            (),
            "--diffusers DIR, --site DIR, --single-file FILE or --anomaly FILE",
        ),
        (("--anomaly", mine), "--anomaly must end in .onnx"),
        ((vae_run, "--anomaly", tmp_path / "d.onnx"), "--anomaly must have one run, got 2"),
        (
            ("--onnx", tmp_path / "new", "--torch", tmp_path / "new"),
            "--onnx and --torch must be different places",
        ),
        (("--site", tmp_path / "new", "--images", "0"), "images must be 1 or more, got 0"),
        ((vae_run, vae_run, "--site", tmp_path / "new"), "one run or two, got 3"),
    ]
    for more, message in cases:
        assert message in refused("export", vae_run, *more)
    assert "RUN [RUN ...] must be given" in refused("export", "--site", tmp_path / "new")
    assert (mine / "letter.txt").read_text() == "mine"
    assert (digits / "train-images-idx3-ubyte").exists()
    assert (other / "index.html").read_text() == "somebody else's site"
    assert not (tmp_path / "new").exists()


def test_without_the_page_it_says_what_to_run(refused, vae_run, page, tmp_path) -> None:
    (page / "index.html").unlink()
    for option, name in (("--site", "site"), ("--single-file", "one.html")):
        said = refused("export", vae_run, option, tmp_path / name)
        assert "run `make page`" in said
        assert "npm" in said
    assert "make page" in refused("explore", vae_run)


def test_an_unfinished_run_says_how_to_go_on(refused, shapes_file, tmp_path) -> None:
    run = train_tiny(shapes_file, tmp_path / "run", "ae")
    (run / "result.json").unlink()
    assert "reparam resume" in refused("export", run, "--onnx", tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()

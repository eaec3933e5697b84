"""reparam fit-prior on tiny runs: from the command to the samples, and what can go wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from reparam import load
from reparam.errors import RunError
from reparam.model import fittable_names
from reparam.printable import several
from reparam.report.page import chapter, render
from reparam.runs import Run, look_at

from .conftest import train_tiny


@pytest.fixture(autouse=True)
def _short_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reparam.model.priors.flow.STEPS", 50)


@pytest.fixture
def ae(ae_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ae_run, tmp_path / "ae run")


@pytest.fixture
def vae(vae_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(vae_run, tmp_path / "vae")


@pytest.mark.parametrize("kind", fittable_names())
@pytest.mark.parametrize("model", ["ae", "vae"])
def test_from_the_command_to_the_samples(reparam, request, model, kind, tmp_path) -> None:
    run = request.getfixturevalue(model)
    weights = (run / "model.safetensors").read_bytes()
    said = reparam("fit-prior", run, "--prior", kind)
    assert said.status == 0, said.err
    assert "N(0, I)" in said.out
    assert "fitted to the latents" in said.out
    assert "12 test images" in said.out
    assert said.out.splitlines()[-1] == str(run / "prior.safetensors")
    assert (run / "model.safetensors").read_bytes() == weights
    fitted = Run.open(run).load_model().prior
    assert fitted.kind == kind
    assert not any(p.requires_grad for p in fitted.parameters())
    said = reparam("sample", run, "-n", 9, "--out", tmp_path / "s.npz")
    assert f"9 draws from {fitted.describe()}, seed 0" in said.err
    assert fitted.describe() in " ".join(reparam("info", run).out.split())
    z = load(run).model_.prior.sample(4, torch.Generator().manual_seed(0))
    assert torch.equal(z, fitted.sample(4, torch.Generator().manual_seed(0)))


def test_what_is_printed_is_the_held_out_likelihood(reparam, vae) -> None:
    """The row of N(0, I) is that of its density, by hand, over the test latents of this seed."""
    said = reparam("fit-prior", vae, "--prior", "gaussian", "--seed", 3)
    run = Run.open(vae)
    model, images = run.load_model(), run.images()
    q = model.infer(
        torch.from_numpy(images.images[images.splits["test"]]).permute(0, 3, 1, 2) / 255
    )
    z = q.rsample(torch.Generator().manual_seed(3)).detach()
    each = -0.5 * (z**2).sum(1) - np.log(2 * np.pi)
    row = next(line for line in said.out.splitlines() if line.startswith("N(0, I)"))
    assert f"{each.mean().item():.3f} ±" in row
    after = next(line for line in said.out.splitlines() if line.startswith("a Gaussian"))
    assert f"{model.prior.log_prob(z).mean().item():.3f} ±" in after


def test_the_same_command_gives_the_same_file_to_the_last_bit(reparam, vae) -> None:
    reparam("fit-prior", vae)
    first = (vae / "prior.safetensors").read_bytes()
    assert reparam("fit-prior", vae, "--overwrite").status == 0
    assert (vae / "prior.safetensors").read_bytes() == first


def test_a_prior_survives_the_disc_to_the_last_bit(reparam, vae) -> None:
    reparam("fit-prior", vae, "--prior", "mixture")
    run = Run.open(vae)
    prior = run.load_model().prior
    run.save_prior(prior)
    again = run.load_model().prior
    for name, value in prior.state_dict().items():
        assert value.numpy().tobytes() == again.state_dict()[name].numpy().tobytes()


def test_back_to_the_runs_own(reparam, ae) -> None:
    reparam("fit-prior", ae, "--prior", "gaussian")
    assert Run.open(ae).load_model(own_prior=True).prior.kind == "box"
    said = reparam("fit-prior", ae, "--prior", "own")
    assert "the box of the training latents" in said.out
    assert Run.open(ae).load_model().prior.kind == "box"
    assert not (ae / "prior.safetensors").exists()
    assert reparam("fit-prior", ae, "--prior", "own").status == 0


def test_a_box_that_latents_lie_outside_of_is_infinitely_unlikely(reparam, ae) -> None:
    run = Run.open(ae)
    model = run.load_model()
    model.prior.high.copy_(model.prior.low + 1e-3)
    run.save_model(model, epoch=run.finished("").best_epoch)
    said = reparam("fit-prior", ae, "--prior", "gaussian").out
    assert "-∞" in said
    assert "100.00% of them lie outside of the box of the training latents" in said


def test_what_cannot_be(refused, reparam, vae, dae_run, tmp_path) -> None:
    assert "prior must be one of flow, gaussian, mixture, own" in refused(
        "fit-prior", vae, "--prior", "cauchy"
    )
    assert "seed must be 0 or more and at most" in refused("fit-prior", vae, "--seed", -1)
    assert "no such run folder" in refused("fit-prior", tmp_path / "none")
    dae = shutil.copytree(dae_run, tmp_path / "dae")
    assert "a prior in 32 dimensions must be fitted to at least 65 latents" in refused(
        "fit-prior", dae, "--quiet"
    )
    assert not (dae / "prior.safetensors").exists()
    reparam("fit-prior", vae, "--prior", "gaussian")
    assert "--overwrite" in refused("fit-prior", vae, "--prior", "mixture")
    (vae / "result.json").unlink()
    message = refused("fit-prior", vae, "--overwrite")
    assert "a prior is fitted to a finished run" in message
    assert "reparam resume" in message


def test_a_damaged_or_foreign_prior_is_refused_by_name(refused, reparam, vae, ae) -> None:
    reparam("fit-prior", vae, "--prior", "gaussian")
    reparam("fit-prior", ae, "--prior", "gaussian")
    file = vae / "prior.safetensors"
    whole = file.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    foreign = vae.parent / "foreign.safetensors"
    save_file({"x": torch.zeros(2)}, foreign)
    for content, message in (
        (flipped, "damaged"),
        (whole[:100], "damaged"),
        (b"", "damaged"),
        (foreign.read_bytes(), "must be a reparam prior, got a file of another program"),
        ((vae / "model.safetensors").read_bytes(), "must be a reparam prior, got model"),
        (
            (ae / "prior.safetensors").read_bytes(),
            "must be fitted to the run's weights, got a prior of other ones",
        ),
    ):
        file.write_bytes(content)
        said = refused("sample", vae, "--out", vae.parent / "s.npz")
        assert str(file) in said
        assert message in said
    assert "cannot be used" in reparam("info", vae).out
    assert reparam("encode", vae, "--out", vae.parent / "z.csv").status == 0  # needs no prior
    assert reparam("fit-prior", vae, "--overwrite", "--prior", "gaussian").status == 0
    assert file.read_bytes() == whole


def test_training_further_leaves_no_stale_prior_in_use(reparam, refused, vae) -> None:
    """It is refused until it is fitted again; the training itself goes on and ends as ever."""
    reparam("fit-prior", vae, "--prior", "gaussian")
    before = load_file(vae / "model.safetensors")
    said = reparam("resume", vae, "--epochs", 4, "--quiet")
    assert said.status == 0
    after = load_file(vae / "model.safetensors")
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert "was the run trained further?" in said.err
    assert "reparam fit-prior" in refused("sample", vae, "--out", vae.parent / "s.npz")
    assert Run.open(vae).load_model(own_prior=True).prior.kind == "standard-normal"
    with pytest.raises(RunError, match="a prior of other ones"):
        load(vae)
    assert reparam("fit-prior", vae, "--prior", "gaussian", "--overwrite").status == 0
    assert reparam("sample", vae, "-n", 2, "--out", vae.parent / "s.npz").status == 0


def test_resuming_a_finished_run_keeps_its_prior(reparam, ae) -> None:
    """The weights are the same, to the last bit, and so the prior is theirs still."""
    reparam("fit-prior", ae, "--prior", "gaussian")
    said = reparam("resume", ae, "--quiet")
    assert said.status == 0
    assert "prior" not in said.err
    assert "is finished" not in said.err
    assert Run.open(ae).load_model().prior.kind == "gaussian"
    epochs = Run.open(ae).config.training.epochs
    first = reparam("resume", ae).err.splitlines()[0]
    assert "is finished" in first
    assert f"its {several(epochs, 'epoch')}, give --epochs" in first


def test_the_report_shows_the_prior(reparam, ae, vae) -> None:
    reparam("fit-prior", ae, "--prior", "mixture")
    reparam("fit-prior", vae, "--prior", "flow")
    for lang, words in (
        ("en", ("normalising flow fitted to the latents", "Its prior")),
        ("ko", ("정규화 흐름(normalising flow)", "잠재 벡터에 맞춘 정규 분포")),
    ):
        runs = map(Run.open, (ae, vae))
        drawn = [chapter(look_at(run, run.images()), None, lang) for run in runs]
        page = render(drawn, lang, "reparam report", None)
        assert all(word in page for word in words)
        assert "random draws from N(0, I)" not in page


def test_compare_keeps_runs_of_different_priors_apart(
    reparam, vae, vae_run, tmp_path, monkeypatch
) -> None:
    """They differ in nothing else, and are not two seeds of one model."""
    monkeypatch.setenv("COLUMNS", "250")
    own = shutil.copytree(vae_run, tmp_path / "own")
    reparam("fit-prior", vae, "--prior", "gaussian")
    few = ("--draws", 40, "--likelihood-images", 0, "--quiet")
    said = reparam("compare", own, vae, *few, "--out", tmp_path / "c.html")
    assert said.status == 0, said.err
    assert "one seed each" in said.out
    assert "VAE (own)" in said.out
    assert "VAE (vae)" in said.out


def test_compare_fits_the_runs_prior_to_its_seeds_too(reparam, vae, tmp_path, monkeypatch) -> None:
    """Or they would differ in more than their seed, and not be one column."""
    monkeypatch.setenv("COLUMNS", "250")
    reparam("fit-prior", vae, "--prior", "gaussian")
    few = ("--draws", 40, "--likelihood-images", 0, "--quiet")
    said = reparam("compare", vae, "--seeds", 2, *few, "--out", tmp_path / "c.html")
    assert said.status == 0, said.err
    assert "over 2 seeds" in said.out
    assert Run.open(vae.with_name(f"{vae.name}-seed-1")).fitted_prior() == "gaussian"
    assert Run.open(vae).fitted_prior() == "gaussian"


@pytest.mark.parametrize("name", ["gaussian", "mixture"])
def test_a_prior_that_is_learned_with_the_model(reparam, shapes_file, tmp_path, name) -> None:
    run = train_tiny(shapes_file, tmp_path / "run", "vae", "--prior", name)
    prior = Run.open(run).load_model().prior
    assert prior.kind == name
    fresh = Run.open(run).build_model().prior.state_dict()
    assert any(not torch.equal(value, fresh[key]) for key, value in prior.state_dict().items())
    said = reparam("sample", run, "-n", 3, "--out", tmp_path / "s.npz")
    assert "learned with the model" in said.err
    assert json.loads(reparam("info", run, "--json").out)["prior"] == prior.describe()
    assert reparam("report", run, "--out", tmp_path / "r.html").status == 0


def test_nothing_is_learned_without_the_kl(refused, shapes_file, tmp_path) -> None:
    said = refused(
        "train", shapes_file, "--model", "ae", "--prior", "mixture", "--out", tmp_path / "r"
    )
    assert "objective must have a rate for prior mixture to learn from" in said
    assert "reparam fit-prior" in said


def test_a_prior_that_is_fitted_when_training_ends(reparam, shapes_file, tmp_path) -> None:
    """It is what fit-prior fits afterwards, and a longer run has one of its new weights."""
    run = train_tiny(shapes_file, tmp_path / "run", "ae", "--fitted-prior", "gaussian")
    prior = Run.open(run).load_model().prior
    assert (prior.kind, prior.fitted) == ("gaussian", True)
    kept = prior.state_dict()
    again = reparam("fit-prior", run, "--prior", "gaussian", "--overwrite", "--quiet")
    assert again.status == 0
    for name, value in Run.open(run).load_model().prior.state_dict().items():
        assert torch.equal(value, kept[name])
    assert reparam("resume", run, "--epochs", 4, "--quiet").status == 0
    longer = Run.open(run).load_model().prior
    assert longer.kind == "gaussian"
    assert not torch.equal(longer.state_dict()["mean"], kept["mean"])


def test_a_prior_that_cannot_be_fitted_when_training_ends(refused, shapes_file, tmp_path) -> None:
    out = ("--out", tmp_path / "r")
    said = refused("train", shapes_file, "--model", "ae", "--fitted-prior", "box", *out)
    assert "a prior to fit must be one of" in said
    assert not (tmp_path / "r").exists()


def test_latents_that_no_prior_fits_do_not_lose_the_run(reparam, shapes_file, tmp_path) -> None:
    """Fewer images than a density needs: said, and the run keeps its own prior."""
    few = ("--train-size", 12, "--valid-fraction", 0)
    out, more = tmp_path / "run", ("--epochs", 1, "--fitted-prior", "mixture", "--sample-every", 0)
    said = reparam("train", shapes_file, "--model", "ae", "--out", out, *few, *more)
    assert said.status == 0
    assert "prior mixture was not fitted: a prior in" in said.err
    assert Run.open(out).load_model().prior.kind == "box"

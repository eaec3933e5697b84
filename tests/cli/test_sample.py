import shutil

import numpy as np
import pandas as pd

from reparam.runs import Run


def test_images_latents_and_where_they_are_from(reparam, vae_run, tmp_path) -> None:
    out = tmp_path / "s"
    said = reparam("sample", vae_run, "--count", 7, "--seed", 3, "--out", out)
    assert said.status == 0
    assert "7 draws from N(0, I), seed 3" in said.err
    assert len(list((out / "images").glob("*.png"))) == 7
    assert list(pd.read_csv(out / "latents.csv")) == ["index", "z1", "z2"]


def test_an_ae_draws_from_the_box_of_its_training_latents(reparam, ae_run, tmp_path) -> None:
    said = reparam("sample", ae_run, "-n", 50, "--out", tmp_path / "s")
    assert "an AE has no prior" in said.err
    z = pd.read_csv(tmp_path / "s" / "latents.csv")[["z1", "z2"]].to_numpy(np.float32)
    prior = Run.open(ae_run).load_model().prior
    assert (z >= prior.low.numpy()).all()
    assert (z <= prior.high.numpy()).all()


def test_the_seed_decides(reparam, vae_run, tmp_path) -> None:
    def draw(name: str, seed: int) -> np.ndarray:
        reparam("sample", vae_run, "-n", 4, "--seed", seed, "--out", tmp_path / name)
        return np.load(tmp_path / name)

    first, again, other = draw("a.npy", 0), draw("b.npy", 0), draw("c.npy", 1)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_decoding_the_latents_gives_the_same_images(reparam, vae_run, tmp_path) -> None:
    reparam("sample", vae_run, "-n", 6, "--out", tmp_path / "s")
    reparam("sample", vae_run, "-n", 6, "--out", tmp_path / "s.npz")
    latents = tmp_path / "s" / "latents.csv"
    reparam("decode", vae_run, latents, "--out", tmp_path / "d.npz")
    with np.load(tmp_path / "s.npz") as sampled, np.load(tmp_path / "d.npz") as decoded:
        np.testing.assert_array_equal(sampled["images"], decoded["images"])


def test_the_images_can_be_encoded_again(reparam, vae_run, tmp_path) -> None:
    reparam("sample", vae_run, "-n", 6, "--out", tmp_path / "s")
    said = reparam("encode", vae_run, tmp_path / "s" / "images", "--out", tmp_path / "z.npy")
    assert said.status == 0
    assert len(np.load(tmp_path / "z.npy")) == 6


def test_bad_options(refused, vae_run, tmp_path) -> None:
    out = tmp_path / "s"
    for args, message in (
        (("--count", 0), "count must be 1 or more, got 0"),
        (("--count", "many"), "--count"),
        (("--seed", -1), "seed must be 0 or more"),
        (("--seed", 2**32), "seed must be 0 or more and at most 4294967295, got 4294967296"),
        (("--count", 10**20), f"count must be 1 or more and at most {2**53}, got 1{20 * '0'}"),
        (("--per-class", 10**20), "per_class must be 1 or more and at most"),
        (("--sede", 1), "did you mean --seed"),
    ):
        assert message in refused("sample", vae_run, *args, "--out", out)
    assert not out.exists()


def test_an_ae_that_is_not_finished_has_no_box_yet(refused, ae_run, tmp_path) -> None:
    run = shutil.copytree(ae_run, tmp_path / "run")
    unfinished = Run.open(run)
    model = unfinished.load_model()
    model.prior.low.fill_(float("nan"))
    unfinished.save_model(model, epoch=1)
    unfinished.forget_result()
    assert "reparam resume" in refused("sample", run, "--out", tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_folder_that_cannot_be_replaced_is_refused_before_the_work(
    refused, vae_run, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused("sample", vae_run, "--out", ".")
    assert "must be a folder that can be replaced, got the current one" in said
    assert not list(tmp_path.iterdir())


def test_home_is_known_where_no_shell_reads_it(reparam, vae_run, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert reparam("sample", vae_run, "-n", 2, "--out=~/new.npz").status == 0
    assert (tmp_path / "new.npz").exists()

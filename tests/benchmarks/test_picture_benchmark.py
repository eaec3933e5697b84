"""pictures.py: peers, measures, tables and what is kept of finished trainings."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pictures
import pytest
import torch
from peers import own_pictures
from peers.picture_job import RECONSTRUCTIONS, RECORD, PictureJob, PictureReply
from peers.tutorial_vae import TutorialVAE
from picture_table import Cell, Measures, grid, mean_picture_psnr, measures_of, tables
from PIL import Image

from benchmarks.test_job import ask


@pytest.fixture
def job(tmp_path: Path) -> PictureJob:
    """Noise: 70 pictures to train on, 5 held out."""
    rng, out = np.random.default_rng(0), tmp_path / "out"
    out.mkdir()
    for split, count in (("train", 70), ("test", 5)):
        np.save(tmp_path / f"{split}.npy", rng.integers(0, 256, (count, 20, 12, 3), np.uint8))
    return PictureJob(("folder",), str(tmp_path), str(out), (), seconds=0.3, seed=0, latents=9)


def test_jobs_and_replies_survive_json(job: PictureJob) -> None:
    assert PictureJob.from_json(job.to_json()) == job
    reply = PictureReply(1.5, 2.5, 70, 10, 9, 10**8, "float32", "torch 2")
    assert PictureReply.from_json(reply.to_json()) == reply


def test_what_an_answer_depends_on(job: PictureJob) -> None:
    assert replace(job, out="elsewhere", pixels="p", source=(), epochs=3).asked() == job.asked()
    for changes in (
        {"seconds": 1.0},
        {"seed": 1},
        {"words": ("--kl-weight", "1")},
        {"digest": "a"},
    ):
        assert replace(job, **changes).asked() != job.asked()


def test_reconstructions_are_of_the_held_out_pictures(job: PictureJob) -> None:
    held_out = job.held_out_pixels()
    for wrong in (held_out[:4], held_out.astype(np.float32)):
        with pytest.raises(ValueError, match="reconstructions must be bytes"):
            job.save(wrong)


@pytest.mark.parametrize("shape", [(64, 64, 3), (28, 20, 1), (17, 9, 3)])
def test_the_tutorials_loss_is_squared_error_and_kl_of_each_picture(shape) -> None:
    torch.manual_seed(0)
    model = TutorialVAE(shape, latents=6).eval()
    with torch.no_grad():
        model.log_var.weight.zero_()
        model.log_var.bias.fill_(-40.0)  # z is the mean
    x = torch.rand(3, shape[2], *shape[:2])
    mu = model.mu(model.encoder(x))
    prior = torch.distributions.Normal(0.0, 1.0)
    q = torch.distributions.Normal(mu, torch.exp(torch.tensor(-20.0)))
    kl = torch.distributions.kl_divergence(q, prior).sum(1)
    squared_error = (model.reconstruct(x) - x).square().flatten(1).sum(1)
    torch.testing.assert_close(model(x), (squared_error + kl).mean())


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["tutorial_vae", "autoencoder_kl"])
def test_every_installed_peer_reconstructs(peer, job: PictureJob) -> None:
    """AutoencoderKL has 5 × 3 positions here: the same number of latents, so that both agree."""
    job = replace(job, latents=15)
    reply = PictureReply.from_json(ask(["-m", "peers.picture_run", peer, job.to_json()]))
    if peer == "autoencoder_kl" and find_spec("diffusers") is None:
        assert reply.absent == "diffusers"
        return
    assert reply.latents == 15
    assert reply.seconds >= 0.3
    assert reply.images > 0
    found = np.load(Path(job.out) / RECONSTRUCTIONS)
    assert (found.shape, found.dtype) == ((5, 20, 12, 3), np.uint8)


@pytest.mark.parametrize(
    ("shape", "latents", "expected"),
    [
        ((64, 64, 3), 128, (4, 2)),
        ((128, 128, 3), 128, (5, 2)),
        ((64, 64, 3), 1024, (3, 4)),
        ((28, 28, 1), 128, (3, 3)),
        ((28, 20, 1), 2, (3, 1)),
    ],
)
def test_the_latent_of_autoencoder_kl_is_not_smaller_than_asked(shape, latents, expected) -> None:
    """Levels and channels: 8 × 8 × 2, 8 × 8 × 2, 16 × 16 × 4; 7 × 7 × 3 and 7 × 5 × 1 are more."""
    pytest.importorskip("diffusers")
    from peers.autoencoder_kl import grid

    assert grid(shape, latents) == expected


@pytest.mark.slow
def test_refined_latents_of_autoencoder_kl_are_decoded_closer(job: PictureJob, tmp_path) -> None:
    pytest.importorskip("diffusers")
    job = replace(job, latents=15)
    began = ask(["-m", "peers.picture_run", "autoencoder_kl", job.to_json()])
    record = json.dumps({"reply": json.loads(began)})
    (Path(job.out) / RECORD).write_text(record, encoding="utf-8")
    (tmp_path / "refined").mkdir()
    more = replace(job, origin=job.out, out=str(tmp_path / "refined"))
    ask(["-m", "peers.picture_run", "autoencoder_kl_refined", more.to_json()])
    held_out = job.held_out_pixels().astype(float)
    found = [np.load(Path(each.out) / RECONSTRUCTIONS) for each in (job, more)]
    before, after = (np.square(x - held_out).mean((1, 2, 3)) for x in found)
    assert (after <= before + 1).all()  # rounded to bytes
    assert after.mean() < before.mean()


@pytest.mark.parametrize("start", [2.0, 20.0])
def test_own_epochs_fill_the_time(start, job: PictureJob, monkeypatch) -> None:
    """A command that takes ``start`` and half a second an epoch has 596 or 560 in 300 s."""
    monkeypatch.setattr(own_pictures, "command", lambda job, out, epochs: start + epochs / 2)
    epochs = own_pictures.epochs_that_fit(replace(job, seconds=300.0), Path("run"))
    assert epochs == (300 - start) * 2


def test_own_training_that_does_not_fill_the_time_is_made_anew(
    job: PictureJob, monkeypatch
) -> None:
    """With the epochs of another seed, when the machine was twice as fast."""
    asked = []

    def command(job: PictureJob, out: Path, epochs: int) -> float:
        asked.append(epochs)
        return epochs / 10

    monkeypatch.setattr(own_pictures, "command", command)
    monkeypatch.setattr(own_pictures, "finished", lambda job, out, seconds, peak: seconds)
    assert own_pictures.train(replace(job, seconds=10.0, epochs=200)) == 10.0
    assert asked == [200, 100]


def test_own_training_without_a_time_takes_its_own_epochs(job: PictureJob, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(own_pictures, "command", lambda *words: float(not asked.append(words[2:])))
    monkeypatch.setattr(own_pictures, "finished", lambda job, out, seconds, peak: seconds)
    assert own_pictures.train(replace(job, seconds=0.0)) == 1.0
    assert asked == [()]


@pytest.mark.slow
def test_own_command_trains_and_reconstructs(job: PictureJob, tmp_path: Path) -> None:
    for i, pixels in enumerate(job.training_pixels()):
        (tmp_path / "folder").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "folder" / f"{i}.png")
    job = replace(job, source=(str(tmp_path / "folder"),), words=("--latent-dim", "7"), epochs=2)
    reply = PictureReply.from_json(ask(["-m", "peers.picture_run", "own_pictures", job.to_json()]))
    assert (reply.latents, reply.images) == (7, int(reply.epochs) * 70)
    assert reply.peak_bytes > 10**8
    assert np.load(Path(job.out) / RECONSTRUCTIONS).shape == (5, 20, 12, 3)


def test_psnr_is_of_the_mean_squared_error() -> None:
    originals = np.zeros((2, 12, 12, 1), np.uint8)
    found = originals.copy()
    found[1] = 51  # a fifth of the range
    measures = measures_of(found, originals)
    assert measures.psnr == pytest.approx(10 * np.log10(2 * 25))
    assert measures.distance is None
    assert measures_of(originals, originals).ssim == pytest.approx(1.0)
    assert mean_picture_psnr(found, originals[:1]) == pytest.approx(10 * np.log10(100))


def test_reparam_is_compared_with_the_best_of_the_others_of_a_seed(tmp_path: Path) -> None:
    def cells(*measures: Measures) -> list[Cell]:
        reply = PictureReply(10.0, 2.0, 100, 10**6, 9, 10**8, "float32", "torch 2")
        return [Cell(seed, reply, "c0ffee", tmp_path, m) for seed, m in enumerate(measures)]

    for split, count in (("train", 4), ("test", 3)):
        np.save(tmp_path / f"{split}.npy", np.full((count, 8, 8, 3), 51 * (count - 3), np.uint8))
    found = {
        "own": cells(Measures(22.0, 0.8, 0.2), Measures(25.0, 0.8, 0.3)),
        "plain": cells(Measures(20.0, 0.6, 0.4), Measures(21.0, 0.6, 0.5)),
        "kl": cells(Measures(19.0, 0.6, 0.8), Measures(24.0, 0.6, 0.4)),
    }
    text = tables({"set": found}, {"set": tmp_path}, dict.fromkeys(found, "a title"))
    assert "4 training pictures, 3 held-out ones" in text
    assert "PSNR of 13.98 dB" in text
    assert "| a title | 23.50 (22.00 to 25.00) | 0.800" in text
    assert "PSNR 1.50 (1.00 to 2.00) dB; feature distance 0.62 (0.50 to 0.75) times" in text


def test_a_finished_training_is_not_made_again(job: PictureJob, monkeypatch) -> None:
    trained = []

    def last_line(*words: str) -> str:
        trained.append(words[-2])
        return PictureReply(seconds=len(trained)).to_json()

    monkeypatch.setattr(pictures, "last_line", last_line)
    first = pictures.cell_of("plain", job)
    assert pictures.cell_of("plain", replace(job, epochs=3)) == first
    assert trained == ["tutorial_vae"]
    assert pictures.cell_of("plain", replace(job, seconds=9.0)).reply.seconds == 2
    (Path(job.out) / "cell.json").unlink()  # interrupted
    assert pictures.cell_of("plain", job).reply.seconds == 3


def test_pictures_stand_above_their_counterparts() -> None:
    originals = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    sheet = np.asarray(grid([originals, originals + 100]))[3::6, 3::6]
    np.testing.assert_array_equal(sheet[:, 0], [0, 100, 16, 116])
    assert sheet.shape == (4, 16)
    assert sheet[3, 15] == 131


def test_large_pictures_stand_in_half_as_many_columns() -> None:
    shades = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 65, 65, 1), np.uint8)
    sheet = np.asarray(grid([shades, shades + 100]))[33::67, 33::67]
    assert sheet.shape == (8, 8)
    np.testing.assert_array_equal(sheet[:, 7], [7, 107, 15, 115, 23, 123, 31, 131])


def test_the_command_that_is_shown_gives_the_same_benchmark(monkeypatch, capsys) -> None:
    """Every option that changes figures is in it, and no folder of this machine."""
    monkeypatch.setattr(pictures, "measure", lambda options, problem, source: {})
    words = ["--minutes", "2", "--own=--latent-dim 4", "--only", "own", "--pictures", "faces"]
    monkeypatch.setattr("sys.argv", ["pictures.py", "--sets", "/x/sets", "--cells", "/y", *words])
    pictures.main()
    command = json.dumps(capsys.readouterr().out.splitlines()[-1])
    assert "/x" not in command
    assert "/y" not in command
    for word in ("--minutes 2", "--own '--latent-dim 4'", "--only own", "--pictures faces"):
        assert word in command

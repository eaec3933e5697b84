import numpy as np
from PIL import Image

from reparam.cli.denoise import DenoiseOptions, noise_of
from reparam.runs import Run

from .conftest import shapes


def test_before_and_after(reparam, dae_run, shapes_file, tmp_path) -> None:
    out = tmp_path / "d"
    said = reparam("denoise", dae_run, shapes_file, "--corrupt", "auto", "--out", out)
    assert said.status == 0
    assert "noise: masking 0.2, seed 0" in said.err  # the run's own
    for text in ("before (noisy)", "after (denoised)", "PSNR (dB)", "SSIM", "over 60 images"):
        assert text in said.out
    assert sorted(p.name for p in out.iterdir()) == ["images", "noisy", "pictures.csv", "sheet.png"]
    assert len(list((out / "noisy").iterdir())) == len(list((out / "images").iterdir())) == 60
    # Sixty images, ten to a line, in three rows each.
    assert Image.open(out / "sheet.png").size == (5 * (2 + 10 * 14), 5 * (6 * (2 + 3 * 14) + 5 * 4))


def test_the_noise_is_seeded(reparam, ae_run, tmp_path) -> None:
    def noisy(name: str, seed: int) -> np.ndarray:
        words = ("--corrupt", "gaussian", "--seed", seed)
        assert reparam("denoise", ae_run, *words, "--out", tmp_path / name).status == 0
        return np.asarray(Image.open(tmp_path / name / "noisy" / "00000.png"))

    first, again, other = noisy("a", 0), noisy("b", 0), noisy("c", 1)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_which_noise(ae_run, dae_run) -> None:
    def noise(run, **options) -> tuple[str, float]:
        chosen = noise_of(Run.open(run), DenoiseOptions(run, **options))
        return chosen.corrupt, chosen.corrupt_amount

    assert noise(ae_run)[0] == noise(dae_run)[0] == "none"
    assert noise(ae_run, corrupt="auto") == ("gaussian", 0.3)
    assert noise(dae_run, corrupt="auto") == ("masking", 0.2)
    assert noise(dae_run, corrupt="gaussian") == ("gaussian", 0.3)
    assert noise(dae_run, corrupt="auto", corrupt_amount=0.1) == ("masking", 0.1)


def test_images_are_taken_as_they_are(reparam, dae_run, tmp_path) -> None:
    """Others, and the run's own: what is written is their reconstruction."""
    np.save(tmp_path / "some.npy", shapes(3)[0])
    for source in ((tmp_path / "some.npy",), ()):
        out = tmp_path / f"d{len(source)}"
        said = reparam("denoise", dae_run, *source, "--out", out)
        assert said.status == 0
        assert "no noise added" in said.err
        assert "--corrupt auto" in said.err
        assert said.out == f"{out}\n"
        assert sorted(p.name for p in out.iterdir()) == ["images", "sheet.png"]
        reparam("reconstruct", dae_run, *source, "--out", tmp_path / f"r{len(source)}")
        for picture in (out / "images").iterdir():
            same = tmp_path / f"r{len(source)}" / "images" / picture.name
            assert picture.read_bytes() == same.read_bytes()


def test_bad_options(refused, dae_run, tmp_path) -> None:
    out = tmp_path / "d"
    for args, message in (
        (("--corrupt", "auto", "--corrupt-amount", 1.5), "must be from 0 to 1, got 1.5"),
        (("--corrupt-amount", 0.1), "corrupt_amount must come with a noise"),
        (("--corrupt", "salt"), "--corrupt"),
        (("--seed", -1), "seed must be 0 or more"),
        (("--seed", 2**32), "seed must be 0 or more and at most 4294967295, got 4294967296"),
    ):
        assert message in refused("denoise", dae_run, *args, "--out", out)
    assert not out.exists()

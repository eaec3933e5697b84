"""reparam denoise: noisy images through a model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.selection import RUNS_OWN, SplitChoice, default_out, select_images
from reparam.cli.tables import print_quality
from reparam.data import DataConfig
from reparam.errors import ConfigError
from reparam.evaluation import add_noise, image_quality, reconstruct_images
from reparam.export import check_target, comparison_sheet, write_images, write_pictures
from reparam.objective import InputConfig
from reparam.printable import note, say
from reparam.runs import Run


@dataclass(frozen=True)
class DenoiseOptions:
    """Put noise on images, encode and decode them, and say how close they are before and after.

    DATA is a name, an .npz or .npy file, or a folder of images, which are brought to the run's
    size; by default it is the run's own images. The sheet shows the clean images, the noisy ones,
    and the denoised ones.
    """

    run: Path = RUN
    """The run folder."""

    data: DataConfig = RUNS_OWN

    corrupt: Literal["auto", "none", "gaussian", "masking", "salt-and-pepper"] = "auto"
    """The noise; auto is what the run was trained with, or gaussian; none: the images are noisy."""

    corrupt_amount: float | None = None
    """Standard deviation of the Gaussian noise in pixel units, or the share of pixels changed; by
    default what the run was trained with, or 0.3."""

    seed: int = 0
    """Seed of the noise."""

    out: Path | None = None
    """A folder, or an .npz or .npy file; by default RUN/export/denoised."""

    split: SplitChoice = "auto"
    """Which images; auto takes the test images of the run's own, and all of a DATA."""

    overwrite: bool = False
    """Replace the results that exist in --out."""

    compute: Compute = Compute()

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(
                f"seed must be 0 or more, got {self.seed}. Fix: choose one, such as 0"
            )


def noise_of(run: Run, options: DenoiseOptions) -> InputConfig:
    """The noise to add: as requested, else as in training. Raises ConfigError for an amount."""
    own, plain = run.config.inputs, InputConfig()
    trained_with_noise = own.corrupt != "none"
    kind = options.corrupt
    if kind == "auto":
        kind = own.corrupt if trained_with_noise else "gaussian"
    amount = options.corrupt_amount
    if amount is None:
        amount = own.corrupt_amount if kind == own.corrupt else plain.corrupt_amount
    return InputConfig(corrupt=kind, corrupt_amount=amount)


def run(args: Sequence[str]) -> int:
    options = parse(DenoiseOptions(), args, prog="reparam denoise")
    folder = Run.open(options.run)
    out = options.out or default_out(folder, "denoised")
    check_target(out, overwrite=options.overwrite)
    noise = noise_of(folder, options)
    model = folder.load_model(own_prior=True, device=options.compute.chosen())
    selection = select_images(folder, model, options.data, options.split)
    clean, noisy = selection.images, add_noise(selection.images, noise, options.seed)
    labels = selection.labelled.labels
    denoised = reconstruct_images(model, noisy, labels, originals=clean)
    is_noisy_already = noise.corrupt == "none"
    rows = (noisy, denoised.images) if is_noisy_already else (clean, noisy, denoised.images)
    write_images(
        out,
        replace(selection.labelled, images=denoised.images),
        overwrite=options.overwrite,
        sheet=comparison_sheet(*rows),
        extra=lambda place: write_pictures(place / "noisy", noisy),
    )
    if is_noisy_already:
        note("no clean images to compare with, so no PSNR and SSIM")
    else:
        note(f"noise: {noise.corrupt} {noise.corrupt_amount:g}, seed {options.seed}")
        before = image_quality(noisy, clean)
        print_quality({"before (noisy)": before, "after (denoised)": denoised.quality})
    say(out)
    return 0

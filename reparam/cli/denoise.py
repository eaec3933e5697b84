"""reparam denoise: noisy images through a model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from reparam.cli.classes import ClassChoice
from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.selection import (
    RUNS_OWN,
    Selection,
    SplitChoice,
    default_out,
    select_images,
)
from reparam.cli.tables import print_quality
from reparam.data import ARRAY_SUFFIXES, DataConfig
from reparam.errors import ConfigError
from reparam.evaluation import add_noise, image_quality, reconstruct_images
from reparam.export import (
    check_target,
    comparison_sheet,
    picture_names,
    write_images,
    write_pictures,
)
from reparam.fields import MOST_SEED, check_options, option
from reparam.objective import InputConfig
from reparam.printable import note, say
from reparam.runs import Run


@dataclass(frozen=True)
class DenoiseOptions:
    """Take the noise out of images: encode and decode them, as they are.

    DATA is a name, an .npz or .npy file, or a folder of images, which are brought to the run's
    size; by default it is the run's own images. In a folder of results, pictures of a folder have
    the names and the sizes of their files. The sheet shows the images above the denoised ones.

    With --corrupt noise is added first, to measure how much of it the model takes out (PSNR, SSIM).
    The sheet then shows clean, noisy and denoised images; it and noisy/ have the run's size.

    Examples:
      reparam denoise runs/photos-dae noisy/ --out clean/
      reparam denoise runs/digits-dae --corrupt gaussian --corrupt-amount 0.3
    """

    run: Path = RUN
    """The run folder."""

    data: DataConfig = RUNS_OWN

    corrupt: Literal["none", "auto", "gaussian", "masking", "salt-and-pepper"] = "none"
    """Noise to add to clean images; auto: what the run was trained with, or gaussian."""

    corrupt_amount: float | None = None
    """Standard deviation of the Gaussian noise in pixel units, or the share of pixels changed; by
    default what the run was trained with, or 0.3. Only with --corrupt."""

    seed: int = option(0, least=0, most=MOST_SEED)
    """Seed of the noise."""

    out: Path | None = None
    """A folder, or an .npz or .npy file; by default RUN/export/denoised."""

    split: SplitChoice = "auto"
    """Which images; auto takes the test images of the run's own, and all of DATA."""

    overwrite: bool = False
    """Replace the results that exist in --out."""

    quiet: bool = False
    """No progress."""

    choice: ClassChoice = ClassChoice()

    compute: Compute = Compute()

    def __post_init__(self) -> None:
        check_options(self)
        if self.corrupt_amount is not None and self.corrupt == "none":
            raise ConfigError(
                "corrupt_amount must come with a noise, got none. Fix: add --corrupt auto, or omit "
                "--corrupt-amount"
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
    selection = select_images(
        folder, model, options.data, options.split, options.choice, quiet=options.quiet
    )
    images, labels = selection.images, selection.labelled.labels
    sizes = selection.sizes_in_files()
    adds_noise = noise.corrupt != "none"
    noisy = add_noise(images, noise, options.seed) if adds_noise else images
    denoised = reconstruct_images(model, noisy, labels, originals=images)
    shown = (images, noisy, denoised.images) if adds_noise else (images, denoised.images)
    names = picture_names(selection.labelled)
    write_images(
        out,
        replace(selection.labelled, images=denoised.images),
        overwrite=options.overwrite,
        sheet=comparison_sheet(*shown),
        extra=(lambda place: write_pictures(place / "noisy", noisy, names)) if adds_noise else None,
        sizes=sizes,
        scores=denoised.each if adds_noise else None,
    )
    if adds_noise:
        note(f"noise: {noise.corrupt} {noise.corrupt_amount:g}, seed {options.seed}")
        before = image_quality(noisy, images)
        print_quality({"before (noisy)": before, "after (denoised)": denoised.quality})
    else:
        note(
            "no noise added: the images are denoised as they are, with no clean ones to compare "
            "with (--corrupt auto adds noise, and measures PSNR and SSIM)"
        )
    if sizes is not None:
        _say_sizes(out, sizes, selection)
    say(out)
    return 0


def _say_sizes(out: Path, sizes: Sequence[tuple[int, int]], selection: Selection) -> None:
    """Where pictures were written in other sizes than the model's, or might be expected to be."""
    height, width = selection.images.shape[1:3]
    if all(size == (height, width) for size in sizes):
        return
    if out.suffix.lower() in ARRAY_SUFFIXES:
        note(
            f"all are {height} × {width}, the run's size: an array has one; a folder has the files'"
        )
        return
    cropped = ", of the part that --fit crop keeps" if selection.config.fit == "crop" else ""
    note(f"pictures have the sizes of their files{cropped}, resized from {height} × {width}")

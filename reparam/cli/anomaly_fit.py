"""reparam anomaly fit: a model of good pictures, and its calibration."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from reparam.cli.calibrating import calibrate_run
from reparam.cli.flags import PassedOn, flags_of, parse, split_words, value_of
from reparam.cli.train import before_flags, before_images, default_out, train_run
from reparam.evaluation import ANOMALY_SCORES, AnomalyConfig, good_pictures
from reparam.runs import command_line
from reparam.training import Interrupted, choose_device

PROG = "reparam anomaly fit"


@dataclass(frozen=True)
class FitOptions:
    """Train a model on good pictures, and calibrate it on those that it has not seen.

    Takes every option of `reparam train`, and trains as that does with --recipe pictures, or as
    --config says. The test pictures (--test-fraction, 0.2) are not trained on: they calibrate, so
    that a rate of false alarms can be asked for. Those for validation choose what decides, with
    defects that are planted in them. Writes anomaly.json into the run folder.

    Examples:
      reparam anomaly fit good/ --out runs/good --image-size 128
      reparam anomaly fit good/ --latent-dim 64 --epochs 50 --decide-by ssim
    """

    anomaly: AnomalyConfig = field(default_factory=AnomalyConfig)


def run(args: Sequence[str]) -> int:
    own, train_words = _split(args)
    if value_of("--recipe", args) is None and value_of("--config", args) is None:
        train_words += ["--recipe", "pictures"]  # as a flag it would win over the file
    train = PassedOn("reparam train", lambda: before_flags(train_words), train_words)
    config = parse(FitOptions(), own, prog=PROG, passed_on=train).anomaly
    device = choose_device(value_of("--device", args) or "auto")
    first = before_images(train_words, PROG)[0]
    out = first.out or default_out(first.run)
    then = command_line("anomaly", ["calibrate", str(out), *own])
    try:
        found = train_run(train_words, PROG, good_pictures)
    except Interrupted as stop:
        raise Interrupted(f"{stop} && {then}") from None
    if found is None:
        return 0
    folder, images = found
    try:
        good = good_pictures(images, config.anomaly_seed)
        calibrate_run(folder, good, config, device=device, quiet=first.quiet)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; the run is trained, and not calibrated. Continue with: {then}"
        ) from None
    return 0


def _split(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of the calibration, and those of `reparam train`."""
    scores = tuple(ANOMALY_SCORES.find(name)() for name in ANOMALY_SCORES.names)
    mine = flags_of(FitOptions(AnomalyConfig(scores)))
    return split_words(args, mine)

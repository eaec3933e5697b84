"""What looks wrong with a run, and the mend: pure functions of its epochs' metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

from reparam.training.config import RunConfig
from reparam.training.events import Warned
from reparam.training.validation import DEAD

Lines = Sequence[Mapping[str, Any]]
"""The lines of metrics.jsonl up to now, the newest last."""

VANISHED = 0.1
"""Nats an image below which a rate says that z tells nothing of the image."""

AT_MEAN = 0.97
"""Share of the images' variance around their mean image that such an error still is."""

PARTED = 5
"""Epochs since the best validation loss after which training and validation may have parted."""

RISE = 0.05
"""And the share of what the validation loss had fallen by that it has risen again."""

MISSED = 0.1
"""Share by which a target may be missed at the end."""

_FROM_MINUS = {"tanh": "from -1 to 1", "linear": "of any size"}


def before_training(config: RunConfig) -> dict[str, str]:
    """What the configuration alone shows: by kind, a line with the mend."""
    activation = config.model.output_activation
    if activation not in _FROM_MINUS:
        return {}
    return {
        "output_range": f"output_activation {activation} gives values {_FROM_MINUS[activation]}, "
        "where pixels lie in [0, 1]: what lies outside is cut off in pictures; mend: "
        "--output-activation sigmoid"
    }


def after_epoch(lines: Lines, config: RunConfig, spread: float) -> dict[str, str]:
    """What the newest line shows: by kind, a line with the mend.

    ``spread``: the images' variance around their mean image. In the first half of a run a model
    may still learn what it lacks: only from there on is it judged.
    """
    line = lines[-1]
    found: dict[str, str] = {}
    if 2 * line["epoch"] >= config.training.epochs:
        if config.objective.regulariser != "none":
            found |= _collapse(line, config)
        found |= _at_mean(line, spread)
    if config.objective.sought in (None, "auto"):
        found |= _parted(lines)
    elif line["epoch"] == config.training.epochs:
        found |= _missed(line, config)
    return found


def add_warnings(
    before: Lines, line: dict[str, Any], config: RunConfig, spread: float
) -> list[Warned]:
    """Puts what looks wrong for the first time into an epoch's ``line``; what is to be said now.

    ``before``: the lines of the epochs before it.
    """
    said = {kind for earlier in before for kind in earlier.get("warnings", {})}
    found = after_epoch([*before, line], config, spread)
    new = {kind: message for kind, message in found.items() if kind not in said}
    early = {} if before else before_training(config)  # said when training began
    if early or new:
        line["warnings"] = early | new
    return [Warned(line["epoch"], kind, message) for kind, message in new.items()]


def _held_out(line: Mapping[str, Any], name: str) -> float:
    """The validation figure, or that of training where no images are held out."""
    return float(line.get(f"valid_{name}", line[f"train_{name}"]))


def _more_rate(config: RunConfig) -> str:
    """What can raise the rate of such a run: a Bernoulli likelihood has no weight, and free bits
    need a rate that is a sum over dimensions.
    """
    ways = ["a longer --rate-warm-up"]
    if config.model.prior == "standard-normal":
        ways.insert(0, "--free-bits 0.1")
    if config.model.likelihood != "bernoulli":
        ways[:0] = ["a larger --weight", "--weight auto"]
    return " or ".join([", ".join(ways[:-1]), ways[-1]]) if len(ways) > 1 else ways[0]


def _collapse(line: Mapping[str, Any], config: RunConfig) -> dict[str, str]:
    latent_dim, mend = config.model.latent_dim, _more_rate(config)
    rate, dead = _held_out(line, "rate_nats"), line.get("valid_dead_units", 0)
    if rate < VANISHED:
        return {
            "rate_vanished": f"the rate (KL) is {rate:.2g} nats an image: z tells nothing of the "
            f"image (posterior collapse); mend: {mend}"
        }
    if 2 * dead > latent_dim:
        return {
            "dead_units": f"{dead} of {latent_dim} latent dimensions carry less than {DEAD:g} nats "
            f"each (posterior collapse); mend: {mend}, or a smaller --latent-dim"
        }
    return {}


def _at_mean(line: Mapping[str, Any], spread: float) -> dict[str, str]:
    if not spread or "train_mse" not in line:
        return {}
    mse = _held_out(line, "mse")
    if mse < AT_MEAN * spread:
        return {}
    return {
        "at_mean": f"the mean squared error is {mse:.4g}, and that of the mean image alone "
        f"{spread:.4g}: every image is decoded to the mean; mend: another --learning-rate, more "
        "--epochs, or for a VAE a larger --weight"
    }


def _parted(lines: Lines) -> dict[str, str]:
    if "valid_loss_nats" not in lines[-1]:
        return {}
    losses = [float(line["valid_loss_nats"]) for line in lines]
    best = losses.index(min(losses))
    rise, fall = losses[-1] - losses[best], losses[0] - losses[best]
    trained_on = lines[-1]["train_loss_nats"] < lines[best]["train_loss_nats"]
    if len(losses) - 1 - best < PARTED or rise <= RISE * fall or not trained_on:
        return {}
    return {
        "parted": f"the validation loss has risen since epoch {lines[best]['epoch']}, by "
        f"{rise:.4g} nats, while that of training falls (overfitting); mend: --early-stop "
        f"{PARTED}, fewer --epochs, or more images"
    }


def _missed(line: Mapping[str, Any], config: RunConfig) -> dict[str, str]:
    objective = config.objective
    name, target = "target_rate", objective.target_rate
    found, unit = line["train_rate_nats"], " nats"
    if objective.target_mse is not None:
        name, target, found, unit = "target_mse", objective.target_mse, line["train_mse"], ""
    if target is None or abs(found - target) <= MISSED * target:
        return {}
    return {
        "target_missed": f"{name} is {target:g}{unit}, and training ended at {found:.4g}{unit}; "
        "mend: more --epochs, another --latent-dim, or a target nearer to it"
    }

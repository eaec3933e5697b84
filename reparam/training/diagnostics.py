"""What looks wrong with a run, and the fix: pure functions of its epochs' metrics."""

from collections.abc import Mapping, Sequence

from reparam.data import ImageSet
from reparam.errors import SHORT_LIST
from reparam.objective import DEAD
from reparam.runs import Epoch, Metrics, RunConfig
from reparam.training.events import Warned

Epochs = Sequence[Epoch]
"""The finished epochs up to now, the newest last."""

VANISHED = 0.1
"""Nats an image below which a rate says that z tells nothing of the image."""

EARLY = 0.1
"""Share of a run after which a model has begun to learn, if it is going to."""

EARLY_STEPS = 200
"""And the steps: the first ones of a short run say nothing."""

AT_MEAN = 0.97
"""Share of the images' variance around their mean image that such an error still is."""

OVERFITTING_AFTER = 5
"""Epochs since the best validation loss after which a run may have begun to overfit."""

RISE = 0.05
"""And the share of what the validation loss had fallen by that it has risen again."""

GROWN = 1.5
"""Times the lowest squared error so far above which two epochs, on training and on held-out images,
say that training diverges."""

MISSED = 0.1
"""Share by which a target may be missed at the end."""


def before_training(config: RunConfig, images: ImageSet) -> dict[str, str]:
    """What the configuration and the labels show: by kind, a line with the fix."""
    model = config.model
    found = {} if model.likelihood.logits else model.decoder.diagnose()
    return found | _classes_without_images(images) if model.classes else found


def _classes_without_images(images: ImageSet) -> dict[str, str]:
    """A conditional model learns nothing of a class of which it sees no label."""
    seen = set() if images.labels is None else set(images.labels[images.labelled("train")])
    unseen = [name for i, name in enumerate(images.class_names) if i not in seen]
    if not unseen:
        return {}
    more = ", ..." if len(unseen) > SHORT_LIST else ""
    return {
        "classes": f"no training image has the label of {', '.join(unseen[:SHORT_LIST])}{more} "
        f"({len(unseen)} of the {len(images.class_names)} classes), of which the model thus learns "
        "nothing. Fix: label some of each, or leave these classes out"
    }


def after_epoch(
    epochs: Epochs, config: RunConfig, pixel_variance: float, latent_dim: int
) -> dict[str, str]:
    """What the newest epoch shows: by kind, a line with the fix.

    ``pixel_variance``: of the images around their mean image. What a model has not begun to learn
    after EARLY of a run, and EARLY_STEPS steps, is said then; what it may still come to use, dead
    dimensions, after half of it.
    """
    newest = epochs[-1]
    found: dict[str, str] = {}
    late = 2 * newest.epoch >= config.training.epochs
    early = newest.epoch >= EARLY * config.training.epochs and newest.step >= EARLY_STEPS
    if late or early:
        if config.objective.has_rate:
            found |= _rate_vanished(newest.held_out, config)
        if config.inputs.binarise == "none":  # else the error is to other images
            found |= _at_mean(newest.held_out, config, pixel_variance)
    if late and config.objective.has_rate and not found:
        found |= _dead_units(newest.held_out, config, latent_dim)
    if config.model.likelihood.losses_comparable:
        found |= _overfitting(epochs, config.objective.weight_of_rate())
    if not config.model.likelihood.targets:  # on the way to one the error may rise
        first = config.training.first_full_rate(config.objective.warms_up)
        full = [epoch for epoch in epochs if epoch.epoch >= first * config.training.epochs]
        found |= _diverging(full, config)
    if newest.epoch == config.training.epochs:
        found |= _missed(newest.train, config)
    return found


def new_warnings(
    before: Epochs,
    newest: Epoch,
    config: RunConfig,
    pixel_variance: float,
    latent_dim: int,
    of_terms: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """What looks wrong for the first time in the run: kind → message.

    ``before``: the epochs before the newest; ``of_terms``: what the extra terms say of that.
    """
    known = {kind for epoch in before for kind in epoch.warnings}
    found = after_epoch([*before, newest], config, pixel_variance, latent_dim)
    found |= of_terms or {}
    return {kind: message for kind, message in found.items() if kind not in known}


def warned(epoch: int, messages: Mapping[str, str]) -> list[Warned]:
    """As events; epoch 0 is before training."""
    return [Warned(epoch, kind, message) for kind, message in messages.items()]


def _more_rate(config: RunConfig) -> str:
    """What can raise the rate of such a run, of what it takes."""
    ways = [*config.model.likelihood.more_weight, *config.objective.more_rate(config.model)]
    longer = config.objective.warms_up and config.training.rate_warm_up < 1
    ways.append("a longer --rate-warm-up" if longer else "more --epochs")
    return " or ".join([", ".join(ways[:-1]), ways[-1]]) if len(ways) > 1 else ways[0]


def _latent_size(config: RunConfig) -> str:
    return "--latent-dim" if config.model.latent_channels is None else "--latent-channels"


def _rate_vanished(losses: Metrics, config: RunConfig) -> dict[str, str]:
    rate = losses["rate_nats"]
    if rate >= VANISHED:
        return {}
    return {
        "rate_vanished": f"the rate (KL) is {rate:.2g} nats an image: z tells nothing of the image "
        f"(posterior collapse). Fix: {_more_rate(config)}"
    }


def _dead_units(losses: Metrics, config: RunConfig, latent_dim: int) -> dict[str, str]:
    dead = losses.get("dead_units", 0)
    if 2 * dead <= latent_dim:
        return {}
    return {
        "dead_units": f"{dead:g} of {latent_dim} latent dimensions carry less than {DEAD:g} nats "
        f"each (posterior collapse). Fix: {_more_rate(config)}, or a smaller {_latent_size(config)}"
    }


def _at_mean(losses: Metrics, config: RunConfig, pixel_variance: float) -> dict[str, str]:
    mse = losses.get("mse")
    if mse is None or not pixel_variance or mse < AT_MEAN * pixel_variance:
        return {}
    ways = "another --learning-rate or more --epochs"
    if config.objective.has_rate and (more := config.model.likelihood.more_weight):
        ways = f"another --learning-rate, more --epochs or {more[0]}"
    far = mse > pixel_variance / AT_MEAN
    meaning = "reconstructions are worse than it" if far else "every image is decoded to the mean"
    return {
        "at_mean": f"the mean squared error is {mse:.4g}, and that of the mean image alone "
        f"{pixel_variance:.4g}: {meaning}. Fix: {ways}"
    }


def _overfitting(epochs: Epochs, rate_weight: float) -> dict[str, str]:
    newest = epochs[-1]
    if not newest.valid:
        return {}
    losses = [epoch.compared_loss(rate_weight) for epoch in epochs]
    best = losses.index(min(losses))
    rise, fall = losses[-1] - losses[best], losses[0] - losses[best]
    trained_on = newest.train["loss_nats"] < epochs[best].train["loss_nats"]
    waited = len(losses) - 1 - best
    if waited < OVERFITTING_AFTER or rise <= RISE * fall or not trained_on:
        return {}
    return {
        "overfitting": f"the validation loss has risen since epoch {epochs[best].epoch}, by "
        f"{rise:.4g} nats, while that of training falls (overfitting). Fix: --early-stop "
        f"{OVERFITTING_AFTER}, fewer --epochs, or more images"
    }


def _diverging(epochs: Epochs, config: RunConfig) -> dict[str, str]:
    """``epochs``: those with the rate at its full weight, which lets the error rise before. Not
    every likelihood measures the error in training.
    """
    if len(epochs) < 3 or not all("mse" in epoch.train for epoch in epochs):
        return {}
    trained = [epoch.train["mse"] for epoch in epochs]
    held_out = [epoch.held_out["mse"] for epoch in epochs]
    if any(min(errors[-2:]) <= GROWN * min(errors) for errors in (trained, held_out)):
        return {}
    lowest = min(held_out)
    best = epochs[held_out.index(lowest)].epoch
    ways = ["a lower --learning-rate"]
    if config.terms:
        ways.append("a smaller weight of the extra terms")
    if not config.training.clip_spikes:
        ways.append("--clip-spikes 3")
    return {
        "diverging": f"the mean squared error is {held_out[-1]:.4g}, after {lowest:.4g} in epoch "
        f"{best}, on training images too: training diverges. Fix: {' or '.join(ways)}"
    }


def _missed(losses: Metrics, config: RunConfig) -> dict[str, str]:
    for name, target in config.model.likelihood.targets.items():
        found = losses[name]
        if abs(found - target) > MISSED * target:
            return {
                "target_missed": f"the target for {name} is {target:g}, and training ended at "
                f"{found:.4g}. Fix: more --epochs, another {_latent_size(config)}, or a target "
                "nearer to it"
            }
    return {}

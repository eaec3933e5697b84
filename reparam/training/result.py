"""What a finished run came to: result.json, and the best weights with the prior fitted."""

import warnings
from typing import Any

from reparam.data import SPLITS, ImageSet
from reparam.errors import RunError
from reparam.model import Autoencoder, from_bytes, in_batches
from reparam.objective import units_of
from reparam.objective.weighing import HIGHEST, LOWEST
from reparam.training.config import RunConfig
from reparam.training.determinism import what_held
from reparam.training.run import Run
from reparam.training.state import Position
from reparam.training.team import Team
from reparam.training.validation import mean_losses


def write_result(run: Run, images: ImageSet, position: Position, team: Team, kernels: str) -> None:
    """Fits the best weights' prior where it needs that, and writes the losses on every split."""
    config, device = run.config(), team.fabric.device
    model = run.load_model(own_prior=True).to(device)
    if model.prior.needs_fit:
        index = images.splits["train"]
        model.prior.fit(
            in_batches(model, images.images, lambda b: model.encode(from_bytes(b)), index)
        )
    if config.objective.sought == "auto":
        calibrate(model, images, config)
    run.save_model(model, epoch=position.best_epoch)
    seen = position.epoch * len(images.splits["train"])
    result: dict[str, Any] = {
        "epochs": position.epoch,
        "best_epoch": position.best_epoch,
        "backoffs": position.backoffs,
        "seconds": position.seconds,
        "images_per_second": seen / max(position.seconds, 1e-9),
        "device": str(device),
        "precision": team.precision,
        "kernels": kernels,
        "processes": team.size,
        "weight": units_of(model).units(),
        **what_held(config.training.deterministic, device.type, team.size),
    }
    for split in SPLITS:
        index = images.splits[split]
        if len(index):
            losses = mean_losses(model, images.images, config.objective, config.seed, index)
            result[split] = {"images": len(index), **losses}
    run.write_json("result.json", result)
    try:
        run.load_model()
    except RunError as error:  # nothing of the training: a prior that it left behind
        warnings.warn(str(error), stacklevel=2)


def calibrate(model: Autoencoder, images: ImageSet, config: RunConfig) -> None:
    """σ² = MSE of the training images in evaluation mode, with z sampled: the running estimate was
    of weights that moved, with dropout, and of images that were shifted and turned.
    """
    variance = model.likelihood.scale
    variance.fill_(1.0)  # so that the estimate does not depend on it
    index = images.splits["train"]
    losses = mean_losses(model, images.images, config.objective, config.seed, index)
    variance.fill_(losses["mse"]).clamp_(LOWEST, HIGHEST)

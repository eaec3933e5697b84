"""The final metrics of a run: result.json, and the best weights with the prior fitted."""

import math
import warnings

from reparam.data import SPLITS, ImageSet, from_bytes
from reparam.errors import DataError, RunError
from reparam.model import Fittable, in_batches
from reparam.objective import Loss, mean_losses, terms_of_each
from reparam.runs import SPLIT_IMAGES, Metrics, Result, Run
from reparam.training.arithmetic import Arithmetic
from reparam.training.determinism import what_held
from reparam.training.events import Finishing, Listener
from reparam.training.fitting import fit_run_prior
from reparam.training.state import State
from reparam.training.team import Team


def write_result(
    run: Run, images: ImageSet, state: State, team: Team, arithmetic: Arithmetic, emit: Listener
) -> None:
    """Fits the best weights' prior where it needs that, and writes the losses on every split.

    ``emit`` hears before what takes time.
    """
    config, device, position = run.config, team.fabric.device, state.position
    model = run.load_model(own_prior=True, device=str(device))
    train, pixels, labels = images.splits["train"], images.images, images.labels
    if config.model.prior.is_known_after_training:
        assert isinstance(model.prior, Fittable)
        emit(Finishing(f"fitting the prior to the latents of {len(train):,} training images"))
        model.prior.fit(
            in_batches(model, pixels, lambda x, y: model.encode(from_bytes(x), y), train, labels)
        )
    loss = Loss(model, config.objective, config.terms, config.inputs).to(device)
    loss.terms.load_state_dict(state.best_terms)
    counts = {split: len(images.splits[split]) for split in SPLITS}
    shown = ", ".join(f"{count:,} {split}" for split, count in counts.items() if count)
    emit(Finishing(f"measuring the best weights on {shown} images"))
    if model.likelihood.calibrates:
        each = terms_of_each(loss, pixels, labels, train, config.seed)
        model.likelihood.calibrate({name: float(v.mean()) for name, v in each.items()})
    run.save_model(model, epoch=position.best_epoch)
    splits: dict[str, Metrics] = {}
    for split in SPLITS:
        index = images.splits[split]
        if len(index):
            losses = mean_losses(loss, pixels, labels, index, config.seed)
            splits[split] = {SPLIT_IMAGES: float(len(index)), **losses}
            _warn_not_finite(split, losses)
    held = what_held(config.training.deterministic, device.type, team.size, str(arithmetic))
    weight = model.likelihood.weight
    result = Result(
        epochs=position.epoch,
        best_epoch=position.best_epoch,
        backoffs=position.backoffs,
        seconds=position.seconds,
        images_per_second=position.epoch * len(train) / max(position.seconds, 1e-9),
        device=str(device),
        precision=arithmetic.precision,
        kernels=arithmetic.kernels,
        arithmetic_reason=arithmetic.reason,
        processes=team.size,
        weight=weight.units() if weight else {},
        deterministic=held[0],
        deterministic_reason=held[1],
        splits=splits,
    )
    # A run that has a result is measured again: its prior may be one that people chose afterwards.
    if config.training.fitted_prior is not None and run.result() is None:
        _fit_prior(run, images, config.training.fitted_prior, str(device), emit)
    run.save_result(result)  # last: a run that has it is finished, and nobody looks at it again
    try:
        run.load_model()
    except RunError as error:  # nothing of the training: a prior that it left behind
        warnings.warn(str(error), stacklevel=2)


def _warn_not_finite(split: str, losses: Metrics) -> None:
    """The validation losses of every epoch were finite, so the run is there; that these are not
    must not be found in a table.
    """
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    if bad:
        warnings.warn(
            f"{', '.join(bad)} must be finite on the {split} images, got "
            f"{losses[bad[0]]}: the run is written, and these say nothing. Fix: look at the terms "
            "of the loss, and at pixels that are unlike those of training",
            stacklevel=3,
        )


def _fit_prior(run: Run, images: ImageSet, kind: str, device: str, emit: Listener) -> None:
    """Latents that no density can be fitted to are said; the run then keeps its own prior."""
    count = len(images.splits["train"])
    emit(Finishing(f"fitting prior {kind} to the latents of {count:,} training images"))
    try:
        fit_run_prior(run, images, kind, run.config.seed, device=device, ends=True)
    except DataError as error:
        warnings.warn(f"prior {kind} was not fitted: {error}", stacklevel=3)

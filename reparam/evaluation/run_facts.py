"""What a run folder holds, as plain values: what `reparam info` shows."""

import math
from dataclasses import asdict
from typing import Any

from reparam.errors import RunError
from reparam.model import Autoencoder, layer_table, parameter_counts
from reparam.objective import Weight, units_of
from reparam.training import Run, build_model, to_mapping

WEIGHTS = ("r_loss_factor", "sigma", "beta")


def run_facts(run: Run) -> dict[str, Any]:
    """Configuration, layers, parameter counts, weight, metrics and result, as JSON values.

    ``weight`` is the objective's weight in its three units, where the likelihood has one;
    ``metrics`` has a mapping for each finished epoch; ``result`` is None before the end. ``prior``
    says what samples are drawn from. Needs not the images, and the weights only where a prior was
    fitted.
    """
    config, facts, record = run.config(), run.facts(), run.record()
    model = build_model(config, facts.image_shape)
    dimensions = math.prod(facts.image_shape)
    units = units_of(config.model.likelihood, config.objective.r_loss_factor, dimensions)
    metrics, result = run.metrics(), run.result()
    return {
        "kind": "run",
        "path": str(run.path),
        "model": config.preset,
        "image_shape": list(facts.image_shape),
        "class_names": list(facts.class_names),
        "config": to_mapping(config),
        "layers": [{**asdict(row), "shape": list(row.shape)} for row in layer_table(model)],
        "parameters": parameter_counts(model),
        "prior": _prior(run, model),
        "weight": {
            **({key: getattr(units, key) for key in WEIGHTS} if isinstance(units, Weight) else {}),
            "in_words": str(units),
        },
        "epochs_planned": config.training.epochs,
        "epochs_done": len(metrics),
        "finished": _finished(result, config.training.epochs, config.training.early_stop),
        "best_epoch": best_epoch(metrics),
        "metrics": metrics,
        "result": result,
        "command": record["command"],
        "created": record["created"],
        "versions": record["versions"],
    }


def _prior(run: Run, model: Autoencoder) -> str:
    """What samples are drawn from, also where the weights or the fitted prior cannot be read."""
    if not run.prior_file.exists():
        return model.prior.description
    try:
        return run.load_model().prior.description
    except RunError as error:
        return f"a fitted prior that cannot be used ({error})"


def best_epoch(metrics: list[dict[str, Any]]) -> int | None:
    """The epoch whose weights are kept: lowest validation loss, or else the last one."""
    if not metrics:
        return None
    if "valid_loss_nats" not in metrics[-1]:
        return int(metrics[-1]["epoch"])
    return int(min(metrics, key=lambda line: line["valid_loss_nats"])["epoch"])


def _finished(result: dict[str, Any] | None, planned: int, patience: int | None) -> bool:
    """Whether training went to its planned end, or stopped early as planned."""
    if result is None:
        return False
    waited = result["epochs"] - result["best_epoch"]
    return result["epochs"] >= planned or (patience is not None and waited >= patience)

"""What a run folder holds, as plain values: what `reparam info` shows."""

import math
from dataclasses import asdict
from typing import Any

from reparam.model import layer_table, parameter_counts
from reparam.objective import ObjectiveConfig, Weight
from reparam.training import Run, build_model, to_mapping


def run_facts(run: Run) -> dict[str, Any]:
    """Configuration, layers, parameter counts, weight, metrics and result, as JSON values.

    ``weight`` is the objective's weight in its three units, which are None before training has
    begun to find them; ``warnings`` is what looked wrong, and when; ``metrics`` has a mapping for
    each finished epoch; ``result`` is None before the end. Needs neither the weights nor the
    images.
    """
    config, facts, record = run.config(), run.facts(), run.record()
    model = build_model(config, facts.image_shape)
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
        "prior": model.prior.description,
        "weight": _weight(config.objective, math.prod(facts.image_shape), metrics, result),
        "warnings": [
            {"epoch": line["epoch"], "kind": kind, "message": message}
            for line in metrics
            for kind, message in line.get("warnings", {}).items()
        ],
        "epochs_planned": config.training.epochs,
        "epochs_done": len(metrics),
        "finished": _finished(result, config.training.epochs, config.training.early_stop),
        "best_epoch": best_epoch(metrics, compares=config.objective.compares),
        "metrics": metrics,
        "result": result,
        "command": record["command"],
        "created": record["created"],
        "versions": record["versions"],
    }


def _weight(
    objective: ObjectiveConfig,
    dimensions: int,
    metrics: list[dict[str, Any]],
    result: dict[str, Any] | None,
) -> dict[str, Any]:
    """The weight's units, and in words how it came about."""
    words = objective.in_words(dimensions)
    if given := objective.weight_for(dimensions):
        return {**given.units(), "in_words": words, "moves": False}
    sigma = result["weight"]["sigma"] if result else metrics[-1]["sigma"] if metrics else None
    if sigma is None:
        units: dict[str, float | None] = dict.fromkeys(("r_loss_factor", "sigma", "beta"))
        return {**units, "in_words": words, "moves": True}
    found = Weight.of_sigma(sigma, dimensions)
    return {**found.units(), "in_words": f"{words}: {found}", "moves": True}


def best_epoch(metrics: list[dict[str, Any]], *, compares: bool = True) -> int | None:
    """The epoch whose weights are kept: lowest validation loss, or else the last one.

    ``compares``: whether the losses of different epochs do.
    """
    if not metrics:
        return None
    if "valid_loss_nats" not in metrics[-1] or not compares:
        return int(metrics[-1]["epoch"])
    return int(min(metrics, key=lambda line: line["valid_loss_nats"])["epoch"])


def _finished(result: dict[str, Any] | None, planned: int, patience: int | None) -> bool:
    """Whether training went to its planned end, or stopped early as planned."""
    if result is None:
        return False
    waited = result["epochs"] - result["best_epoch"]
    return result["epochs"] >= planned or (patience is not None and waited >= patience)

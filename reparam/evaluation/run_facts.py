"""What a run folder holds, as plain values: what `reparam info` shows."""

import math
from dataclasses import asdict
from typing import Any

from reparam.errors import RunError
from reparam.model import Autoencoder, layer_table, parameter_counts
from reparam.objective import Weight
from reparam.training import Run, RunConfig, build_model, to_mapping

WEIGHTS = ("r_loss_factor", "sigma", "beta")


def run_facts(run: Run) -> dict[str, Any]:
    """Configuration, layers, parameter counts, weight, metrics and result, as JSON values.

    ``weight`` is the objective's weight in its three units, where the likelihood has one; they are
    None before training has begun to find them. ``warnings`` is what looked wrong, and when;
    ``metrics`` has a mapping for each finished epoch; ``result`` is None before the end. ``prior``
    says what samples are drawn from. Needs not the images, and the weights only where a prior was
    fitted.
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
        "prior": _prior(run, model),
        "weight": _weight(config, math.prod(facts.image_shape), metrics, result),
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


def _prior(run: Run, model: Autoencoder) -> str:
    """What samples are drawn from, also where the weights or the fitted prior cannot be read."""
    if not run.prior_file.exists():
        return model.prior.description
    try:
        return run.load_model().prior.description
    except RunError as error:
        return f"a fitted prior that cannot be used ({error})"


def _weight(
    config: RunConfig,
    dimensions: int,
    metrics: list[dict[str, Any]],
    result: dict[str, Any] | None,
) -> dict[str, Any]:
    """The weight's units, and in words how it came about."""
    objective, likelihood = config.objective, config.model.likelihood
    words = objective.in_words(likelihood, dimensions)
    if settled := objective.units_for(likelihood, dimensions):
        return {**settled.units(), "in_words": words, "moves": False}
    sigma = result["weight"]["sigma"] if result else metrics[-1]["sigma"] if metrics else None
    if sigma is None:
        return {**dict.fromkeys(WEIGHTS), "in_words": words, "moves": True}
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

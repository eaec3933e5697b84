"""What must hold before a search begins: its package, its figure, and losses that compare."""

import importlib.util

from reparam.errors import ConfigError, unknown_name
from reparam.evaluation import MEASURES
from reparam.runs import RunConfig


def check_optuna() -> None:
    """Raises ConfigError when the package is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError(
            "--search must have the package optuna, which is not installed. Fix: pip install "
            "'reparam[search]'"
        )


def check_figure(name: str) -> None:
    """Raises ConfigError for what is no row of the scorecard with a better side."""
    if name not in MEASURES:
        raise ConfigError(f"search_for: {unknown_name('measure', name, MEASURES)}")
    if MEASURES[name].better not in ("lower", "higher"):
        raise ConfigError(
            f"search_for must be a measure of which less or more is better, got {name}. Fix: "
            "choose another, such as mse"
        )


def scale_of(config: RunConfig) -> tuple[object, ...]:
    """What validation losses follow from beside the model: those of others do not compare."""
    likelihood = config.model.likelihood
    return (config.objective, config.terms, likelihood, config.inputs, config.data)


def check_comparable(first: RunConfig, other: RunConfig) -> None:
    """Raises ConfigError where the validation loss of two trials cannot be compared."""
    if not first.data.valid_fraction:
        raise ConfigError(
            "search must have a validation loss, got valid_fraction 0. Fix: hold images out, or "
            "name a row of the scorecard with --search-for"
        )
    comparable = first.model.likelihood.losses_comparable
    if scale_of(first) != scale_of(other) or not comparable:
        raise ConfigError(
            "search must be over options that leave the loss's scale as it is, got some that "
            "change the objective, its terms, the likelihood (its weight) or the images: losses of "
            "different ones do not compare. Fix: omit them, or name a row of the scorecard to "
            "compare by with --search-for, such as mse"
        )

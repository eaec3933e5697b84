"""What must hold before a search begins: its measure, and losses that can be compared."""

from reparam.errors import ConfigError, unknown_name
from reparam.evaluation import MEASURES
from reparam.runs import RunConfig


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
    """What validation losses follow from beside the model: those of others cannot be compared."""
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
            "others cannot be compared. Fix: omit them; or give --recipe, where it chose them "
            "by the latent size; or name a row of the scorecard to compare by with --search-for, "
            "such as mse"
        )

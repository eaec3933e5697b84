"""Checks that several parts make of their options."""

from reparam.errors import ConfigError


def check_same_length(half: str, *lists: tuple[int, ...]) -> None:
    """Raises ConfigError unless there is one filter count, kernel and stride for each layer."""
    filters, kernels, strides = (len(values) for values in lists)
    if not filters == kernels == strides or not kernels:
        raise ConfigError(
            f"the {half}'s lists must have one kernel size and one stride for each layer, got "
            f"{filters} layers by filters, {kernels} by kernels, {strides} by strides. Fix: make "
            "them agree"
        )


def check_output(activation: str, *, logits: bool) -> None:
    """Raises ConfigError for an activation that the likelihood, which takes logits, would drop."""
    if logits and activation != "sigmoid":
        raise ConfigError(
            "output_activation must be sigmoid for a likelihood that takes logits, got "
            f"{activation}. Fix: omit it"
        )

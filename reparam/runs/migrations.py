"""Runs that an earlier version wrote, as this one reads them. Files are not changed.

Format 2 tags the parts of a model with their type, and gives the heads of the posterior to the
posterior. Format 1 had one flat section of options for the model and one for the objective.
"""

import torch

from reparam.types import Json

Tensors = dict[str, torch.Tensor]

FORMAT = 2
"""Of every file in a run folder; a newer one is refused by name."""

_CONVOLUTIONAL = ("batch_norm", "dropout", "leaky_slope")
_WEIGHT = ("weight", "beta", "sigma", "target_mse", "target_rate")
_INPUTS = ("binarise", "corrupt", "corrupt_amount")
_MODEL_1 = (
    *("posterior", "prior", "prior_components", "latent_dim", "likelihood", "architecture"),
    *("encoder_widths", "decoder_widths", "hidden_activation", "encoder_filters"),
    *("encoder_kernels", "encoder_strides", "decoder_filters", "decoder_kernels"),
    *("decoder_strides", *_CONVOLUTIONAL, "encoder_order", "decoder_order", "output_activation"),
)
_OBJECTIVE_1 = (*_WEIGHT, "free_bits", "regulariser", *_INPUTS)


def migrate_config(record: Json, found: int) -> Json:
    """The content of a config.json of format ``found``, as one of FORMAT."""
    new = dict(record)
    if found < 2:
        new |= _config_2(new)
    return {**new, "format": FORMAT}


def _config_2(old: Json) -> Json:
    model, objective = dict(old.get("model", {})), dict(old.get("objective", {}))
    has_rate = objective.get("regulariser", "kl") == "kl"
    likelihood = _part(model, "likelihood", "gaussian")
    if likelihood["type"] == "gaussian":
        # Without a rate every weight was ignored.
        likelihood |= _taken(objective, _WEIGHT) if has_rate else {"weight": 1.0}
    formula: Json = {"type": "elbo" if has_rate else "reconstruction"}
    if has_rate:
        formula |= _taken(objective, ("free_bits",))
    decoder = _network(model, "decoder")
    if likelihood["type"] == "bernoulli" and "output_activation" in decoder:
        decoder["output_activation"] = "sigmoid"  # any other was ignored: its decoder gives logits
    prior = _part(model, "prior", "standard-normal")
    if prior["type"] == "mixture":
        prior |= _taken(model, ("prior_components",), without="prior_")
    return {
        "inputs": _taken(objective, _INPUTS),
        "model": {
            **_taken(model, ("latent_dim",)),
            "encoder": _network(model, "encoder"),
            "posterior": _part(model, "posterior", "diagonal-normal"),
            "prior": prior,
            "decoder": decoder,
            "likelihood": likelihood,
        },
        "objective": formula,
        "terms": [],
        "plugins": {},
    }


def _part(section: Json, name: str, default: str) -> Json:
    return {"type": section.get(name, default)}


def _network(model: Json, half: str) -> Json:
    architecture = model.get("architecture", "convolutional")
    names: tuple[str, ...] = (f"{half}_widths", "hidden_activation", "leaky_slope")
    if architecture == "convolutional":
        own = (f"{half}_filters", f"{half}_kernels", f"{half}_strides", f"{half}_order")
        names = (*own, *_CONVOLUTIONAL)
    if half == "decoder":
        names = (*names, "output_activation")
    return {"type": architecture, **_taken(model, names, without=f"{half}_")}


def _taken(section: Json, names: tuple[str, ...], without: str = "") -> Json:
    """Options of a section, those that there are, without the beginning of their names."""
    return {name.removeprefix(without): section[name] for name in names if name in section}


def migrate_identity(old: Json) -> Json:
    """What tells a checkpoint of format 1 from those of other runs: flat there."""
    sections = _config_2({"model": _taken(dict(old), _MODEL_1), "objective": dict(old)})
    rest = {k: v for k, v in old.items() if k not in (*_MODEL_1, *_OBJECTIVE_1, "images", "seed")}
    own = {name: sections[name] for name in ("inputs", "model", "objective", "terms")}
    return {"images": old.get("images"), "seed": old.get("seed"), **own, "training": rest}


def migrate_weights(tensors: Tensors, found: int, prefix: str = "") -> Tensors:
    """A model's tensors under the names of FORMAT; ``prefix`` stands before each."""
    if found >= 2:
        return tensors
    heads, moved = f"{prefix}encoder.heads.", f"{prefix}posterior.heads."
    return {
        moved + name.removeprefix(heads) if name.startswith(heads) else name: tensor
        for name, tensor in tensors.items()
    }


def migrate_checkpoint(tensors: Tensors, state: Json, found: int) -> tuple[Tensors, Json]:
    """A checkpoint's tensors and state as those of FORMAT."""
    if found >= 2:
        return tensors, state
    tensors = migrate_weights(tensors, found, "model.")
    scaled, rate = tensors.pop("sums").tolist()
    average = tensors.pop("weighing")
    variance = tensors.get("model.likelihood.variance")
    of = migrate_identity(state.get("of", {}))
    likelihood = of["model"]["likelihood"]
    if likelihood.get("target_mse") is not None or likelihood.get("target_rate") is not None:
        tensors["model.likelihood.average"] = average
    # The first sum was half of the squared error of a normal likelihood, and the distortion of a
    # Bernoulli likelihood.
    distortion = scaled if variance is None else scaled / variance.item()
    sums = {
        "distortion": distortion,
        **({} if variance is None else {"squared_error": 2 * scaled}),
        "rate": rate,
        "loss": distortion + rate,
        "objective": distortion + rate,  # watched, not reported: the rate's weight does not matter
    }
    tensors["sums"] = torch.tensor(list(sums.values()), dtype=torch.float64)
    return tensors, {**state, "of": of, "terms": list(sums)}


def migrate_prior(state: Json, found: int) -> Json:
    """What a file of a fitted prior says of it."""
    if found >= 2:
        return state
    sizes = {name: value for name, value in state["sizes"].items() if name != "latent_dim"}
    return {**state, "prior": {"type": state["prior"], **sizes}}

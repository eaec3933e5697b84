"""A prior that was fitted to a run's latents, on disc: prior.safetensors in the run folder."""

import shlex
from pathlib import Path
from typing import Any

import torch

from reparam.errors import RunError
from reparam.model import AnyFittedPrior, unfitted_prior
from reparam.training.weights import digest_of, load_tensors, save_tensors

FILE = "prior.safetensors"

Tensors = dict[str, torch.Tensor]


def save_prior(
    folder: Path, prior: AnyFittedPrior, weights: Tensors, facts: dict[str, Any]
) -> None:
    """Writes the prior, whole or not at all, and remembers the model weights it was fitted to.

    ``facts`` are JSON values that say how it was fitted.
    """
    state = {"prior": prior.kind, "sizes": prior.sizes, "of": digest_of({}, weights), "fit": facts}
    save_tensors(folder / FILE, prior.state_dict(), "prior", state)


def load_prior(folder: Path, weights: Tensors) -> AnyFittedPrior | None:
    """The prior of these model weights; None where none was fitted.

    Raises RunError when the file is damaged, foreign, from a newer version, or when the prior was
    fitted to other weights (the run was trained further since).
    """
    file = folder / FILE
    if not file.exists():
        return None
    mend = (
        f"fit it again with `reparam fit-prior {shlex.quote(str(folder))} --overwrite`, or go back "
        "to the run's own prior with --prior own"
    )
    tensors, state = load_tensors(file, "prior", mend)
    if state["of"] != digest_of({}, weights):
        raise RunError(
            f"{file}: was fitted to the latents of other weights than the run has now (was it "
            f"trained further?); {mend}"
        )
    try:
        with torch.random.fork_rng(devices=[]):  # a fresh prior's numbers are random at first
            prior = unfitted_prior(state["prior"], state["sizes"])
        prior.load_state_dict(tensors)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise RunError(f"{file}: its numbers do not fit together ({error}); {mend}") from error
    prior.fitted = True
    return prior.requires_grad_(False).eval()

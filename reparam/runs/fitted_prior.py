"""A prior that was fitted to a run's latents, on disk: prior.safetensors in the run folder."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import torch

from reparam.errors import ConfigError, RunError, reason_of
from reparam.model import PRIORS, Fittable, LatentSpec, Prior
from reparam.runs.folder import PRIOR_FILE
from reparam.runs.migrations import migrate_prior
from reparam.runs.options import to_mapping
from reparam.runs.resolving import part_from_mapping
from reparam.runs.weights import load_tensors, save_tensors


def save_prior(folder: Path, prior: Prior, model_digest: str, facts: Mapping[str, object]) -> None:
    """Writes the prior, whole or not at all, with the digest of the weights it was fitted to.

    ``facts`` are JSON values that say how it was fitted.
    """
    assert isinstance(prior, Fittable)
    state = {"prior": to_mapping(prior.options()), "of": model_digest, "fit": facts}
    save_tensors(folder / PRIOR_FILE, prior.state_dict(), "prior", state)


def load_prior(folder: Path, model_digest: str, latent: LatentSpec) -> Prior | None:
    """The prior of these model weights; None where none was fitted.

    Raises RunError when the file is damaged, foreign, from a newer version, or when the prior was
    fitted to other weights (the run was trained further since).
    """
    file = folder / PRIOR_FILE
    if not file.exists():
        return None
    fix = (
        f"fit it again with `reparam fit-prior {shlex.quote(str(folder))} --overwrite`, or go back "
        "to the run's own prior with --prior own"
    )
    saved = load_tensors(file, "prior", fix)
    if saved.state["of"] != model_digest:
        raise RunError(
            f"{file}: must be fitted to the run's weights, got a prior of other ones (was the run "
            f"trained further?). Fix: {fix}"
        )
    try:
        options = part_from_mapping(
            PRIORS, migrate_prior(saved.state, saved.format)["prior"], str(file)
        )
        with torch.random.fork_rng(devices=[]):  # a fresh prior's numbers are random at first
            prior = options.build(latent)
        prior.load_state_dict(saved.tensors)
    except ConfigError:  # says itself what to do: a plug-in that is not loaded
        raise
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise RunError(
            f"{file}: its numbers do not fit together ({reason_of(error)}). Fix: {fix}"
        ) from error
    assert isinstance(prior, Fittable)
    if not prior.fitted:  # one that has it among its numbers knows, and may have no other way
        prior.fitted = True
    return prior.requires_grad_(False).eval()

"""The rows of the scorecard that look at latents alone."""

from collections.abc import Mapping

import numpy as np

from reparam.evaluation.inference import prior_log_prob
from reparam.evaluation.measures.gaps import LARGEST_DIMENSION, AggregatePosterior, prior_gaps
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.measures.moments import gaussian_kl, off_centre, radius_99
from reparam.evaluation.measures.neighbours import neighbours
from reparam.evaluation.measures.prior_match import classifier_two_sample, mmd, sliced_wasserstein
from reparam.evaluation.measures.rate import active_units, kl_per_dimension, rate_decomposition
from reparam.evaluation.measures.symmetry import asymmetry
from reparam.evaluation.scoring.priors import Candidate
from reparam.evaluation.scoring.subject import Subject
from reparam.model import StandardNormal
from reparam.types import LatentArray


def latent_rows(of: Subject) -> dict[str, Measured]:
    """Where the held-out latents lie, whatever the prior, and who their neighbours are."""
    z = of.held_out.z
    found = {
        "centre": off_centre(z, of.rng("centre")),
        "gaussian_kl": gaussian_kl(z, of.rng("gaussian_kl")),
        "radius_99": radius_99(z, of.rng("radius_99")),
        "asymmetry": asymmetry(z, of.rng("asymmetry")),
    }
    flat = of.held_out.images.reshape(len(z), -1)  # bytes: no copy of them all
    return found | neighbours(
        flat,
        of.held_out.mu,
        of.held_out.labels,
        of.rng("neighbours"),
        train_z=of.train.mu,
        train_labels=of.train.labels,
    )


def rate_rows(of: Subject) -> dict[str, Measured]:
    """The rate and what it is made of, against the prior that the model samples from."""
    part = of.held_out
    if part.log_var is None:
        why = absent("a point has no rate")
        return dict.fromkeys(("rate", "mutual_information", "aggregate_kl", "active_units"), why)
    own = None
    if of.model.prior.kind != StandardNormal.kind:

        def own(z: LatentArray) -> np.ndarray:
            return prior_log_prob(of.model, z)

    found = rate_decomposition(part.mu, part.log_var, part.z, of.rng("rate"), prior_log_prob=own)
    return found | active_units(part.mu, of.rng("active units"))


def rate_of_dimensions(of: Subject) -> tuple[float, ...]:
    """KL to N(0, 1) of each dimension, in nats; () for a model without a rate."""
    part = of.held_out
    if part.log_var is None:
        return ()
    return tuple(float(kl) for kl in kl_per_dimension(part.mu, part.log_var))


def aggregate_posterior(of: Subject) -> AggregatePosterior | None:
    """q(z) over the training images; None where there are too many dimensions for a density."""
    if of.model.latent_dim > LARGEST_DIMENSION:
        return None
    if of.train.log_var is None:
        return AggregatePosterior.of_points(of.train.z, of.rng("aggregate posterior"))
    return AggregatePosterior.of_posteriors(of.train.mu, of.train.log_var)


def match_rows(
    of: Subject, prior: Candidate, density: AggregatePosterior | None
) -> Mapping[str, Measured]:
    """How the held-out latents differ from draws of the prior, and the gaps between them."""
    z = of.held_out.z
    draws, other = (
        prior.draw(len(z), of.torch_seed(f"{which} draws")) for which in ("own", "other")
    )
    key = prior.kind
    return {
        "auc": classifier_two_sample(z, draws, other, of.rng(f"auc {key}")),
        "sliced_wasserstein": sliced_wasserstein(z, draws, other, of.rng(f"sliced {key}")),
        "mmd": mmd(z, draws, other, of.rng(f"mmd {key}")),
        "prior_gaps": _gaps(of, draws, density, key),
    }


def _gaps(
    of: Subject, draws: LatentArray, density: AggregatePosterior | None, key: str
) -> Measured:
    if density is None:
        return absent(f"a density takes at most {LARGEST_DIMENSION} dimensions")
    return prior_gaps(density, of.held_out.z, np.asarray(draws), of.rng(f"gaps {key}"))

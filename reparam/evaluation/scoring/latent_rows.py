"""The rows of the scorecard that look at latents alone."""

from collections.abc import Mapping

from reparam.evaluation.measures.gaps import AggregatePosterior, prior_gaps
from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.moments import gaussian_kl, off_centre, radius_99
from reparam.evaluation.measures.neighbours import neighbours
from reparam.evaluation.measures.prior_match import classifier_two_sample, mmd, sliced_wasserstein
from reparam.evaluation.measures.rate import active_units, rate_decomposition
from reparam.evaluation.measures.symmetry import asymmetry
from reparam.evaluation.scoring.needs import lacking, omitted
from reparam.evaluation.scoring.priors import Candidate
from reparam.evaluation.scoring.subject import Subject


def latent_rows(of: Subject) -> dict[str, Measured]:
    """Where the held-out latents lie, whatever the prior, and who their neighbours are."""
    part = of.held_out
    found = {
        "centre": off_centre(part.z),
        "gaussian_kl": gaussian_kl(part.z, of.rng("gaussian_kl")),
        "radius_99": radius_99(part.z, of.rng("radius_99")),
        "asymmetry": asymmetry(part.z, of.rng("asymmetry")),
    }
    return found | neighbours(
        lambda rows: part.pixels(rows).reshape(len(rows), -1),
        part.mean,
        part.labels,
        of.rng("neighbours"),
        train_z=of.train.mean,
        train_labels=of.train.labels,
    )


def rate_rows(of: Subject) -> dict[str, Measured]:
    """The rate and what it is made of, against the prior that the model samples from."""
    names = ("rate", "mutual_information", "aggregate_kl", "active_units")
    without = omitted(names, lacking(of))
    if "active_units" in without:
        return without
    part = of.held_out
    found = active_units(part.q.expectation.numpy(), of.rng("active units"))
    if "rate" not in without:
        found |= rate_decomposition(
            part.q,
            part.z,
            of.prior,
            information="mutual_information" not in without,
        )
    return found | without


def rate_of_dimensions(of: Subject) -> tuple[float, ...]:
    """The mean rate of each dimension, in nats; () where it is no sum over them."""
    each = of.prior.kl_by_dimension(of.held_out.q.double())
    return () if each is None else tuple(each.mean(0).tolist())


def aggregate_posterior(of: Subject) -> AggregatePosterior | None:
    """q(z) over the training images; None where there are too many dimensions for a density."""
    if omitted(["prior_gaps"], lacking(of)):
        return None
    part = of.train
    if part.q.is_point or not part.q.has_densities_of_pairs:
        return AggregatePosterior.of_points(part.z, of.rng("aggregate posterior"))
    return AggregatePosterior.of_posteriors(part.q)


def match_rows(
    of: Subject, prior: Candidate, density: AggregatePosterior | None
) -> Mapping[str, Measured]:
    """How the held-out latents differ from draws of the prior, and the gaps between them."""
    z = of.held_out.z
    draws = prior.draw(len(z), of.torch_seed("own draws"))
    key = prior.kind
    found = {
        "auc": classifier_two_sample(z, draws, of.rng(f"auc {key}")),
        "sliced_wasserstein": sliced_wasserstein(z, draws, of.rng(f"sliced {key}")),
        "mmd": mmd(z, draws, of.rng(f"mmd {key}")),
    }
    if density is None:
        return found | omitted(["prior_gaps"], lacking(of))
    gaps = prior_gaps(density, prior.prior, z, draws, of.rng(f"gaps {key}"))
    return found | {"prior_gaps": gaps}

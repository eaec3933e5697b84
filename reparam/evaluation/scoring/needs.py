"""What a measure needs, and why it is omitted where a model or the images lack it."""

from collections.abc import Iterable, Mapping

from reparam.evaluation.measures.gaps import LARGEST_DIMENSION
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.scoring.catalogue import MEASURES, Need
from reparam.evaluation.scoring.subject import Subject


def lacking(of: Subject) -> dict[Need, str]:
    """What the model and its images do not have, with the reason."""
    found: dict[Need, str] = {}
    d = of.model.latent_dim
    if not of.model.is_variational:
        found["density"] = "needs a distribution over latents, and this model gives points (AE)"
    if of.prior.on_sphere != of.held_out.q.on_sphere:
        found["one space"] = (
            "needs latents and prior in one space, and one of them is on the unit sphere alone"
        )
    if not of.held_out.q.has_densities_of_pairs:
        found["densities of pairs"] = (
            "needs the density of each latent under every image's posterior, which has none that "
            "is quick to compute"
        )
    if of.shares is None:
        found["labels"] = "needs labels, and these images have none"
    if of.factors is None:
        found["factors"] = "needs known factors, and these images have none"
    if d > LARGEST_DIMENSION:
        found["few dimensions"] = (
            f"only for up to {LARGEST_DIMENSION} latent dimensions, this model has {d}"
        )
    return found


def omitted(names: Iterable[str], lacks: Mapping[Need, str]) -> dict[str, Measured]:
    """Those of the measures that need what there is not, each with the reason."""
    reasons = {
        name: next((lacks[need] for need in MEASURES[name].requires if need in lacks), None)
        for name in names
    }
    return {name: absent(why) for name, why in reasons.items() if why is not None}

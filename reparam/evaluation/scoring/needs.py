"""What a measure needs, and why it is omitted where a model, a prior or the images lack it."""

from collections.abc import Iterable, Mapping

from reparam.evaluation.measures.gaps import LARGEST_DIMENSION
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.scoring.catalogue import MEASURES, Need
from reparam.evaluation.scoring.priors import Candidate
from reparam.evaluation.scoring.subject import Subject
from reparam.model import NoiseMap


def lacking(of: Subject, prior: Candidate | None = None) -> dict[Need, str]:
    """What the model, its images and a prior do not have, with the reason."""
    found: dict[Need, str] = {}
    d = of.model.latent_dim
    if not of.model.is_variational:
        found["density"] = "needs a distribution over latents, and this model gives points (AE)"
    if of.shares is None:
        found["labels"] = "needs labels, and these images have none"
    if of.factors is None:
        found["factors"] = "needs known factors, and these images have none"
    if d > LARGEST_DIMENSION:
        found["few dimensions"] = (
            f"only for up to {LARGEST_DIMENSION} latent dimensions, this model has {d}"
        )
    if d != 2:
        found["plane"] = f"only for 2 latent dimensions, this model has {d}"
    if prior is not None and not isinstance(prior.prior, NoiseMap):
        found["noise map"] = "needs a prior that noise is carried to, and this one has no such map"
    return found


def omitted(names: Iterable[str], lacks: Mapping[Need, str]) -> dict[str, Measured]:
    """Those of the measures that need what there is not, each with the reason."""
    reasons = {
        name: next((lacks[need] for need in MEASURES[name].requires if need in lacks), None)
        for name in names
    }
    return {name: absent(why) for name, why in reasons.items() if why is not None}

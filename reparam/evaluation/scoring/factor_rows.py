"""The rows of the scorecard that compare latents with known factors of the images."""

from reparam.evaluation.measures.disentanglement import FIGURES, disentanglement
from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.needs import lacking, omitted
from reparam.evaluation.scoring.subject import Subject


def factor_rows(of: Subject) -> dict[str, Measured]:
    """Of the posterior means of held-out images; no rows where no factors are known."""
    if omitted(FIGURES, lacking(of)):
        return {}
    assert of.factors is not None  # or else they are among what is lacking
    part, factors = of.held_out, of.factors
    return disentanglement(
        part.mean, factors.values[part.index], factors.categorical, of.rng("factors")
    )

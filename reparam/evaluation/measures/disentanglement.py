"""Whether each latent dimension codes one generative factor, and each factor lies in one dimension.

The figures of the literature have chance levels of their own, which depend on the sample: the
mutual information of independent variables is estimated above 0, the largest of several estimates
more so. Here each is adjusted for chance as mutual information is by Vinh, Epps and Bailey (2010):
(x − e) / (1 − e), where e is its mean over permuted factors. 1 stays 1, and a code that has nothing
to do with the factors gets about 0.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from reparam.evaluation.measures.factor_tables import Columns, figures_of_tables
from reparam.evaluation.measures.factor_trees import figures_of_trees
from reparam.evaluation.measures.measured import Measured, absent

FIGURES = (
    *("mig", "sap", "modularity"),
    *("disentanglement", "completeness", "informativeness"),
)

MOST = 5000
"""Images of MIG, SAP and modularity."""

MOST_FITTED = 2000
"""Images of the figures for which trees are fitted; half of them at a time."""

LEAST = 100
"""Images without which 20 bins say nothing."""


def disentanglement(
    z: Float[np.ndarray, "N d"],
    factors: Float[np.ndarray, "N F"],
    categorical: Sequence[bool],
    rng: np.random.Generator,
) -> dict[str, Measured]:
    """How latents z code factors that are known: six figures, each 1 at best.

    ``categorical`` (F): which factors are categories, whose numbers are names without an order.
    Dimensions and factors that are the same for every image do not count.

    - ``mig``, the mutual information gap (Chen et al. 2018, sec. 4.1): the mean over factors of
      (I(z_i; v) − I(z_j; v)) / H(v) for the two most informative dimensions. Of 20 bins of equal
      width (Locatello et al. 2019), with Miller's correction for the bias of entropies.
    - ``sap``, separated attribute predictability (Kumar et al. 2018): the same gap between scores
      of predicting a factor by one dimension. R² of a line for continuous factors, balanced
      accuracy of thresholds at the 20 bins' edges for categories. As the score is adjusted for
      chance, a factor of two categories can reach 1, and not ½ as in the paper.
    - ``modularity`` (Ridgeway & Mozer 2018, eq. 2): how much of a dimension's mutual information is
      with one factor. Of the dimensions with more information than permuted factors give to any:
      for others the figure is that of noise. It is not adjusted further.
    - ``disentanglement``, ``completeness``, ``informativeness`` (Eastwood & Williams 2018), from
      forests of extremely randomised trees fitted to one half of the images and tried on the other.
      Of their importances: how far a dimension serves one factor, and a factor is served by one
      dimension. Informativeness is 1 − error / error of the best constant, at least 0, averaged
      over factors: the error is squared, or the share of wrong categories.

    The intervals are over images, by the jackknife that deletes a random half (Shao & Wu 1989):
    the spread over 20 halves (10 of those with trees, and that of the permutations besides), with
    Student's t. They err on the wide side, and take the bins as given. The reference is the figure
    of the factors themselves as a code, on the same images: below 1 where factors depend on each
    other or have more than 20 categories.
    """
    n = min(len(z), MOST)
    if n < LEAST:
        return dict.fromkeys(FIGURES, absent(f"needs at least {LEAST} images, got {n}"))
    kept = np.sort(rng.choice(len(z), n, replace=False))
    code = Columns.of(z[kept], np.zeros(z.shape[1], bool))
    known = Columns.of(factors[kept], np.array(categorical, bool))
    d, f = code.shape[1], known.shape[1]
    if d < 2 or f < 1:
        what, count = ("2 latent dimensions", d) if d < 2 else ("1 factor", f)
        why = f"needs at least {what} with more than one value, got {count}"
        return dict.fromkeys(FIGURES, absent(why))
    ideal = Columns.of(known.values, np.zeros(f, bool))
    some = np.sort(rng.choice(n, min(n, MOST_FITTED), replace=False))
    found = figures_of_tables(code, known, ideal, rng)
    found |= figures_of_trees(code.rows(some), known.rows(some), ideal.rows(some), rng)
    if f < 2:
        found |= dict.fromkeys(
            ("modularity", "disentanglement"), absent(f"needs at least 2 factors, got {f}")
        )
    return found

"""The article's claims, judged by scorecards of an AE and of a VAE.

All verdicts of a table, of the AE and of what the VAE fixes, are corrected together for their
number (`deciding`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import MEASURES, Entry
from reparam.evaluation.scoring.claims import CLAIMS, Claim
from reparam.evaluation.scoring.deciding import Decision, Interval, decide
from reparam.evaluation.scoring.groups import Group, excess, improvement


@dataclass(frozen=True)
class Verdict:
    """Whether a claim holds of the AE, and whether the VAE fixes what it says.

    ``measure`` is the one that decided, ``ae`` and ``vae`` are its figures, and ``gain`` is by how
    much the VAE's is better. ``fixed`` is None for a claim that is no flaw.
    """

    claim: Claim
    measure: str
    ae: Measured
    vae: Measured
    gain: Interval | None
    holds: Decision
    fixed: Decision | None

    @property
    def entry(self) -> Entry:
        return MEASURES[self.measure]


def claim_pair(groups: Sequence[Group]) -> tuple[Group, Group] | None:
    """The AE and the VAE that the claims are judged by: where there is one of each, and no more."""
    ae = [group for group in groups if not group.variational]
    vae = [group for group in groups if group.variational]
    return (ae[0], vae[0]) if len(ae) == len(vae) == 1 else None


def verdicts(ae: Group, vae: Group) -> tuple[Verdict, ...]:
    """Every claim, each model drawing from its own prior: over seeds where there are several."""
    names = [_deciding(claim, ae, vae) for claim in CLAIMS]
    gains = [improvement(ae, vae, name) for name in names]
    of_ae = [_claimed(claim, ae, name) for claim, name in zip(CLAIMS, names, strict=True)]
    matters = [MEASURES[name].matters for name in names]
    flaws = [i for i, claim in enumerate(CLAIMS) if claim.is_flaw]
    decided = decide([*zip(of_ae, matters, strict=True), *((gains[i], matters[i]) for i in flaws)])
    fixed = dict(zip(flaws, decided[len(CLAIMS) :], strict=True))
    return tuple(
        Verdict(claim, name, ae.find(name), vae.find(name), gains[i], decided[i], fixed.get(i))
        for i, (claim, name) in enumerate(zip(CLAIMS, names, strict=True))
    )


def claim_gains(found: Sequence[Verdict]) -> dict[str, Interval | None]:
    """By how much the VAE is better, by measure, of the claims that it may fix."""
    return {verdict.measure: verdict.gain for verdict in found if verdict.fixed is not None}


def _claimed(claim: Claim, ae: Group, name: str) -> Interval | None:
    """What must be above what matters for the claim to hold: by how much the AE is worse than an
    ideal model, or, where the claim is of what it is good at, by how much it is better.
    """
    worse = excess(ae, name)
    return worse if claim.is_flaw or worse is None else -worse


def _deciding(claim: Claim, ae: Group, vae: Group) -> str:
    """The first of the claim's measures that both models have, or else the AE alone."""
    known = [name for name in claim.measures if ae.find(name).low is not None]
    both = [name for name in known if vae.find(name).low is not None]
    return (both or known or list(claim.measures))[0]

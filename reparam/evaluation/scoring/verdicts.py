"""The article's claims, judged by scorecards of an AE and of a VAE."""

from collections.abc import Sequence
from dataclasses import dataclass

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import MEASURES, Entry
from reparam.evaluation.scoring.claims import CLAIMS, Claim
from reparam.evaluation.scoring.deciding import Interval, Word, above_ideal, decide
from reparam.evaluation.scoring.groups import Group, improvement


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
    holds: Word
    fixed: Word | None

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
    return tuple(_verdict(claim, ae, vae) for claim in CLAIMS)


def _verdict(claim: Claim, ae: Group, vae: Group) -> Verdict:
    name = _deciding(claim, ae, vae)
    entry, of_ae, of_vae = MEASURES[name], ae.find(name), vae.find(name)
    gain = improvement(ae, vae, name)
    if claim.is_flaw:
        flaw = above_ideal(of_ae, entry)
        holds: Word = decide(flaw, entry.matters) if flaw else "absent"
        fixed: Word | None = decide(gain, entry.matters) if gain else "absent"
        return Verdict(claim, name, of_ae, of_vae, gain, holds, fixed)
    known = of_ae.low is not None and of_ae.high is not None
    good = Interval(float(of_ae.low or 0), float(of_ae.high or 0)) if known else None
    holds = decide(good, entry.matters) if good else "absent"
    return Verdict(claim, name, of_ae, of_vae, gain, holds, None)


def _deciding(claim: Claim, ae: Group, vae: Group) -> str:
    """The first of the claim's measures that both models have, or else the AE alone."""
    known = [name for name in claim.measures if ae.find(name).low is not None]
    both = [name for name in known if vae.find(name).low is not None]
    return (both or known or list(claim.measures))[0]

"""Scorecard: what was measured of one trained model, as values and as scorecard.json."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TypeVar

from reparam.errors import RunError, reason_of
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.scoring.catalogue import MEASURES
from reparam.types import Json, Language

V = TypeVar("V")

SCHEMA = 2
"""Of scorecard.json; raised when a reader of the old form would misread the new one. Schema 1 has
no versions of its measures.
"""


@dataclass(frozen=True)
class PriorScores:
    """What depends on where latents are drawn from.

    ``kind`` names the prior ("standard-normal", "box", ...), ``name`` is for the head of a column,
    ``description`` for a sentence, ``description_ko`` the same in Korean ("" in older scorecards).
    ``class_counts``: how many decoded draws the judge gave to each class; {} without labels.
    """

    kind: str
    name: str
    description: str
    measures: Mapping[str, Measured]
    class_counts: Mapping[str, int]
    description_ko: str = ""

    def described(self, lang: Language) -> str:
        return self.description_ko if lang == "ko" else self.description


@dataclass(frozen=True)
class Scorecard:
    """Measures of one model on held-out images.

    ``images`` held-out images of ``split``, of ``source``; ``draws`` latents from each prior. The
    first of ``priors`` is the one that the model samples from. ``kl_per_dimension``: the mean rate
    of each, in nats; () where the rate is no sum over dimensions. ``versions``: of each measure, as
    the catalogue had it. ``subject``: the SHA-256 of the weights, the prior and the images that it
    is about.
    """

    title: str
    latent_dim: int
    variational: bool
    source: str
    split: str
    images: int
    draws: int
    seed: int
    judge: str
    judge_accuracy: float | None
    measures: Mapping[str, Measured]
    priors: tuple[PriorScores, ...]
    kl_per_dimension: tuple[float, ...]
    versions: Mapping[str, int]
    subject: Mapping[str, str]
    options: Mapping[str, object]
    seconds: float

    @property
    def own(self) -> PriorScores:
        """With the prior that the model samples from."""
        return self.priors[0]

    def has(self, name: str) -> bool:
        """Whether it was asked for: also of a measure that this model does not have."""
        return name in (self.own.measures if MEASURES[name].by_prior else self.measures)

    def find(self, name: str, kind: str | None = None) -> Measured:
        """One measure; ``kind`` names the prior, where it depends on one: the model's own."""
        if not MEASURES[name].by_prior:
            return self.measures.get(name, absent("not measured"))
        for scores in self.priors:
            if kind in (None, scores.kind):
                return scores.measures.get(name, absent("not measured"))
        return absent(f"no prior {kind} here")

    def outdated(self) -> dict[str, str]:
        """The measures that are measured in another way now, or are new, each with the reason."""
        wanted = [
            name
            for name, entry in MEASURES.items()
            if name in self.versions or not entry.on_request
        ]
        return {
            name: f"version {self.versions.get(name, 'none')}, now {MEASURES[name].version}"
            for name in wanted
            if self.versions.get(name) != MEASURES[name].version
        }

    def without(self, names: Collection[str]) -> "Scorecard":
        """The same scorecard as if these measures had not been asked for."""

        def kept(values: Mapping[str, V]) -> dict[str, V]:
            return {name: value for name, value in values.items() if name not in names}

        priors = tuple(
            replace(
                scores,
                measures=kept(scores.measures),
                class_counts={} if "class_tv" in names else scores.class_counts,
            )
            for scores in self.priors
        )
        return replace(
            self,
            measures=kept(self.measures),
            priors=priors,
            kl_per_dimension=() if "rate" in names else self.kl_per_dimension,
            versions=kept(self.versions),
        )

    def to_mapping(self) -> dict[str, object]:
        """JSON values, as scorecard.json has them: without the figures of each image."""
        return {"schema": SCHEMA, **asdict(self, dict_factory=_without_each)}


def scorecard_from_mapping(values: Json, where: str) -> Scorecard:
    """What ``to_mapping`` gave. Raises RunError for another schema or a damaged file."""
    schema = values.get("schema")
    if schema != SCHEMA:
        raise RunError(
            f"{where}: must be a scorecard of schema {SCHEMA}, got {schema!r}. Fix: make it again "
            "with `reparam score`"
        )
    missing = [field.name for field in fields(Scorecard) if field.name not in values]
    if missing:
        raise RunError(
            f"{where}: {', '.join(missing)} missing. Fix: make it again with `reparam score`"
        )
    plain = {field.name: values[field.name] for field in fields(Scorecard)}
    try:
        plain["measures"] = _measures(plain["measures"])
        plain["priors"] = tuple(
            PriorScores(**{**scores, "measures": _measures(scores["measures"])})
            for scores in plain["priors"]
        )
        plain["kl_per_dimension"] = tuple(plain["kl_per_dimension"])
        return Scorecard(**plain)
    except (TypeError, AttributeError, KeyError) as error:
        raise RunError(
            f"{where}: damaged ({reason_of(error)}). Fix: make it again with `reparam score`"
        ) from error


def _without_each(values: Sequence[tuple[str, object]]) -> dict[str, object]:
    return {name: value for name, value in values if name != "each"}


def _measures(values: Json) -> dict[str, Measured]:
    return {name: Measured(**value) for name, value in values.items()}

"""What a measure needs, and why it is omitted where a model or the images lack it."""

import re
from collections.abc import Iterable, Mapping

from reparam.evaluation.measures.gaps import LARGEST_DIMENSION
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.scoring.catalogue import MEASURES, Need
from reparam.evaluation.scoring.subject import Subject
from reparam.types import Language


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
    elif of.judge.classes is None:
        found["labels"] = "needs two classes, and the training images have one"
    if of.factors is None:
        found["factors"] = "needs known factors, and these images have none"
    if d > LARGEST_DIMENSION:
        found["few dimensions"] = (
            f"only for up to {LARGEST_DIMENSION} latent dimensions, this model has {d}"
        )
    return found


REASONS_KO = (
    (
        r"needs a distribution over latents, and this model gives points \(AE\)",
        "이미지마다 점 하나를 내놓는 모델(AE)에는 없음",
    ),
    (
        r"needs latents and prior in one space, and one of them is on the unit sphere alone",
        "잠재 벡터와 사전 분포 가운데 하나만 단위 구면 위에 있어 잴 수 없음",
    ),
    (
        r"needs the density of each latent under every image's posterior, .*",
        "이미지마다 사후 분포의 밀도를 빠르게 구할 수 없는 모델에는 없음",
    ),
    (r"needs labels, and these images have none", "이미지에 레이블이 없음"),
    (
        r"needs two classes, and the training images have one",
        "클래스가 둘 이상 있어야 함(학습 이미지는 한 클래스뿐임)",
    ),
    (r"needs known factors, and these images have none", "이미지의 생성 요인을 알 수 없음"),
    (
        r"only for up to (\d+) latent dimensions, this model has (\d+)",
        r"잠재 공간이 \1차원 이하일 때만 잼(이 모델은 \2차원)",
    ),
    (
        r"a silhouette needs .*, got (\d+).*",
        r"클래스가 둘 이상이고 그중 하나에는 이미지가 둘 이상 있어야 함(지금은 클래스 \1개)",
    ),
    (
        r"a Gaussian in (\d+) dimensions needs more than \d+ latents, got (\d+)",
        r"잠재 벡터가 차원 수(\1)보다 많아야 함(지금은 \2개)",
    ),
    (
        r".*needs? at least ([\d,]+) (?:.* )?latents, got ([\d,]+)",
        r"잠재 벡터가 \1개 이상 있어야 함(지금은 \2개)",
    ),
    (
        r".*needs? at least ([\d,]+) latents of a split",
        r"분할(학습, 검증, 테스트)마다 잠재 벡터가 \1개 이상 있어야 함",
    ),
    (
        r".*needs? at least ([\d,]+) images.*, got ([\d,]+).*",
        r"이미지가 \1장 이상 있어야 함(지금은 \2장)",
    ),
    (
        r"needs at least 2 latent dimensions with more than one value, got (\d+)",
        r"값이 둘 이상인 잠재 차원이 2개 이상 있어야 함(지금은 \1개)",
    ),
    (
        r"needs at least 1 factor with more than one value, got (\d+)",
        r"값이 둘 이상인 생성 요인이 1개 이상 있어야 함(지금은 \1개)",
    ),
    (r"needs at least 2 factors, got (\d+)", r"생성 요인이 2개 이상 있어야 함(지금은 \1개)"),
    (r"needs the training split's latents", "학습 이미지의 잠재 벡터가 필요함"),
    (r"all latents are the same", "모든 잠재 벡터가 같음"),
    (
        r"the latents lie in a subspace: .*",
        "잠재 벡터가 부분 공간에 놓여 공분산 행렬이 특이 행렬이고 KL 발산이 무한대임",
    ),
    (
        r"no latent dimension has information on a factor",
        "생성 요인의 정보를 담은 잠재 차원이 없음",
    ),
    (
        r"the decoder has a layer without derivatives in forward mode",
        "디코더에 전진 모드 미분이 없는 층이 있음",
    ),
    (r"not measured", "측정하지 않음"),
    (r"omitted: --likelihood-images 0", "생략함(--likelihood-images 0)"),
    (r"needs the network (\S+) \((.+)\)", r"\1 신경망이 필요함(\2)"),
    (
        r"needs a background model \(--likelihood-ratio-background RUN\)",
        "배경 모델이 필요함(--likelihood-ratio-background RUN)",
    ),
    (
        r"needs a background model of this size without labels, got (.+)",
        r"이미지 크기가 같고 레이블을 쓰지 않는 배경 모델이 필요함(지금은 \1)",
    ),
)
"""The reasons for which measures and scores are omitted, as patterns, and in Korean."""


def reason_in(note: str, lang: Language) -> str:
    """The reason for which a scorecard lacks a measure, or a detector a score, in the page's
    language where it is one of those above; both have them in English.
    """
    if lang == "ko":
        for pattern, ko in REASONS_KO:
            if found := re.fullmatch(pattern, note):
                return found.expand(ko)
    return note


def omitted(names: Iterable[str], lacks: Mapping[Need, str]) -> dict[str, Measured]:
    """Those of the measures that need what there is not, each with the reason."""
    reasons = {
        name: next((lacks[need] for need in MEASURES[name].requires if need in lacks), None)
        for name in names
    }
    return {name: absent(why) for name, why in reasons.items() if why is not None}

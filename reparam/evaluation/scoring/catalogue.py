"""Every measure of the scorecard by name: its words, its unit, its better side, what matters of it.

The one list of them: the table, scorecard.json, the report, the comparison and the sweep's charts
follow it, in this order.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from reparam.types import Language

Better = Literal["lower", "higher", "ideal", "neither"]

Need = Literal["density", "one space", "densities of pairs", "labels", "factors", "few dimensions"]
"""What a measure may need: of q(z|x) a density, one by the same area or volume as the prior's, one
at the latents of every other image; of the images labels or known factors; of the latent space at
most ten dimensions.
"""


@dataclass(frozen=True)
class Topic:
    """What a group of measures is about, in the article's words."""

    en: str
    ko: str


@dataclass(frozen=True)
class Entry:
    """One measure.

    ``better`` is the side on which a model is better, "ideal" the reference itself; ``matters`` is
    the smallest difference that a reader would care about, in the measure's own unit: what is below
    it is as good as nothing, however certain. ``least`` and ``most`` bound the values that the
    measure can have, None where nothing does; an unbiased estimate may still be below ``least``.
    ``by_prior``: measured anew for each prior that latents are drawn from. ``digits`` are
    significant ones. ``on_request``: only where an option, something that seldom comes with images,
    or a model that draws a named class asks for it; there is no row elsewhere. ``requires``: where
    one of these is missing, the measure is omitted, with the reason. ``control``: of a measure of a
    few images, the one of all images whose expectation `Each.own` has.

    ``version`` is raised whenever the same model and images give another figure than before,
    wherever in the code the reason lies: figures of other versions are measured anew. Words,
    ``matters``, ``least``, ``most`` and ``digits`` have no part in it.
    """

    topic: str
    en: str
    ko: str
    better: Better
    unit: str = ""
    matters: float = 0.0
    least: float | None = None
    most: float | None = None
    by_prior: bool = False
    digits: int = 3
    on_request: bool = False
    requires: tuple[Need, ...] = ()
    control: str | None = None
    version: int = 1

    def clip(self, value: float) -> float:
        """The nearest value that the measure can have."""
        low = -math.inf if self.least is None else self.least
        return min(max(value, low), math.inf if self.most is None else self.most)

    def title(self, lang: Language = "en") -> str:
        return self.ko if lang == "ko" else self.en

    def unit_in(self, lang: Language) -> str:
        return UNITS_KO.get(self.unit, self.unit) if lang == "ko" else self.unit


UNITS_KO = {
    "nats": "nat",
    "bits": "비트",
    "of d": "d개 중",
    "latent units": "잠재 공간의 거리",
    "total variation": "총변동 거리",
    "pixels²": "픽셀값²",
    "feature units² a path": "경로당 특징 거리²",
}
"""Units that are words; × and dB are the same in both languages."""


TOPICS: Mapping[str, Topic] = {
    "centre": Topic("off-centre, unbounded", "중심이 어긋나고 범위에 제한이 없음"),
    "symmetry": Topic("not symmetric about 0", "원점에 대해 대칭이 아님"),
    "match": Topic("latents differ from the prior", "잠재 벡터와 사전 분포의 차이"),
    "rate": Topic("parts of the rate", "율(KL 발산)의 구성"),
    "classes": Topic("classes uneven", "클래스마다 고르지 않음"),
    "decodes": Topic("decodes unlike real images", "실제 이미지와 다른 디코딩 결과"),
    "gaps": Topic("gaps, jumps", "빈틈과 급격한 변화"),
    "neighbours": Topic("neighbours kept", "이웃 관계 보존"),
    "factors": Topic("factors kept apart", "생성 요인의 분리"),
    "images": Topic("reconstruction", "재구성"),
}

FID = Entry(
    "decodes",
    "FID∞, judge's features",
    "FID∞(판정기의 특징)",
    "lower",
    matters=0.5,
    least=0.0,
    by_prior=True,
    version=3,
)

KID = Entry(
    "decodes",
    "KID, judge's features",
    "KID(판정기의 특징)",
    "lower",
    matters=1e-3,
    least=0.0,
    by_prior=True,
    version=2,
)

PRECISION = Entry(
    "decodes",
    "precision",
    "정밀도",
    "higher",
    matters=0.02,
    least=0.0,
    most=1.0,
    by_prior=True,
    version=2,
)

RECALL = Entry(
    "decodes",
    "recall",
    "재현율",
    "higher",
    matters=0.02,
    least=0.0,
    most=1.0,
    by_prior=True,
    version=2,
)


def _own(entry: Entry, en: str, ko: str) -> Entry:
    """The same measure in the features of a network of the user's."""
    en, ko = f"{en}, features of --features", f"{ko}(--features 신경망의 특징)"
    return replace(entry, en=en, ko=ko, on_request=True)


def _of_factors(en: str, ko: str) -> Entry:
    return Entry(
        "factors",
        en,
        ko,
        "higher",
        matters=0.02,
        least=0.0,
        most=1.0,
        on_request=True,
        requires=("factors",),
    )


MEASURES: Mapping[str, Entry] = {
    "centre": Entry(
        "centre", "‖mean‖² / d", "‖평균‖² / d", "lower", matters=0.02, least=0.0, version=2
    ),
    "gaussian_kl": Entry(
        "centre",
        "KL of the fitted Gaussian to N(0, I), per dimension",
        "잠재 벡터에 맞춘 정규 분포와 N(0, I) 사이의 KL 발산, 차원당",
        "lower",
        "nats",
        matters=0.02,
        least=0.0,
        version=2,
    ),
    "radius_99": Entry(
        "centre",
        "99 % radius over that of N(0, I)",
        "99% 반지름(N(0, I) 대비)",
        "ideal",
        "×",
        matters=0.05,
        least=0.0,
        version=2,
    ),
    "asymmetry": Entry(
        "symmetry",
        "MMD² between {z} and {−z}",
        "{z}와 {−z} 사이의 MMD²",
        "lower",
        matters=1e-3,
        least=0.0,
        version=2,
    ),
    "auc": Entry(
        "match",
        "classifier AUC against prior draws",
        "사전 분포 표본과 구별되는 정도(AUC)",
        "lower",
        matters=0.02,
        least=0.0,
        most=1.0,
        by_prior=True,
        version=2,
    ),
    "sliced_wasserstein": Entry(
        "match",
        "sliced Wasserstein-2 distance",
        "슬라이스 바서슈타인-2 거리",
        "lower",
        "latent units",
        matters=0.02,
        least=0.0,
        by_prior=True,
        version=2,
    ),
    "mmd": Entry(
        "match", "MMD²", "MMD²", "lower", matters=1e-3, least=0.0, by_prior=True, version=2
    ),
    "diffusability": Entry(
        "match",
        "classifier AUC against draws of a small generator",
        "작은 생성 모델의 표본과 구별되는 정도(AUC)",
        "lower",
        matters=0.02,
        least=0.0,
        most=1.0,
        on_request=True,
    ),
    "rate": Entry(
        "rate",
        "rate E KL(q(z|x)‖p)",
        "율(rate) E KL(q(z|x)‖p)",
        "neither",
        "nats",
        matters=0.05,
        least=0.0,
        requires=("density", "one space"),
        version=2,
    ),
    "mutual_information": Entry(
        "rate",
        "… of which I(x; z)",
        "… 그중 I(x; z)",
        "higher",
        "nats",
        matters=0.05,
        least=0.0,
        requires=("density", "one space", "densities of pairs"),
        version=2,
    ),
    "aggregate_kl": Entry(
        "rate",
        "… of which KL(q(z)‖p)",
        "… 그중 KL(q(z)‖p)",
        "lower",
        "nats",
        matters=0.05,
        least=0.0,
        requires=("density", "one space", "densities of pairs"),
        version=2,
    ),
    "active_units": Entry(
        "rate",
        "active units",
        "활성 차원 수",
        "higher",
        "of d",
        matters=0.5,
        least=0.0,
        requires=("density",),
        version=2,
    ),
    "class_tv": Entry(
        "classes",
        "class shares of decoded draws: distance from the data's",
        "디코딩한 표본과 데이터의 클래스 비율 차이",
        "lower",
        "total variation",
        matters=0.02,
        least=0.0,
        most=1.0,
        by_prior=True,
        requires=("labels",),
        version=3,
    ),
    "class_entropy": Entry(
        "classes",
        "their classes' entropy relative to the data's",
        "디코딩한 표본의 클래스 엔트로피(데이터 대비)",
        "higher",
        matters=0.01,
        least=0.0,
        most=1.0,
        by_prior=True,
        requires=("labels",),
        version=3,
    ),
    "classes_missing": Entry(
        "classes",
        "classes missing",
        "나오지 않은 클래스 수",
        "lower",
        matters=0.5,
        least=0.0,
        by_prior=True,
        requires=("labels",),
        version=2,
    ),
    "class_gini": Entry(
        "classes",
        "Gini of the classes' shares of the prior, relative to the data's",
        "디코딩한 표본의 클래스 비율의 지니 계수(데이터 대비)",
        "lower",
        matters=0.02,
        least=0.0,
        most=1.0,
        by_prior=True,
        requires=("labels",),
        version=4,
    ),
    "class_accuracy": Entry(
        "classes",
        "draws of a class that the judge takes for it",
        "지정한 클래스로 판정되는 표본의 비율",
        "higher",
        matters=0.02,
        least=0.0,
        most=1.0,
        by_prior=True,
        on_request=True,
        requires=("labels",),
    ),
    "fid": FID,
    "own_fid": _own(FID, "FID∞", "FID∞"),
    "kid": KID,
    "own_kid": _own(KID, "KID", "KID"),
    "own_precision": _own(PRECISION, "precision", "정밀도"),
    "own_recall": _own(RECALL, "recall", "재현율"),
    "precision": PRECISION,
    "recall": RECALL,
    "density": Entry(
        "decodes",
        "density",
        "밀도",
        "higher",
        matters=0.02,
        least=0.0,
        by_prior=True,
        version=4,
    ),
    "coverage": Entry(
        "decodes",
        "coverage",
        "커버리지",
        "higher",
        matters=0.02,
        least=0.0,
        most=1.0,
        by_prior=True,
        version=3,
    ),
    "unlikely_share": Entry(
        "decodes",
        "share further from real images than 95 % of real ones",
        "실제 이미지의 95%보다 더 동떨어진 표본의 비율",
        "lower",
        matters=0.02,
        least=0.0,
        most=1.0,
        by_prior=True,
        version=4,
    ),
    "cycle_error": Entry(
        "decodes",
        "cycle error ‖z − mean q(z | decode(z))‖",
        "순환 오차 ‖z − mean q(z | decode(z))‖",
        "lower",
        "latent units",
        matters=0.05,
        least=0.0,
        by_prior=True,
        version=2,
    ),
    "prior_gaps": Entry(
        "gaps",
        "prior mass that images under-fill",
        "이미지가 충분히 채우지 못한 사전 분포의 확률 질량",
        "lower",
        matters=0.02,
        least=0.0,
        most=1.0,
        by_prior=True,
        requires=("few dimensions", "one space"),
        version=4,
    ),
    "path_length": Entry(
        "gaps",
        "perceptual path length",
        "지각적 경로 길이",
        "lower",
        "feature units² a path",
        least=0.0,
        by_prior=True,
        version=3,
    ),
    "trustworthiness": Entry(
        "neighbours",
        "trustworthiness",
        "이웃 신뢰도(trustworthiness)",
        "higher",
        matters=0.01,
        least=0.0,
        most=1.0,
        version=2,
    ),
    "continuity": Entry(
        "neighbours",
        "continuity",
        "이웃 연속성(continuity)",
        "higher",
        matters=0.01,
        least=0.0,
        most=1.0,
        version=2,
    ),
    "knn_accuracy": Entry(
        "neighbours",
        "k-nearest-neighbour accuracy",
        "k-최근접 이웃 정확도",
        "higher",
        matters=0.01,
        least=0.0,
        most=1.0,
        requires=("labels",),
        version=3,
    ),
    "silhouette": Entry(
        "neighbours",
        "silhouette",
        "실루엣 계수",
        "higher",
        matters=0.02,
        least=-1.0,
        most=1.0,
        requires=("labels",),
        version=2,
    ),
    "mig": _of_factors("mutual information gap (MIG)", "상호 정보량 차이(MIG)"),
    "sap": _of_factors("separated attribute predictability (SAP)", "요인 예측 점수 차이(SAP)"),
    "modularity": _of_factors("modularity", "모듈성(modularity)"),
    "disentanglement": _of_factors("DCI disentanglement", "DCI 분리도(disentanglement)"),
    "completeness": _of_factors("DCI completeness", "DCI 완전성(completeness)"),
    "informativeness": _of_factors("DCI informativeness", "DCI 정보성(informativeness)"),
    "mse": Entry(
        "images",
        "mean squared error",
        "평균 제곱 오차",
        "lower",
        "pixels²",
        matters=1e-3,
        least=0.0,
        version=2,
    ),
    "psnr": Entry("images", "PSNR", "PSNR", "higher", "dB", matters=0.1, version=2),
    "ssim": Entry(
        "images", "SSIM", "SSIM", "higher", matters=0.01, least=-1.0, most=1.0, version=3
    ),
    "feature_distance": Entry(
        "images",
        "distance in the judge's features",
        "판정기의 특징으로 잰 거리",
        "lower",
        matters=0.05,
        least=0.0,
        version=2,
    ),
    "own_feature_distance": Entry(
        "images",
        "distance in the feature maps of --features",
        "--features 신경망의 특성 맵으로 잰 거리",
        "lower",
        matters=0.01,
        least=0.0,
        on_request=True,
        version=2,
    ),
    "noise_removed": Entry(
        "images",
        "PSNR gained on images with noise",
        "잡음 섞인 이미지에서 높아진 PSNR",
        "higher",
        "dB",
        matters=0.1,
        version=2,
    ),
    "elbo": Entry(
        "images",
        "ELBO",
        "ELBO",
        "higher",
        "nats",
        matters=0.5,
        digits=5,
        requires=("density", "one space"),
        version=2,
    ),
    "log_likelihood": Entry(
        "images",
        "importance-weighted log-likelihood",
        "중요도 가중 로그 가능도",
        "higher",
        "nats",
        matters=0.5,
        digits=5,
        requires=("density", "one space"),
        control="elbo",
        version=2,
    ),
    "bits_per_dimension": Entry(
        "images",
        "−ELBO in bits per dimension",
        "차원당 비트로 나타낸 −ELBO",
        "lower",
        "bits",
        matters=0.01,
        requires=("density", "one space"),
        version=3,
    ),
}

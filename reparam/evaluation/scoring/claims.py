"""The article's claims as sentences that a measure can confirm or refute."""

from dataclasses import dataclass

from reparam.types import Language


@dataclass(frozen=True)
class Claim:
    """A sentence of the article's and the measures that decide it: the first that there is."""

    number: int
    en: str
    ko: str
    measures: tuple[str, ...]
    is_flaw: bool = True
    """Whether it says what is wrong with the AE; else it says what the AE is good at."""

    def text(self, lang: Language = "en") -> str:
        return self.ko if lang == "ko" else self.en


CLAIMS: tuple[Claim, ...] = (
    Claim(
        1,
        "The AE's latent points are off-centre",
        "AE의 잠재 벡터는 중심이 원점에서 어긋나 있다",
        ("centre",),
    ),
    Claim(
        1,
        "… and not symmetric about the origin",
        "… 원점에 대해 대칭도 아니다",
        ("asymmetry",),
    ),
    Claim(
        1,
        "… their range is not bounded: some lie far out",
        "… 범위에 제한이 없어 일부는 멀리 떨어져 있다",
        ("radius_99",),
    ),
    Claim(
        2,
        "Classes take very unequal areas",
        "클래스마다 차지하는 넓이가 크게 다르다",
        ("class_gini", "class_tv"),
    ),
    Claim(
        3,
        "Random latent points do not decode to all classes evenly",
        "무작위로 고른 잠재 벡터는 모든 클래스로 고르게 디코딩되지 않는다",
        ("class_tv",),
    ),
    Claim(
        3,
        "… and some decode to nothing that looks real",
        "… 일부를 디코딩하면 실제 같지 않은 이미지가 나온다",
        ("unlikely_share",),
    ),
    Claim(
        3,
        "… because there are gaps where no image lies",
        "… 어떤 이미지도 놓이지 않는 빈틈이 있기 때문이다",
        ("prior_gaps", "auc"),
    ),
    Claim(
        5,
        "An AE also removes noise",
        "AE는 잡음도 제거한다",
        ("noise_removed",),
        is_flaw=False,
    ),
)
"""Claim 4, that all of it gets worse with more dimensions, takes several models: `reparam sweep`.
"""

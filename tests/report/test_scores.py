"""Charts of scorecards: where values stand."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.evaluation import MEASURES, Measured, PriorScores, reason_in
from reparam.evaluation.measures.disentanglement import disentanglement
from reparam.evaluation.measures.fidelity import frechet_distance, kernel_distance
from reparam.evaluation.measures.gaps import AggregatePosterior, prior_gaps
from reparam.evaluation.measures.moments import gaussian_kl
from reparam.evaluation.measures.neighbours import neighbours
from reparam.evaluation.measures.symmetry import asymmetry
from reparam.model.priors import StandardNormal
from reparam.report.environment import environment
from reparam.report.figures.scores import positions
from reparam.report.style import fixed


def test_a_wide_range_is_logarithmic_and_a_narrow_one_is_not() -> None:
    assert positions(["2", "8", "32"]) == pytest.approx([math.log(2), math.log(8), math.log(32)])
    assert positions(["0.1", "0.2"]) == pytest.approx([0.1, 0.2])


def test_a_word_stands_left_of_the_numbers() -> None:
    auto, low, high = positions(["auto", "100", "10000"])
    assert auto < low < high
    assert low - auto == pytest.approx(high - low)
    assert positions(["ae", "vae"])[0] < positions(["ae", "vae"])[1]


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_decimals_have_no_negative_zero(value: float, digits: int) -> None:
    text = fixed(value, digits)
    assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.51 * 10**-digits)
    assert text.startswith("−") == (round(value, digits) < 0)


def test_figures_have_their_digits_and_the_pages_language() -> None:
    entry = MEASURES["class_entropy"]
    for lang, span in (("en", "0.990 to 1.00"), ("ko", "0.990~1.00")):
        shown = environment(lang).globals
        found = [Measured(0.5, 0.99, 0.99996, 0.99), Measured(0.5, reference=0.99996)]
        assert shown["ideal_text"](found, entry) == span
        assert shown["figure_text"](found[0], entry) == f"0.500 ({span})"
        below = Measured(-0.8, -0.9, -0.7)
        between = {"en": " to ", "ko": " ~ "}[lang]
        assert shown["interval_text"](below, MEASURES["psnr"]) == f"−0.900{between}−0.700"


@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=6, unique=True))
def test_order_is_kept(numbers: list[float]) -> None:
    places = positions([repr(number) for number in numbers])
    by_number = sorted(range(len(numbers)), key=numbers.__getitem__)
    assert [places[i] for i in by_number] == sorted(places)


def test_reasons_for_what_is_omitted_are_in_the_pages_language() -> None:
    """Those that this package writes for most measures; another reason stays as it is."""
    known = "only for up to 10 latent dimensions, this model has 32"
    assert reason_in(known, "en") == known
    assert reason_in(known, "ko") == "잠재 공간이 10차원 이하일 때만 잼(이 모델은 32차원)"
    assert reason_in("needs labels, and these images have none", "ko") == "이미지에 레이블이 없음"
    assert reason_in("another reason", "ko") == "another reason"


def few_of_everything() -> dict[str, Measured]:
    """What measures say of too few latents and images, of equal ones, and of latents on a line."""
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(3, 2)).astype(np.float32), np.arange(3)
    line = np.repeat(rng.normal(size=(50, 1)), 2, axis=1).astype(np.float32)
    density = AggregatePosterior.of_points(rng.normal(size=(50, 2)).astype(np.float32), rng)
    found = {
        "few latents: symmetry": asymmetry(z, rng),
        "few latents: Gaussian": gaussian_kl(z[:2], rng),
        "a line": gaussian_kl(line, rng),
        "few latents: gaps": prior_gaps(density, StandardNormal(2), z, z, rng),
        "few images: Fréchet": frechet_distance(z, z, rng=rng),
        "few images: kernel": kernel_distance(z[:1], z[:1], rng=rng),
    }
    for i, train in enumerate(((), (z, labels))):
        near = neighbours(lambda index: z[index], z, labels, rng, *train)
        found |= {f"{name}, {i}": each for name, each in near.items()}
    many = rng.normal(size=(200, 2)).astype(np.float32)
    numbers = (False, False)
    found["a dead latent: MIG"] = disentanglement(many * [1, 0], many, numbers, rng)["mig"]
    found["constant factors: MIG"] = disentanglement(many, many * 0, numbers, rng)["mig"]
    return found


def test_a_reason_that_a_measure_gives_is_in_korean() -> None:
    reasons = {name: each.note for name, each in few_of_everything().items() if each.value is None}
    assert len(reasons) >= 9
    for name, note in reasons.items():
        assert re.search("[가-힣]", reason_in(note, "ko")), (name, note)


def test_words_of_tables_are_in_the_pages_language() -> None:
    assert MEASURES["rate"].unit_in("ko") == "nat"
    assert MEASURES["rate"].unit_in("en") == "nats"
    assert MEASURES["psnr"].unit_in("ko") == "dB", "a unit that is no word"
    shown = environment("ko").globals
    assert shown["prior_head"]("box") == "상자"
    assert shown["prior_head"]("N(0, I)") == "N(0, I)"
    scores = PriorScores("box", "box", "a box", {}, {}, "상자 안의 균등 분포")
    assert scores.described("en") == "a box"
    assert scores.described("ko") == "상자 안의 균등 분포"

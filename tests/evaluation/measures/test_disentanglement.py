"""MIG, SAP, modularity and DCI on codes whose figures are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.evaluation.measures.disentanglement import FIGURES, disentanglement
from reparam.evaluation.measures.factor_tables import Columns, figures_of_tables
from reparam.evaluation.measures.measured import Measured

KINDS = (False, False, True)


def rng(seed: int = 11) -> np.random.Generator:
    return np.random.default_rng(seed)


def known(n: int, seed: int = 0) -> np.ndarray:
    """Two continuous factors and one of four categories, independent."""
    draw = rng(seed)
    return np.stack([draw.random(n), draw.random(n), draw.integers(0, 4, n)], 1).astype(float)


def value(found: dict[str, Measured], name: str) -> float:
    figure = found[name].value
    assert figure is not None, found[name].note
    return figure


def tables(
    z: np.ndarray, factors: np.ndarray, kinds: tuple[bool, ...] = KINDS, seed: int = 11
) -> dict[str, Measured]:
    """MIG, SAP and modularity alone: those take milliseconds."""
    code = Columns.of(z, np.zeros(z.shape[1], bool))
    ideal = Columns.of(factors, np.zeros(factors.shape[1], bool))
    return figures_of_tables(code, Columns.of(factors, np.array(kinds)), ideal, rng(seed))


def test_a_dimension_for_each_factor_is_as_good_as_can_be() -> None:
    """In any order and scale. The reference is the figure of the identity."""
    factors = known(300)
    found = disentanglement((factors * [-3, 0.01, 100])[:, [2, 0, 1]] + 7, factors, KINDS, rng())
    for name in FIGURES:
        figure = found[name]
        assert value(found, name) > 0.96, name
        assert figure.reference == pytest.approx(value(found, name), abs=0.02), name
        assert figure.low is not None
        assert figure.high is not None
        assert 0.93 < figure.low <= figure.high <= 1, name
        assert figure.samples == 300


def test_a_code_without_information_is_at_0() -> None:
    found = disentanglement(rng(1).normal(size=(300, 3)), known(300), KINDS, rng())
    for name in (each for each in FIGURES if each != "modularity"):
        figure = found[name]
        assert abs(value(found, name)) < 0.04, name
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low <= 0 <= figure.high, name
    assert found["modularity"].value is None
    assert "no latent dimension has information" in found["modularity"].note


def test_a_rotation_keeps_information_and_nothing_else() -> None:
    """Each of two pairs of factors turned by 45°: each dimension serves two of four factors alike,
    which is a modularity of 1 − 1/3, and entropies of ln 2 of ln 4.
    """
    factors, kinds = rng(2).random((4000, 4)), (False,) * 4
    turn = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    z = factors @ np.kron(np.eye(2), turn)
    counted = tables(z, factors, kinds)
    assert value(counted, "mig") == pytest.approx(0, abs=0.01)
    assert value(counted, "sap") == pytest.approx(0, abs=0.03)
    assert value(counted, "modularity") == pytest.approx(2 / 3, abs=0.03)
    fitted = disentanglement(z[:400], factors[:400], kinds, rng())
    assert value(fitted, "disentanglement") == pytest.approx(1 / 2, abs=0.04)
    assert value(fitted, "completeness") == pytest.approx(1 / 2, abs=0.04)
    assert value(fitted, "informativeness") > 0.95


def test_a_factor_in_two_dimensions_is_disentangled_and_not_complete() -> None:
    """Of three factors in four dimensions one has no gap, and importances of ½ and ½."""
    factors = known(300)
    z = np.concatenate([factors, -2 * factors[:, :1]], 1)
    found = disentanglement(z, factors, KINDS, rng())
    assert value(found, "mig") == pytest.approx(2 / 3, abs=0.03)
    assert value(found, "sap") == pytest.approx(2 / 3, abs=0.03)
    for name in ("modularity", "disentanglement", "informativeness"):
        assert value(found, name) > 0.96, name
    expected = (1 + 1 + 1 - np.log(2) / np.log(4)) / 3
    assert value(found, "completeness") == pytest.approx(expected, abs=0.03)


def test_information_without_noise_is_that_of_the_bins() -> None:
    """z is which half v lies in: ln 2 of ln 20 nats, and R² = ¾ (the variance of the halves' means
    over that of v); a second dimension knows nothing.
    """
    v = np.repeat(np.arange(20) / 20 + 1 / 40, 500)[:, None]
    z = np.concatenate([v > 0.5, rng(3).random((len(v), 1))], 1).astype(float)
    found = tables(z, v, (False,))
    assert value(found, "mig") == pytest.approx(np.log(2) / np.log(20), abs=0.005)
    assert value(found, "sap") == pytest.approx(0.75, abs=0.01)


@given(
    order=st.permutations(range(4)),
    signs=st.tuples(*[st.sampled_from([-1, 1])] * 4),
    seed=st.integers(0, 1000),
)
@settings(max_examples=8)
def test_the_order_and_the_signs_of_dimensions_are_no_matter(
    order: list[int], signs: tuple[int, ...], seed: int
) -> None:
    factors, draw = known(200, seed), rng(seed)
    z = np.concatenate([factors, draw.normal(size=(200, 1))], 1) @ draw.normal(size=(4, 4))
    plain, changed = tables(z, factors), tables(z[:, order] * signs, factors)
    for name, figure in plain.items():
        other = changed[name]
        assert (figure.value is None) == (other.value is None)
        if figure.value is not None:
            for what in ("value", "low", "high", "reference"):
                assert getattr(other, what) == pytest.approx(getattr(figure, what), abs=1e-6)


@given(
    n=st.integers(100, 130),
    d=st.integers(2, 3),
    categories=st.integers(2, 130),
    seed=st.integers(0, 1000),
)
@settings(max_examples=12)
def test_any_code_has_finite_figures_or_a_reason(
    n: int, d: int, categories: int, seed: int
) -> None:
    """Few and many categories, rare ones, constant and nearly constant dimensions."""
    draw = rng(seed)
    z = draw.normal(size=(n, d)) ** 3 * draw.choice([0, 1e-12, 1, 1e6], d)
    rare = np.arange(n) == 0
    factors = np.stack([draw.integers(0, categories, n), rare, draw.random(n)], 1).astype(float)
    if np.count_nonzero(np.ptp(z, axis=0)) < 2:
        return
    for figure in tables(z, factors, (True, True, False)).values():
        ends = (figure.value, figure.low, figure.high, figure.reference)
        if figure.value is None:
            assert figure.note
        assert all(end is None or np.isfinite(end) for end in ends)


def test_what_is_too_little_is_named() -> None:
    factors = known(100)

    def why(z: np.ndarray, v: np.ndarray, kinds: tuple[bool, ...]) -> set[str]:
        return {each.note for each in disentanglement(z, v, kinds, rng()).values()}

    assert why(factors[:99], factors[:99], KINDS) == {"needs at least 100 images, got 99"}
    constant = factors * [1, 0, 0]
    expected = "needs at least 2 latent dimensions with more than one value, got 1"
    assert why(constant, factors, KINDS) == {expected}
    expected = "needs at least 1 factor with more than one value, got 0"
    assert why(factors, factors * 0, KINDS) == {expected}
    found = disentanglement(factors, constant, KINDS, rng())
    for name in ("modularity", "disentanglement"):
        assert found[name].note == "needs at least 2 factors, got 1"
    assert value(found, "mig") > 0.9


def coverage(found: list[dict[str, Measured]], truth: dict[str, float]) -> dict[str, float]:
    return {
        name: float(np.mean([f[name].low <= true <= f[name].high for f in found]))  # type: ignore[operator]
        for name, true in truth.items()
    }


@pytest.mark.slow
def test_intervals_hold_0_where_there_is_nothing() -> None:
    some = [
        disentanglement(rng(i).normal(size=(200, 4)), known(200, i), KINDS, rng(i))
        for i in range(40)
    ]
    names = ("mig", "sap", "disentanglement", "completeness", "informativeness")
    assert min(coverage(some, dict.fromkeys(names, 0.0)).values()) >= 0.875  # 35 of 40
    many = [tables(rng(i).normal(size=(500, 4)), known(500, i)) for i in range(200)]
    assert min(coverage(many, {"mig": 0.0, "sap": 0.0}).values()) >= 0.92


def mixed(factors: np.ndarray, seed: int) -> np.ndarray:
    """A code that mixes some and adds some noise."""
    mixing = np.array([[1, 0.1, 0], [0.3, 1, 0], [0, 0.05, 0.5]])
    return factors @ mixing + 0.2 * rng(seed).random(factors.shape)


@pytest.mark.slow
def test_intervals_hold_the_figures_of_many_images() -> None:
    def found(n: int, seed: int) -> dict[str, Measured]:
        factors = known(n, seed)
        return tables(mixed(factors, seed + 7000), factors)

    truth = {name: value(found(50_000, 9999), name) for name in ("mig", "sap", "modularity")}
    few = [found(1000, i) for i in range(100)]
    held = coverage(few, truth)
    assert min(held.values()) >= 0.88, held

"""What the checks at run time refuse, in the package as every test has it."""

import dataclasses
from collections.abc import Iterator

import pytest
import torch
import typechecker
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import TypeCheckError

from reparam.data import Batch, DataConfig
from reparam.model.networks.conditional import ConditionalNormal, normal_log_probs
from reparam.types import Latents, PerExample


@pytest.fixture
def conditional() -> ConditionalNormal:
    return ConditionalNormal(2, 3, (4,), "tanh")


def test_a_type_of_a_parameter() -> None:
    with pytest.raises(BeartypeCallHintViolation, match="widths"):
        ConditionalNormal(2, 3, "44", "tanh")  # type: ignore[arg-type]


def test_an_int_is_a_float() -> None:
    assert DataConfig("mnist", valid_fraction=0).valid_fraction == 0


def test_a_number_of_dimensions(conditional: ConditionalNormal) -> None:
    with pytest.raises(BeartypeCallHintViolation, match="3 dimensions"):
        conditional.log_prob(torch.zeros(5, 3, 1), torch.zeros(5, 2))


def test_a_size_that_two_parameters_share(conditional: ConditionalNormal) -> None:
    assert conditional.log_prob(torch.zeros(5, 3), torch.zeros(5, 2)).shape == (5,)
    with pytest.raises(BeartypeCallHintViolation, match="dimension B"):
        conditional.log_prob(torch.zeros(4, 3), torch.zeros(5, 2))


def test_a_size_that_the_result_shares() -> None:
    def halved(z: Latents) -> PerExample:
        return z[: len(z) // 2].sum(1)

    with pytest.raises(BeartypeCallHintViolation, match="return"):
        typechecker.decorated(halved)(torch.zeros(4, 2))


def test_a_generator() -> None:
    """Its arguments are checked at the call, and results of others are as before."""

    def rows(z: Latents, again: Latents) -> Iterator[PerExample]:
        yield from z

    def halved(z: Latents) -> PerExample:
        return z[: len(z) // 2].sum(1)

    rows, halved = map(typechecker.decorated, (rows, halved))
    with pytest.raises(TypeCheckError):
        rows(torch.zeros(4, 2), torch.zeros(3, 2))
    one, other = (
        rows(torch.zeros(4, 2), torch.zeros(4, 2)),
        rows(torch.ones(5, 3), torch.ones(5, 3)),
    )
    assert len(next(one)) == 2
    assert len(next(other)) == 3
    with pytest.raises(BeartypeCallHintViolation, match="return"):
        halved(torch.zeros(4, 2))


def test_a_field_of_a_dataclass() -> None:
    images, index = torch.zeros(3, 1, 8, 8), torch.arange(3)
    assert Batch(images, None, index).labels is None
    with pytest.raises(BeartypeCallHintViolation, match="dimension B"):
        Batch(images, None, torch.arange(4))


def test_a_class_that_only_the_checker_of_the_sources_sees() -> None:
    """Such an annotation says nothing here, and those beside it do."""

    def of(value: "Nowhere", count: int) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    checked = typechecker.decorated(of)
    checked(None, 1)
    with pytest.raises(BeartypeCallHintViolation, match="count"):
        checked(None, "1")


def test_methods_of_every_kind() -> None:
    @dataclasses.dataclass
    class Thing:
        size: int

        @typechecker.decorated
        @classmethod
        def of(cls, size: int) -> "int":
            return size

        @typechecker.decorated
        @staticmethod
        def text(size: int) -> str:
            return size  # type: ignore[return-value]

        @typechecker.decorated
        @property
        def wrong(self) -> str:
            return self.size  # type: ignore[return-value]

    thing = typechecker.decorated(Thing)(1)
    for call in (
        lambda: Thing("1"),  # type: ignore[arg-type]
        lambda: Thing.of("1"),  # type: ignore[arg-type]
        lambda: Thing.text(1),
        lambda: thing.wrong,
    ):
        with pytest.raises(BeartypeCallHintViolation):
            call()
    assert Thing.of(2) == 2


def test_a_function_without_shapes_has_no_scope_of_names() -> None:
    assert typechecker.has_shape(normal_log_probs.__annotations__["z"]) is False
    assert typechecker.has_shape(ConditionalNormal.log_prob.__annotations__["z"])

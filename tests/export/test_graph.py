"""Networks in ONNX, in fewer bytes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from reparam.export.graph import with_weights_of_16_bits
from reparam.export.onnx import OnnxModel, smaller


def network(weights: np.ndarray) -> bytes:
    """y = x + weights: with x of 0 it says what the weights are."""
    kind, shape = TensorProto.FLOAT, weights.shape
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "sum",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
        [numpy_helper.from_array(weights, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return made.SerializeToString()


def weights_in(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    session = onnxruntime.InferenceSession(data)
    return session.run(None, {"x": np.zeros(shape, np.float32)})[0]


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(40, 30), (8, 16, 3, 3), (1, 1000), (125, 8)]),
    size=st.sampled_from([1e-42, 1e-30, 1e-3, 1.0, 1e6]),
)
def test_a_weight_moves_by_half_a_step_of_its_row(
    seed: int, shape: tuple[int, ...], size: float
) -> None:
    rng = np.random.default_rng(seed)
    weights = (rng.standard_normal(shape) * size).astype(np.float32)
    weights[1:2] = 0  # also a row without any
    data = network(weights)
    packed = with_weights_of_16_bits(data)
    onnx.checker.check_model(packed, full_check=True)
    rows = weights.reshape(len(weights), -1)
    step = np.abs(rows).max(1, keepdims=True) / 32767
    away = np.abs(weights_in(packed, shape).reshape(rows.shape) - rows)
    assert (away <= step * 0.51 + 1e-33).all()
    assert len(packed) <= (0.51 if rows.shape[1] > 100 else 0.82) * len(data) + 200
    assert with_weights_of_16_bits(data) == packed


def not_finite(value: float) -> np.ndarray:
    weights = np.ones((50, 50), np.float32)
    weights[3, 3] = value
    return weights


@pytest.mark.parametrize(
    "weights",
    [
        np.ones((9, 111), np.float32),
        np.ones((3136,), np.float32),
        np.ones((500, 2), np.float32),
        np.ones((50, 50), np.float64),
        *map(not_finite, (np.nan, np.inf, -np.inf)),
    ],
    ids=["few", "vector", "narrow", "double", "nan", "inf", "-inf"],
)
def test_what_would_not_gain_or_not_hold_stays(weights: np.ndarray) -> None:
    graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(weights, "w")])
    packed = onnx.load_from_string(
        with_weights_of_16_bits(helper.make_model(graph).SerializeToString())
    )
    (kept,) = packed.graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(kept), weights)
    assert not packed.graph.node


@pytest.mark.parametrize("apart", [1e-3, 1e6])
def test_a_network_that_16_bits_would_change_stays_as_it_is(apart: float) -> None:
    """Its largest weight says what a step is; an input that cancels it leaves the steps."""
    weights = np.random.default_rng(0).random((10, 200)).astype(np.float32)
    weights[:, 0] = apart
    model = OnnxModel("decoder", network(weights), "x", ("y",), 0.0)
    is_kept = smaller(model, {"x": -weights}) == model.data
    assert is_kept == (apart > 1)

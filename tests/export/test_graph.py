"""Networks in ONNX, in fewer bytes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from reparam.export.graph import FEW_WEIGHTS, with_weights_of_16_bits


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
    shape=st.sampled_from([(40, 30), (8, 16, 3, 3), (2000,), (1, 1000)]),
    size=st.sampled_from([1e-30, 1e-3, 1.0, 1e6]),
)
def test_a_weight_moves_by_half_a_step_of_its_row(
    seed: int, shape: tuple[int, ...], size: float
) -> None:
    rng = np.random.default_rng(seed)
    weights = (rng.standard_normal(shape) * size).astype(np.float32)
    weights[0] = 0  # also a row without any
    data = network(weights)
    packed = with_weights_of_16_bits(data)
    onnx.checker.check_model(packed, full_check=True)
    rows = weights.reshape(len(weights), -1)
    step = np.abs(rows).max(1, keepdims=True) / 32767
    away = np.abs(weights_in(packed, shape).reshape(rows.shape) - rows)
    assert (away <= step * 0.51).all()
    assert len(packed) < 0.6 * len(data) + 4 * len(weights) + 300
    assert with_weights_of_16_bits(data) == packed


@pytest.mark.parametrize("weights", [np.ones(FEW_WEIGHTS - 1, "f4"), np.ones((50, 50), "f8")])
def test_few_weights_and_other_types_stay(weights: np.ndarray) -> None:
    graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(weights, "w")])
    packed = onnx.load_from_string(
        with_weights_of_16_bits(helper.make_model(graph).SerializeToString())
    )
    (kept,) = packed.graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(kept), weights)
    assert not packed.graph.node

"""The cells against onnxruntime: random weights, ragged rows, both directions, start states.

ONNX's gates stand in the order i, o, f, c and z, r, h; its peepholes in the order i, o, f.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman.nn import Stack
from elman.state import leaves, map_leaves

from ..contract.cases import Case, able_kernels, randomise

onnx = pytest.importorskip("onnx", reason="the package onnx, which describes the oracle's graphs, is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the package onnxruntime, an oracle, is not installed")

INPUT, H, B, T = 3, 4, 5, 6
LENGTHS = torch.tensor([4, 6, 1, 3, 5])

CASES = [
    Case("elman", {}),
    Case("elman", {"nonlinearity": "relu"}),
    Case("elman", {"bias": False}),
    Case("gru", {}),
    Case("gru", {"bias": False}),
    Case("gru-reset-before", {}),
    Case("lstm", {}),
    Case("lstm", {"bias": False}),
    Case("lstm", {"peepholes": True}),
    Case("lstm", {"coupled": True}),
    Case("lstm", {"peepholes": True, "coupled": True}),
]

OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "elman": ("RNN", {}),
    "gru": ("GRU", {"linear_before_reset": 1}),
    "gru-reset-before": ("GRU", {"linear_before_reset": 0}),
    "lstm": ("LSTM", {}),
}


def in_onnx_order(case: Case, blocks: np.ndarray) -> np.ndarray:
    """Our gates' blocks of a weight or bias in ONNX's order; a coupled LSTM's forget block is one that is not used."""
    if case.cell == "elman":
        return blocks
    if case.cell != "lstm":
        r, z, n = np.split(blocks, 3)
        return np.concatenate([z, r, n])
    if case.options.get("coupled"):
        i, g, o = np.split(blocks, 3)
        f = np.full_like(i, 0.5)
    else:
        i, f, g, o = np.split(blocks, 4)
    return np.concatenate([i, o, f, g])


def onnx_weights(case: Case, cell: Any) -> list[np.ndarray]:
    """W, R, B and, with peepholes, P of one direction."""
    arrays = [
        in_onnx_order(case, cell.weight_ih.detach().numpy()),
        in_onnx_order(case, cell.weight_hh.detach().numpy()),
    ]
    if cell.bias_ih is None:
        arrays.append(np.zeros(2 * len(arrays[0]), np.float32))
    else:
        both = (cell.bias_ih, cell.bias_hh)
        arrays.append(np.concatenate([in_onnx_order(case, bias.detach().numpy()) for bias in both]))
    if case.options.get("peepholes"):
        p_i, p_o = cell.peephole_i.detach().numpy(), cell.peephole_o.detach().numpy()
        p_f = np.full_like(p_i, 0.5) if cell.peephole_f is None else cell.peephole_f.detach().numpy()
        arrays.append(np.concatenate([p_i, p_o, p_f]))
    return arrays


def run_onnx(
    case: Case, stack: Stack, x_BTI: torch.Tensor, lengths: torch.Tensor | None, state: Any
) -> list[np.ndarray]:
    """What onnxruntime computes: y as B x T x D*H, and every leaf of the last state as D x B x H."""
    operator, attributes = OPERATORS[case.cell]
    attributes = dict(attributes)
    cells = [unroll.cell for unroll in stack.unrolls()[0]]
    if operator == "RNN":
        attributes["activations"] = [case.options.get("nonlinearity", "tanh").capitalize()] * len(cells)
    if case.options.get("coupled"):
        attributes["input_forget"] = 1
    attributes |= {"hidden_size": H, "direction": "bidirectional" if len(cells) > 1 else "forward"}
    per_direction = [onnx_weights(case, cell) for cell in cells]
    stacked = [np.stack(arrays) for arrays in zip(*per_direction, strict=True)]
    W, R, bias, *peephole = stacked
    starts = [np.stack([leaf.numpy() for leaf in column]) for column in zip(*state[0], strict=True)]
    feeds: dict[str, np.ndarray] = {"X": x_BTI.transpose(0, 1).numpy(), "W": W, "R": R, "B": bias}
    names = ["X", "W", "R", "B", ""]
    if lengths is not None:
        feeds["sequence_lens"] = lengths.to(torch.int32).numpy()
        names[4] = "sequence_lens"
    for name, start in zip(("initial_h", "initial_c"), starts, strict=False):
        feeds[name] = start
        names.append(name)
    if peephole:
        feeds["P"] = peephole[0]
        names.append("P")
    outputs = ["Y", "Y_h", "Y_c"][: 1 + len(starts)]
    kinds = {np.dtype("float32"): onnx.TensorProto.FLOAT, np.dtype("int32"): onnx.TensorProto.INT32}
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(operator, names, outputs, **attributes)],
        "oracle",
        [onnx.helper.make_tensor_value_info(name, kinds[a.dtype], a.shape) for name, a in feeds.items()],
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    y_TDBH, *last = session.run(outputs, feeds)
    return [y_TDBH.transpose(2, 0, 1, 3).reshape(B, T, -1), *last]


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "bidirectional"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_cell_equals_onnxruntime(case: Case, bidirectional: bool, ragged: bool) -> None:
    stack = Stack(case.cell, INPUT, H, bidirectional=bidirectional, **case.options)
    randomise(stack, 3)
    draw = torch.Generator().manual_seed(4)
    x_BTI = torch.randn(B, T, INPUT, generator=draw)
    state = map_leaves(lambda leaf: torch.randn(leaf.shape, generator=draw), stack.initial_state(B))
    lengths = LENGTHS if ragged else None
    y, *finals = run_onnx(case, stack, x_BTI, lengths, state)
    for kernel in able_kernels(stack.unrolls()[0][0].cell):
        same = Stack(case.cell, INPUT, H, bidirectional=bidirectional, kernel=kernel, **case.options)
        same.load_state_dict(stack.state_dict())
        with torch.no_grad():
            y_BTY, last = same(x_BTI, lengths, state)
        np.testing.assert_allclose(y_BTY.numpy(), y, rtol=0, atol=2e-6, err_msg=kernel)
        ours = [torch.stack(column).numpy() for column in zip(*last[0], strict=True)]
        assert len(ours) == len(finals) == len(leaves(state[0][0]))
        for one, other in zip(ours, finals, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-6, err_msg=kernel)

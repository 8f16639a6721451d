"""Bugs to plant in the native engine's driver (C++), in its Python side, and in the generator of its programs."""

from __future__ import annotations

from typing import NamedTuple

import torch

from elman.kernels import Lookup, native
from elman.kernels.native import compose, derive, layer, merge

from ..contract import checks
from ..contract.cases import Case
from ..contract.runs import CLOSE, assert_close
from ..kernels.native.layers import Run, assert_equal_to_reference, cell_of, mask_of, matched, random, run, start_of
from ..kernels.native.top_tokens import check_best, product_of
from .bug import ELMAN, GRU, MINGRU, Bug, Check, lstm_case


class DriverBug(NamedTuple):
    """An expression of the driver's sources, another one in its place, and the check that must notice."""

    what: str
    file: str
    right: str
    wrong: str
    check: Check
    case: Case


PEEPHOLES = lstm_case(peepholes=True)


def name_of(case: Case) -> str:
    """The cell's name among those of the engine's own tests."""
    return "-".join([case.cell, *case.options])


def check_masks(case: Case, kernel: str) -> None:
    """Recurrent dropout, in every row another, is the reference loop's."""
    del kernel
    cell = cell_of(name_of(case), 3, 5)
    assert_equal_to_reference(cell, Run(random(6, 7, 3), None, start_of(cell, 6), mask_of(cell, 6)))


def check_chunks(case: Case, kernel: str) -> None:
    """So are rows of many lengths over several chunks of time and blocks of units, with a tape and without."""
    cell = cell_of(name_of(case), 3, 19)
    lengths_B = torch.tensor([43, 0, 18, 19, 36, 1, 37, 43, 17, 2, 0, 30, 43, *range(3, 16)])
    for lengths in (lengths_B, None):
        given = Run(random(26, 43, 3), lengths, start_of(cell, 26))
        got = assert_equal_to_reference(cell, given)
        with torch.no_grad():
            y, _ = native.run(cell, random(26, 43, 3), lengths, start_of(cell, 26))
        assert_close("outputs without a tape", y, got.y, CLOSE[y.dtype])


def check_lookup(case: Case, kernel: str) -> None:
    """So are inputs that are rows of a few features."""
    del kernel
    cell = cell_of(name_of(case), 3, 5)
    tokens_BT = torch.arange(30).reshape(5, 6) % 4
    given = Run(Lookup(tokens_BT, random(4, 3)), torch.tensor([6, 2, 0, 5, 1]), start_of(cell, 5))
    assert_equal_to_reference(cell, given)


def check_written(case: Case, kernel: str) -> None:
    """No number of a result is left as it was in new memory."""
    del kernel
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        cell = cell_of(name_of(case), 3, 5)
        found = matched(run(cell, Run(random(5, 6, 3), torch.tensor([6, 2, 0, 5, 1]), start_of(cell, 5))))
    finally:
        torch.use_deterministic_algorithms(before)
    assert all(bool(tensor.isfinite().all()) for _, tensor in found), "numbers that nobody wrote"


def check_best_tokens(case: Case, kernel: str) -> None:
    """The best tokens of a product are those of a sort, of equal ones the first."""
    del case, kernel
    for scan in ("float32", "int8"):
        for V, size, rows in ((20, 9, 3), (300, 40, 5)):
            weight_VY, bias_V, x_NY = product_of(V, size, rows)
            check_best(weight_VY, bias_V, x_NY, scan, wanted=3)
            check_best(weight_VY, torch.linspace(-200.0, 200.0, V), x_NY, scan)
        found = check_best(torch.ones(50, 4), torch.zeros(50), torch.ones(2, 4), scan)
        assert found.tokens_NK.tolist() == [list(range(7))] * 2


DRIVER_BUGS = [
    DriverBug(
        "a sum stays as it was when its level is raised",
        "best.h",
        "exp_of(level - largest)",
        "1.0f",
        check_best_tokens,
        ELMAN,
    ),
    DriverBug(
        "rough scores stay in the sum with the exact ones", "best.h", "all - rough", "all", check_best_tokens, ELMAN
    ),
    DriverBug(
        "the scores of the best tokens are not recomputed",
        "best.h",
        "exact(token, x)",
        "row.found[n].score",
        check_best_tokens,
        ELMAN,
    ),
    DriverBug("tokens are numbered by their block", "best.h", "first + column", "column", check_best_tokens, ELMAN),
    DriverBug(
        "of equal scores the last is kept",
        "best.h",
        "found[place - 1].score < score",
        "found[place - 1].score <= score",
        check_best_tokens,
        ELMAN,
    ),
    DriverBug(
        "gates are packed in the other order",
        "layer_pack.h",
        "weight + (gates[slot] * shape.H + first) * K",
        "weight + (gates[slots - 1 - slot] * shape.H + first) * K",
        checks.check_equations,
        lstm_case(),
    ),
    DriverBug(
        "the way back sees the weights' gates in the other order",
        "layer_pack.h",
        "weight + (gates[slot] * shape.H + unit) * K + column",
        "weight + (gates[slots - 1 - slot] * shape.H + unit) * K + column",
        checks.check_equations,
        GRU,
    ),
    DriverBug(
        "every row ends a step too early",
        "layer_shape.h",
        "layer.lengths[hint - 1] <= s",
        "layer.lengths[hint - 1] <= s + 1",
        checks.check_past_end,
        GRU,
    ),
    DriverBug(
        "a row backwards starts at the end of its padding",
        "layer_shape.h",
        "length(i) - 1 - s",
        "T_ - 1 - s",
        checks.check_reverse,
        ELMAN,
    ),
    DriverBug(
        "the past's bias is dropped",
        "layer_pack.h",
        "static_cast<const T *>(layer.bias_hh)",
        "static_cast<const T *>(nullptr)",
        checks.check_equations,
        GRU,
    ),
    DriverBug(
        "the gradient that comes from later takes the place of the step's own",
        "layer_backward.h",
        "layer.mask ? zeros : out + column",
        "layer.mask ? zeros : zeros",
        checks.check_equations,
        lstm_case(),
    ),
    DriverBug(
        "the gradients of the past's weights see h without its mask",
        "layer_weights.h",
        "layer.mask ? h[u] * static_cast<const T *>(layer.mask)[shape.caller_row(i) * shape.H + u] : h[u]",
        "h[u]",
        check_masks,
        GRU,
    ),
    DriverBug(
        "the gradient of h passes by the mask",
        "layer_backward.h",
        "d_h[i * shape.padded + u] * mask[u]",
        "d_h[i * shape.padded + u]",
        check_masks,
        GRU,
    ),
    DriverBug(
        "forward takes another row's mask",
        "layer_forward.h",
        "static_cast<const T *>(layer.mask) + shape.caller_row(i) * shape.H",
        "static_cast<const T *>(layer.mask)",
        check_masks,
        ELMAN,
    ),
    DriverBug(
        "the gradient of outputs is taken in the order of work",
        "layer_backward.h",
        "shape.caller_row(i) * layer.dy_row",
        "i * layer.dy_row",
        checks.check_equations,
        ELMAN,
    ),
    DriverBug(
        "the last state's gradient enters in the order of work",
        "layer_backward.h",
        "given + shape.caller_row(i) * shape.H",
        "given + i * shape.H",
        checks.check_equations,
        lstm_case(),
    ),
    DriverBug(
        "the start enters in the order of work",
        "layer_forward.h",
        "given + row * shape.H",
        "given + i * shape.H",
        checks.check_any_order,
        GRU,
    ),
    DriverBug(
        "steps in which every row lives are summed as one step",
        "layer_weights.h",
        "together * step_rows",
        "step_rows",
        checks.check_equations,
        ELMAN,
    ),
    DriverBug(
        "the first row has no share in the gradients of the equations' parameters",
        "layer_backward.h",
        "d_parameters[(n * shape.B + i) * shape.padded + unit + u]",
        "(i ? d_parameters[(n * shape.B + i) * shape.padded + unit + u] : T(0))",
        checks.check_equations,
        PEEPHOLES,
    ),
    DriverBug(
        "every token's gradient goes to the first one",
        "layer_backward.h",
        "token * layer.dx_row",
        "0 * token * layer.dx_row",
        check_lookup,
        GRU,
    ),
    DriverBug(
        "padded outputs are left as they are",
        "layer_forward.h",
        "layer.lengths && q < share.count",
        "false && q < share.count",
        check_written,
        GRU,
    ),
    DriverBug(
        "padded inputs' gradients are left as they are",
        "layer_backward.h",
        "int64_t t = shape.length(i)",
        "int64_t t = shape.T_",
        check_written,
        GRU,
    ),
    DriverBug(
        "without a tape the new state overwrites the old one",
        "layer_shape.h",
        "(layer.keep ? s : s & 1)",
        "(layer.keep ? s : 0)",
        check_chunks,
        lstm_case(),
    ),
    DriverBug(
        "the inputs of a chunk are kept a step late",
        "layer_weights.h",
        "memcpy(row, x_at(i, s), sizeof(T) * shape.I)",
        "memcpy(row, x_at(i, s > from ? s - 1 : s), sizeof(T) * shape.I)",
        check_chunks,
        ELMAN,
    ),
    DriverBug(
        "long sums forget all but the last stretch",
        "layer_weights.h",
        "source + k * stride + from",
        "source + from",
        check_chunks,
        MINGRU,
    ),
    DriverBug(
        "the constant input of the biases is missing",
        "layer_weights.h",
        "row[shape.I] = 1",
        "row[shape.I] = 0",
        checks.check_equations,
        MINGRU,
    ),
]

CALLER_BUGS = [
    Bug(
        "the driver gets the slots in the other order",
        layer,
        "Layer._call",
        (("(*program.x_gates)", "(*reversed(program.x_gates))"),),
        checks.check_equations,
        lstm_case(),
        "native",
    ),
    Bug(
        "the gradient of the last state is not handed on",
        layer,
        "Layer.backward",
        (("_pointers(c_void_p * MAX_LEAVES, d_final)", "_pointers(c_void_p * MAX_LEAVES, [None for _ in d_final])"),),
        checks.check_equations,
        GRU,
        "native",
    ),
    Bug(
        "the padding reaches a cell's own input product",
        native,
        "_run",
        (("entering = clear_padding(entering, lengths_B)", "pass"), ("if not product:", "if True:")),
        checks.check_padding_ignored,
        ELMAN,
        "native",
    ),
    Bug(
        "the recurrent mask is forgotten",
        native,
        "_run",
        (("mask_BH=mask_BH", "mask_BH=None"),),
        check_masks,
        GRU,
        "native",
    ),
]

# Each makes other equations, which are compiled as a user's cell is.
GENERATOR_BUGS = [
    Bug(
        "two slots are swapped",
        merge,
        "assign_slots",
        (("h_gates = (*merged.values(), *u_alone)", "h_gates = (*reversed(merged.values()), *u_alone)"),),
        checks.check_equations,
        lstm_case(),
        "native",
    ),
    Bug(
        "a slot of the past's part is taken for a merged one",
        merge,
        "assign_slots",
        (("for block in merged.values()}\n", "for block in h_gates}\n"),),
        checks.check_equations,
        GRU,
        "native",
    ),
    Bug(
        "a gradient's earlier share is dropped",
        derive,
        "gradients",
        (('graph.apply("add", totals[node], gradient) if node in totals else gradient', "gradient"),),
        checks.check_equations,
        GRU,
        "native",
    ),
    Bug(
        "the gradient of the output is dropped",
        compose,
        "_differentiate",
        (("seeds.append((new[y_leaf] if y is None else y, dy))", "pass"),),
        checks.check_equations,
        ELMAN,
        "native",
    ),
    Bug(
        "backward reads the state before the step in the place of the one after it",
        compose,
        "compose",
        (('{everything[f"new{index}"]: f"new{index}" for', '{everything[f"new{index}"]: f"old{index}" for'),),
        checks.check_equations,
        lstm_case(),
        "native",
    ),
]

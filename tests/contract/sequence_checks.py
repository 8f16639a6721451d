"""The contract's part about time: rows, lengths, padding, pieces, direction, traces."""

from __future__ import annotations

import torch

from elman.nn import Unroll
from elman.nn.recompute import run_segments
from elman.state import leaves, map_leaves, named_leaves

from .cases import B_SIZE, LENGTHS, T_SIZE, Case, best_dtype, build, inputs, random_state
from .runs import CLOSE, assert_close, assert_same, backpropagate, own_start, run_kernel, trainable
from .textbook import TEXTBOOK


def check_rows_independent(case: Case, kernel: str) -> None:
    """What happens in one row, NaN included, changes no other row, forwards or backwards."""
    cell = build(case, best_dtype(case, kernel))
    x, start = inputs(cell), random_state(cell)
    others = [0, 1, 3, 4]
    for lengths in (None, (3, 7, 6, 1, 5)):
        lengths_B = None if lengths is None else torch.tensor(lengths)
        y, final = Unroll(cell, kernel=kernel)(x, lengths_B, start)
        for poison in (3.0, float("nan"), float("inf")):
            spoilt = x.clone()
            spoilt[2] = poison
            y_2, final_2 = Unroll(cell, kernel=kernel)(spoilt, lengths_B, start)
            assert_close("other rows' outputs", y_2[others], y[others], CLOSE[x.dtype])
            for one, other in zip(leaves(final_2), leaves(final), strict=True):
                assert_close("other rows' states", one[others], other[others], CLOSE[x.dtype])
        lone, _ = trainable(x, None)
        y_3, _ = Unroll(cell, kernel=kernel)(lone, lengths_B, start)
        (grad,) = torch.autograd.grad(y_3[1].square().sum(), lone)
        assert bool((grad[[0, 2, 3, 4]] == 0).all()), "the gradient of one row's output reaches another row's input"
        assert bool((grad[1] != 0).any()), "a row's output has no gradient in its own input"


def check_padding_ignored(case: Case, kernel: str) -> None:
    """Whatever stands past a row's end, outputs, final states and gradients are the same, bit for bit."""
    cell = build(case, best_dtype(case, kernel))
    x, start = inputs(cell), own_start(case, cell)
    padding = torch.arange(T_SIZE) >= torch.tensor(LENGTHS)[:, None]
    for reverse in (False, True):
        clean = run_kernel(cell, kernel, x.masked_fill(padding[..., None], 0.0), LENGTHS, start, reverse=reverse)
        for garbage in (1e6, float("nan"), float("-inf")):
            dirty = x.masked_fill(padding[..., None], garbage)
            got = run_kernel(cell, kernel, dirty, LENGTHS, start, reverse=reverse)
            assert_same(got, clean, 0.0)
            assert bool((got.grads["x"][padding] == 0).all()), "the padding has a gradient"


def check_past_end(case: Case, kernel: str) -> None:
    """Past its end a row's output is exactly zero; its final state is the one after its own last step."""
    cell = build(case, best_dtype(case, kernel))
    x, start = inputs(cell), random_state(cell)
    y, final = Unroll(cell, kernel=kernel)(x, torch.tensor(LENGTHS), start)
    for b, length in enumerate(LENGTHS):
        assert bool((y[b, length:] == 0).all()), f"row {b} has an output past its end"
        alone = map_leaves(lambda leaf, b=b: leaf[b : b + 1], start)
        expected = alone
        if length:
            y_b, expected = Unroll(cell, kernel=kernel)(x[b : b + 1, :length], None, alone)
            assert_close(f"row {b}", y[b : b + 1, :length], y_b, CLOSE[x.dtype])
        for (name, got), true in zip(named_leaves(final), leaves(expected), strict=True):
            assert_close(f"row {b}, final {name}", got[b : b + 1], true, CLOSE[x.dtype] if length else 0.0)


def check_split(case: Case, kernel: str) -> None:
    """A sequence run in two pieces, the state handed on, is the whole; so is a ragged one."""
    cell = build(case, best_dtype(case, kernel))
    x, start = inputs(cell), own_start(case, cell)
    for lengths in (None, LENGTHS):
        whole = run_kernel(cell, kernel, x, lengths, start)
        for cut in (1, 4, T_SIZE - 1):
            fresh, begin = trainable(x, start)
            first = second = None
            if lengths is not None:
                first = torch.tensor(lengths).clamp(max=cut)
                second = (torch.tensor(lengths) - cut).clamp(min=0)
            unroll = Unroll(cell, kernel=kernel)
            y_1, state = unroll(fresh[:, :cut], first, begin)
            y_2, state = unroll(fresh[:, cut:], second, state)
            parts = backpropagate(cell, fresh, begin, torch.cat([y_1, y_2], 1), dict(named_leaves(state)))
            assert_same(parts, whole, CLOSE[x.dtype])


def check_recompute(case: Case, kernel: str) -> None:
    """In segments that are computed again in the backward pass, everything is as in one piece, in both directions."""
    cell = build(case, best_dtype(case, kernel))
    x, start = inputs(cell), own_start(case, cell)
    for lengths, reverse in ((None, False), (LENGTHS, False), (LENGTHS, True)):
        whole = run_kernel(cell, kernel, x, lengths, start, reverse=reverse)
        unroll = Unroll(cell, kernel=kernel, reverse=reverse)
        fresh, begin = trainable(x, start)
        lengths_B = None if lengths is None else torch.tensor(lengths)
        begin = cell.initial_state(len(x)) if begin is None else begin
        y, state = run_segments(unroll, unroll, fresh, lengths_B, begin, steps=3, reverse=reverse)
        parts = backpropagate(cell, fresh, None if start is None else begin, y, dict(named_leaves(state)))
        assert_same(parts, whole, CLOSE[x.dtype])


def check_edges(case: Case, kernel: str) -> None:
    """All rows empty, no rows, no steps, one step, lengths of another whole type."""
    cell = build(case, best_dtype(case, kernel))
    x, start = inputs(cell), random_state(cell)
    unroll = Unroll(cell, kernel=kernel)
    empty = run_kernel(cell, kernel, x, [0] * B_SIZE, start)
    assert bool((empty.y == 0).all()), "empty rows have outputs"
    for name, leaf in named_leaves(start):
        assert torch.equal(empty.final[name], leaf), "an empty row's state changed"
    for name, grad in empty.grads.items():
        assert name.startswith("start.") or bool((grad == 0).all()), f"empty rows give {name} a gradient"
    for B, T in ((0, T_SIZE), (B_SIZE, 0), (0, 0)):
        few = x[:B, :T]
        begin = map_leaves(lambda leaf, B=B: leaf[:B], start)
        for lengths_B in (None, torch.zeros(B, dtype=torch.int64)):
            y, final = unroll(few, lengths_B, begin)
            assert y.shape == (B, T, cell.output_size), f"outputs of shape {tuple(y.shape)} for B={B}, T={T}"
            (grad,) = torch.autograd.grad(y.sum(), cell.weight_ih)
            assert bool((grad == 0).all()), "an empty batch has a gradient that is not zero"
            assert all(map(torch.equal, leaves(final), leaves(begin))), "no step, yet the state changed"
    y, final = unroll(x[:, :1], None, start)
    y_1, final_1 = cell.step(x[:, 0], start)
    assert_close("one step", y[:, 0], y_1, CLOSE[x.dtype])
    for one, other in zip(leaves(final), leaves(final_1), strict=True):
        assert_close("state after one step", one, other, CLOSE[x.dtype])
    for kind in (torch.int32, torch.uint8):
        y_2, _ = unroll(x, torch.tensor(LENGTHS, dtype=kind), start)
        assert torch.equal(y_2, unroll(x, torch.tensor(LENGTHS), start)[0]), f"lengths of type {kind} differ"


def check_any_order(case: Case, kernel: str) -> None:
    """Rows in another order give the same rows in that order."""
    cell = build(case, best_dtype(case, kernel))
    x, start, lengths_B = inputs(cell), random_state(cell), torch.tensor(LENGTHS)
    unroll = Unroll(cell, kernel=kernel)
    y, final = unroll(x, lengths_B, start)
    for order in ([1, 4, 0, 3, 2], [2, 3, 0, 4, 1], [4, 2, 1, 0, 3]):
        y_2, final_2 = unroll(x[order], lengths_B[order], map_leaves(lambda leaf, o=order: leaf[o], start))
        assert_close("outputs", y_2, y[order], CLOSE[x.dtype])
        for one, other in zip(leaves(final_2), leaves(final), strict=True):
            assert_close("final state", one, other[order], CLOSE[x.dtype])


def check_stepping(case: Case, kernel: str) -> None:
    """Calling `cell.step` by hand, as streaming does, is the unrolled layer."""
    cell = build(case, best_dtype(case, kernel))
    x, state = inputs(cell), random_state(cell)
    y, final = Unroll(cell, kernel=kernel)(x, None, state)
    for t in range(T_SIZE):
        y_t, state = cell.step(x[:, t], state)
        assert_close(f"step {t}", y_t, y[:, t], CLOSE[x.dtype])
    for one, other in zip(leaves(state), leaves(final), strict=True):
        assert_close("final state", one, other, CLOSE[x.dtype])


def check_reverse(case: Case, kernel: str) -> None:
    """Backwards is forwards over rows that were turned round by hand, each within its own length."""
    cell = build(case, best_dtype(case, kernel))
    x, start = inputs(cell), random_state(cell)
    for lengths in ((T_SIZE,) * B_SIZE, LENGTHS):
        turned = torch.stack([torch.cat([row[:n].flip(0), row[n:]]) for row, n in zip(x, lengths, strict=True)])
        lengths_B = torch.tensor(lengths)
        given = None if lengths[0] == T_SIZE else lengths_B
        y, final = Unroll(cell, kernel=kernel, reverse=True)(x, given, start)
        y_2, final_2 = Unroll(cell, kernel=kernel)(turned, lengths_B, start)
        back = torch.stack([torch.cat([row[:n].flip(0), row[n:]]) for row, n in zip(y_2, lengths, strict=True)])
        assert_close("outputs", y, back, CLOSE[x.dtype])
        for one, other in zip(leaves(final), leaves(final_2), strict=True):
            assert_close("final state", one, other, CLOSE[x.dtype])


def check_trace(case: Case, kernel: str) -> None:
    """A trace has the forward pass's outputs and states, and gates that the equations give when computed again."""
    cell = build(case, best_dtype(case, kernel))
    x, start = inputs(cell), random_state(cell)
    weights = dict(cell.named_parameters())
    for reverse in (False, True):
        y, final = Unroll(cell, kernel=kernel, reverse=reverse)(x, torch.tensor(LENGTHS), start)
        trace = Unroll(cell, reverse=reverse).trace(x, torch.tensor(LENGTHS), start)
        assert_close("outputs", trace.y_BTY, y, CLOSE[x.dtype])
        for one, other in zip(leaves(trace.state), leaves(final), strict=True):
            assert_close("final state", one, other, CLOSE[x.dtype])
        states = dict(named_leaves(trace.states))
        for b, length in enumerate(LENGTHS):
            state = {name: leaf[b] for name, leaf in named_leaves(start)}
            for t in reversed(range(length)) if reverse else range(length):
                before = cell.state_type(**{name: leaf[None] for name, leaf in state.items()})
                if case.cell in TEXTBOOK:
                    _, _, gates = TEXTBOOK[case.cell](weights, case.options, x[b, t], state)
                else:
                    step = cell.advance(cell.project(x[b : b + 1, t]), before)
                    gates = {name: gate[0] for name, gate in step.gates.items()}
                assert gates.keys() == trace.gates.keys(), f"gates {sorted(trace.gates)}, expected {sorted(gates)}"
                for name, gate in gates.items():
                    assert_close(f"gate {name}", trace.gates[name][b, t], gate, CLOSE[x.dtype])
                _, after = cell.step(x[b : b + 1, t], before)
                state = {name: leaf[0] for name, leaf in named_leaves(after)}
                for name, leaf in state.items():
                    assert_close(f"state {name}", states[name][b, t], leaf, CLOSE[x.dtype])

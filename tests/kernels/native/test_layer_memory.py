"""What layers of the native engine read and write: every number of their results, nothing else, in any layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from elman import kernels
from elman.kernels import Lookup
from elman.kernels.native import buffer_pool
from elman.state import map_leaves

from ...contract.runs import assert_close
from .layers import (
    CELLS,
    Run,
    assert_same_bits,
    assert_within,
    cell_of,
    mask_of,
    matched,
    needs_library,
    random,
    run,
    start_of,
)

pytestmark = [needs_library, pytest.mark.usefixtures("one_thread")]

BOTH_TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
LENGTHS = torch.tensor([3, 9, 0, 1, 9, 5, 2])


def forms(name: str, dtype: torch.dtype) -> Iterator[tuple[Any, Run]]:
    """A cell with the forms of input and the options that reach every buffer."""
    cell = cell_of(name, 5, 19, dtype)
    start, x_BTI = start_of(cell, 7), random(7, 9, 5)
    mask_BH = None if name == "mingru" else mask_of(cell, 7)
    tokens_BT = torch.arange(63).reshape(7, 9) % 4
    yield cell, Run(x_BTI, None, start)
    yield cell, Run(x_BTI, LENGTHS, start, mask_BH, reverse=True)
    yield cell, Run(Lookup(tokens_BT, random(4, 5)), LENGTHS, start, mask_BH)
    yield cell, Run(Lookup(tokens_BT, random(4, 5)), None, start)
    yield cell, Run(x_BTI, LENGTHS * 0, start)


@BOTH_TYPES
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.usefixtures("nan_in_new_memory")
def test_every_number_is_written_and_none_read_before(name: str, dtype: torch.dtype) -> None:
    for cell, given in forms(name, dtype):
        got = run(cell, given)
        for what, tensor in matched(got):
            assert bool(tensor.isfinite().all()), f"{what} has numbers that nobody wrote, or that came from such"
        assert_within(got, run(cell, given, "reference"), 1e-11 if dtype == torch.float64 else 3e-5)
        with torch.no_grad():
            y, last = kernels.run(
                cell,
                Lookup(given.x.tokens_BT, given.x.features_VI.to(dtype))
                if isinstance(given.x, Lookup)
                else given.x.to(dtype),
                given.lengths_B,
                given.start or cell.initial_state(7),
                recurrent_mask_BH=given.mask_BH,
                reverse=given.reverse,
                kernel="native",
            )
        assert torch.equal(y, got.y), "without a tape the outputs are others"
        assert all(map(torch.equal, last, got.final.values())), "without a tape the last state is another"


def misaligned(tensor: Tensor) -> Tensor:
    """The same numbers one element off any alignment, with a gap after each row."""
    wide = torch.full((*tensor.shape[:-1], tensor.shape[-1] + 2), float("nan"), dtype=tensor.dtype)
    view = wide[..., 1:-1]
    view.copy_(tensor)
    assert view.data_ptr() % 64
    return view


@BOTH_TYPES
@pytest.mark.parametrize("name", CELLS)
def test_any_layout_gives_the_same_bits(name: str, dtype: torch.dtype) -> None:
    cell = cell_of(name, 5, 19, dtype)
    x_BTI, start = random(7, 9, 5, dtype=dtype), start_of(cell, 7)
    mask_BH = None if name == "mingru" else mask_of(cell, 7)
    plain = run(cell, Run(x_BTI, LENGTHS, start, mask_BH))
    layouts = (
        x_BTI.transpose(0, 1).contiguous().transpose(0, 1),
        x_BTI.transpose(1, 2).contiguous().transpose(1, 2),
        misaligned(x_BTI),
        misaligned(x_BTI.transpose(0, 1).contiguous()).transpose(0, 1),
        torch.stack([x_BTI, x_BTI], 1)[:, 1],
        torch.stack([x_BTI, x_BTI], 3)[..., 0],
    )
    for x in layouts:
        assert_same_bits(run(cell, Run(x, LENGTHS, start, mask_BH), views=True), plain)
    lengths_B = torch.stack([LENGTHS, LENGTHS], 1)[:, 0]
    mask = None if mask_BH is None else misaligned(mask_BH)
    given = Run(x_BTI.clone(), lengths_B, map_leaves(misaligned, start), mask)
    assert_same_bits(run(cell, given, views=True), plain)
    given = given._replace(start=map_leaves(lambda leaf: leaf.T.contiguous().T, start), x=x_BTI.clone())
    assert_same_bits(run(cell, given, views=True), plain)


def test_repeated_rows_and_steps() -> None:
    """Strides of zero, in the input, the start and the tokens."""
    cell = cell_of("lstm", 5, 19)
    start = map_leaves(lambda leaf: leaf[:1].expand(7, -1), start_of(cell, 7))
    for x in (random(1, 9, 5).expand(7, -1, -1), random(7, 1, 5).expand(-1, 9, -1), random(7, 9, 1).expand(-1, -1, 5)):
        given = Run(x, LENGTHS, start)
        plain = run(cell, given)
        with torch.no_grad():
            y, _ = kernels.run(cell, x, LENGTHS, start, kernel="native")
        assert torch.equal(y, plain.y)
    features_VI = random(3, 5)
    tokens_BT = torch.tensor([0, 2, 1, 1, 0, 2, 2, 1, 0])
    for tokens in (tokens_BT.expand(7, -1), tokens_BT[:7, None].expand(-1, 9), tokens_BT.repeat(7, 1).T.contiguous().T):
        assert_same_bits(
            run(cell, Run(Lookup(tokens, features_VI), LENGTHS, start)),
            run(cell, Run(Lookup(tokens.contiguous(), features_VI), LENGTHS, start)),
        )


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_gradients_of_the_outputs_in_any_layout(ragged: bool) -> None:
    """sum() hands back one number for all; a slice or a transposition hands back a view."""
    cell = cell_of("gru", 5, 19)
    lengths_B = LENGTHS if ragged else None
    losses = {
        "sum": lambda y: y.sum(),
        "one step": lambda y: y[:, -1].square().sum(),
        "every other": lambda y: y[::2, ::3].square().sum(),
        "transposed": lambda y: (y.transpose(0, 2) * random(19, 9, 7)).sum(),
        "flat": lambda y: (y.flatten()[1:] * random(7 * 9 * 19 - 1)).sum(),
    }
    for what, loss in losses.items():
        grads = []
        for kernel in ("native", "reference"):
            x_BTI = random(7, 9, 5).requires_grad_()
            y, _ = kernels.run(cell, x_BTI, lengths_B, start_of(cell, 7), kernel=kernel)
            grads.append(torch.autograd.grad(loss(y), [x_BTI, *cell.parameters()]))
        for one, other in zip(*grads, strict=True):
            assert_close(what, one, other, 1e-11)


def test_the_callers_tensors_are_left_as_they_were() -> None:
    cell = cell_of("lstm-peepholes", 5, 19)
    x_BTI, start, mask_BH, lengths_B = random(7, 9, 5), start_of(cell, 7), mask_of(cell, 7), LENGTHS.clone()
    held = [x_BTI, *start, mask_BH, lengths_B, *cell.parameters()]
    before = [tensor.detach().clone() for tensor in held]
    leaf = x_BTI.requires_grad_()
    y, _ = kernels.run(cell, leaf, lengths_B, start, recurrent_mask_BH=mask_BH, kernel="native")
    (2 * y).sum().backward()
    for tensor, copy in zip(held, before, strict=True):
        assert torch.equal(tensor.detach(), copy)


@pytest.mark.parametrize("part", ["x", "start", "mask", "weight"])
def test_what_backward_needs_must_not_change_meanwhile(part: str) -> None:
    cell = cell_of("gru", 5, 19)
    x_BTI, start, mask_BH = random(7, 9, 5), start_of(cell, 7), mask_of(cell, 7)
    y, _ = kernels.run(cell, x_BTI, LENGTHS, start, recurrent_mask_BH=mask_BH, kernel="native")
    changed = {"x": x_BTI, "start": start.h, "mask": mask_BH, "weight": cell.weight_hh}[part]
    with torch.no_grad():
        changed.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_tokens_and_lengths_may_be_filled_again_before_backward(ragged: bool) -> None:
    """A loader may reuse NumPy's memory, which torch does not watch: backward has its own copies."""
    grads = []
    for spoil in (False, True):
        cell = cell_of("gru", 5, 19)
        features_VI = random(4, 5).requires_grad_()
        tokens, lengths = (np.arange(63).reshape(7, 9) % 4), LENGTHS.numpy().copy()
        given = Lookup(torch.from_numpy(tokens), features_VI), torch.from_numpy(lengths) if ragged else None
        y, last = kernels.run(cell, *given, start_of(cell, 7), kernel="native")
        if spoil:
            tokens[:] = 1 << 40
            lengths[:] = 1 << 40
        grads.append(torch.autograd.grad(y.square().sum() + last.h.sum(), [features_VI, *cell.parameters()]))
    assert all(map(torch.equal, *grads))


def test_numbers_that_are_negated_when_they_are_read() -> None:
    """The imaginary part of a conjugate is a view of the numbers with the other sign."""
    for name, I_SIZE, H in (("gru", 1, 19), ("lstm-peepholes", 5, 19), ("elman", 5, 1)):
        cell = cell_of(name, I_SIZE, H)
        negated = [
            torch.complex(torch.zeros_like(value), value).conj().imag
            for value in (random(7, 9, I_SIZE), *start_of(cell, 7), mask_of(cell, 7))
        ]
        assert all(value.is_neg() for value in negated)
        results = []
        for x_BTI, *start, mask_BH in (negated, [value.clone().resolve_neg() for value in negated]):
            x_BTI.requires_grad_()
            state = cell.state_type(*start)
            y, _ = kernels.run(cell, x_BTI, LENGTHS, state, recurrent_mask_BH=mask_BH, kernel="native")
            d_y = torch.complex(torch.zeros_like(y), y.detach()).conj().imag
            results.append([y, *torch.autograd.grad(y, [x_BTI, *cell.parameters()], d_y)])
        assert all(map(torch.equal, *results))


def test_outputs_may_be_changed_by_the_caller() -> None:
    """Backward keeps its own copies."""
    cell = cell_of("lstm", 5, 19)
    grads = []
    for spoil in (False, True):
        x_BTI = random(7, 9, 5).requires_grad_()
        y, last = kernels.run(cell, x_BTI, LENGTHS, start_of(cell, 7), kernel="native")
        loss = (y * random(7, 9, 19)).sum() + last.c.sum()
        if spoil:
            with torch.no_grad():
                y.fill_(float("nan"))
                last.c.fill_(float("nan"))
        grads.append(torch.autograd.grad(loss, [x_BTI, *cell.parameters()]))
    assert all(map(torch.equal, *grads))


class _Allocated(TorchDispatchMode):
    """The bytes of all tensors that are made."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor) and "empty" in func.name():
            self.bytes += made.nbytes
        return made


@pytest.mark.parametrize("name", ["elman", "gru", "lstm"])
def test_a_hundred_thousand_steps(name: str) -> None:
    """The end is what the reference loop makes of the state before it; without gradients memory stays small."""
    T, END = 100_000, 150
    cell = cell_of(name, 2, 3)
    x_BTI, start, lengths_B = random(3, T, 2), start_of(cell, 3), torch.tensor([T, T - 1, 12])
    with torch.no_grad(), _Allocated() as allocated:
        early = map_leaves(lambda leaf: leaf[:2], start)
        y_long, state = kernels.run(cell, x_BTI[:2, : T - END], None, early, kernel="native")
    assert allocated.bytes - y_long.nbytes < 2_000_000
    whole = x_BTI.clone().requires_grad_()
    y, last = kernels.run(cell, whole, lengths_B, start, kernel="native")
    assert torch.equal(y[:2, : T - END], y_long)
    assert bool((y[2, 12:] == 0).all())
    grads = torch.autograd.grad(y[:, -20:].sum() + last.h.sum(), [whole, *cell.parameters()])
    tail = x_BTI[:2, T - END :].clone().requires_grad_()
    y_tail, last_tail = kernels.run(cell, tail, lengths_B[:2] - (T - END), state, kernel="reference")
    (d_tail,) = torch.autograd.grad(y_tail[:, -20:].sum() + last_tail.h.sum(), tail)
    assert_close("outputs", y[:2, T - END :], y_tail, 1e-12)
    assert_close("gradient", grads[0][:2, T - END :], d_tail, 1e-12)
    assert all(bool(grad.isfinite().all()) for grad in grads)
    assert float(grads[0][:2, : T - 5 * END].abs().max()) < 1e-12, "what is long past has no gradient left"


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_layers_whose_passes_interleave_do_not_share_memory(name: str) -> None:
    """Large tapes are used again by later calls: only once they are done with, in whatever order that is."""
    cell = cell_of(name, 5, 70)
    inputs = [random(26, 40, 5, seed=seed) for seed in range(4)]
    lengths = [None, torch.arange(26) + 14, None, torch.arange(26, 0, -1)]

    def forward(n: int) -> tuple[Tensor, list[Tensor]]:
        x_BTI = inputs[n].clone().requires_grad_()
        y, last = kernels.run(cell, x_BTI, lengths[n], start_of(cell, 26), kernel="native")
        return y.square().sum() + last.h.sum(), [x_BTI, *cell.parameters()]

    def backward(made: tuple[Tensor, list[Tensor]], *, again: bool = False) -> list[Tensor]:
        return list(torch.autograd.grad(*made, retain_graph=again))

    apart = [backward(forward(n)) for n in range(4)]
    assert buffer_pool.idle_bytes() > 0, "these tapes are too small to be kept"
    first, second = forward(0), forward(1)
    dropped = forward(2)
    early = backward(first, again=True)
    third = forward(2)
    del dropped
    fourth = forward(3)
    results = {3: backward(fourth), 1: backward(second), 0: backward(first), 2: backward(third)}
    for n, grads in results.items():
        assert all(map(torch.equal, grads, apart[n])), f"layer {n}"
    assert all(map(torch.equal, early, apart[0]))
    assert buffer_pool.idle_bytes() <= buffer_pool.MAX_IDLE

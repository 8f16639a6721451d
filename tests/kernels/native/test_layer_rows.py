"""Rows of a layer on the native engine do not depend on each other: not in number, order, threads, NaN or padding."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from elman import kernels
from elman.kernels import Lookup
from elman.state import map_leaves

from ...contract.runs import Result
from .layers import (
    CELLS,
    Run,
    assert_same_bits,
    assert_within,
    cell_of,
    in_dtype,
    mask_of,
    needs_library,
    random,
    run,
    start_of,
)

pytestmark = needs_library

BOTH_TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
EVERY_CELL = pytest.mark.parametrize("name", CELLS)
B, T = 26, 43
LENGTHS = torch.tensor([43, 0, 18, 19, 36, 1, 37, 43, 17, 2, 0, 30, 43, *range(3, 16)])


@pytest.fixture(autouse=True)
def number_of_threads() -> Iterator[None]:
    """As many afterwards as before."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def given_for(name: str, form: str, dtype: torch.dtype) -> Run:
    """A layer of several chunks and blocks whose last ones are not full."""
    cell = cell_of(name, 5, 37, dtype)
    start = start_of(cell, B)
    if form == "tokens":
        return Run(Lookup(torch.arange(B * T).reshape(B, T) % 7, random(7, 5)), LENGTHS, start)
    mask_BH = mask_of(cell, B) if form == "ragged" and name != "mingru" else None
    return Run(random(B, T, 5), LENGTHS if form == "ragged" else None, start, mask_BH, reverse=form == "ragged")


# More threads than cores wait for each other, so not every cell comes in every form.
@pytest.mark.parametrize(
    ("name", "form", "dtype"),
    [
        *((name, "ragged", torch.float32) for name in CELLS),
        *((name, "full", torch.float32) for name in ("elman", "gru")),
        *(("lstm-peepholes", form, torch.float64) for form in ("full", "ragged")),
    ],
)
def test_any_number_of_threads_gives_the_same_bits(name: str, form: str, dtype: torch.dtype) -> None:
    cell, given = cell_of(name, 5, 37, dtype), given_for(name, form, dtype)
    torch.set_num_threads(1)
    alone = run(cell, given)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        assert_same_bits(run(cell, given), alone)


@BOTH_TYPES
@pytest.mark.parametrize("name", ["elman", "lstm"])
def test_any_number_of_threads_sums_the_features_gradients(name: str, dtype: torch.dtype) -> None:
    """The table of the input's parts is torch's product, whose last bits are another matter."""
    cell, given = cell_of(name, 5, 37, dtype), given_for(name, "tokens", dtype)
    torch.set_num_threads(1)
    alone = run(cell, given)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        assert_within(run(cell, given), alone, 1e-5 if dtype == torch.float32 else 1e-13)


def test_denormal_numbers_are_flushed_on_every_thread_or_on_none() -> None:
    """`torch.set_flush_denormal` holds for the caller; a team computes as its caller does, and then as before."""
    # A cell that is linear near zero: outputs and gradients of a few smallest numbers.
    cell = cell_of("elman", 5, 37, torch.float32)
    with torch.no_grad():
        for bias in (cell.bias_ih, cell.bias_hh):
            bias.zero_()
    tiny = Run(random(B, T, 5, dtype=torch.float32) * 1e-38, None, map_leaves(torch.zeros_like, start_of(cell, B)))
    found = {}
    try:
        for flush in (False, True, False):
            assert torch.set_flush_denormal(flush), "this processor cannot flush denormal numbers"
            for threads in (1, 2, 3):
                torch.set_num_threads(threads)
                found.setdefault(flush, run(cell, tiny))
                assert_same_bits(run(cell, tiny), found[flush])
    finally:
        torch.set_flush_denormal(False)
    assert not torch.equal(found[False].y, found[True].y), "there are no denormal numbers in this layer"


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_threads_without_a_tape_do_not_meet(ragged: bool) -> None:
    """Without gradients all chunks share one place; a thread may be a chunk ahead of another."""
    cell = cell_of("lstm", 5, 130, torch.float32)
    x_BTI = random(16, 200, 5, dtype=torch.float32)
    lengths_B = torch.arange(200, 184, -1) if ragged else None
    with torch.no_grad():
        torch.set_num_threads(1)
        alone, _ = kernels.run(cell, x_BTI, lengths_B, start_of(cell, 16), kernel="native")
        for threads in (2, 3, 2, 3, 2, 3):
            torch.set_num_threads(threads)
            y, _ = kernels.run(cell, x_BTI, lengths_B, start_of(cell, 16), kernel="native")
            assert torch.equal(y, alone), f"{threads} threads: {int((y != alone).sum())} numbers differ"


@BOTH_TYPES
@EVERY_CELL
def test_a_row_alone_has_the_bits_that_it_has_among_others(name: str, dtype: torch.dtype) -> None:
    torch.set_num_threads(1)
    cell, given = cell_of(name, 5, 37, dtype), given_for(name, "ragged", dtype)
    assert not isinstance(given.x, Lookup)
    assert given.lengths_B is not None
    assert given.start is not None
    together = run(cell, given)
    for b in (0, 1, 3, 5, 12, 25):
        length = int(LENGTHS[b])
        row = Run(
            given.x[b : b + 1],
            given.lengths_B[b : b + 1],
            map_leaves(lambda leaf, b=b: leaf[b : b + 1], given.start),
            None if given.mask_BH is None else given.mask_BH[b : b + 1],
            given.reverse,
        )
        alone = run(cell, row)
        assert torch.equal(alone.y[0], together.y[b])
        for leaf, tensor in alone.final.items():
            assert torch.equal(tensor[0], together.final[leaf][b])
        if length:
            short = run(cell, row._replace(x=given.x[b : b + 1, :length], lengths_B=None))
            assert torch.equal(short.y[0], together.y[b, :length])


def spoilt_rows(clean: Result, dirty: Result, bad: int, rows: int) -> None:
    """Raise AssertionError unless every row but `bad` has the same bits, in outputs, states and gradients by row."""
    others = [row for row in range(rows) if row != bad]
    assert torch.equal(dirty.y[others], clean.y[others])
    for leaf, tensor in dirty.final.items():
        assert torch.equal(tensor[others], clean.final[leaf][others]), leaf
    for name, grad in dirty.grads.items():
        if name == "x" or name.startswith("start."):
            assert torch.equal(grad[others], clean.grads[name][others]), name
            assert bool(clean.grads[name][others].isfinite().all())


@BOTH_TYPES
@EVERY_CELL
@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_in_its_row(name: str, dtype: torch.dtype, poison: float) -> None:
    """On the way forward and back, wherever it enters: a step of the input, the start, the mask."""
    torch.set_num_threads(1)
    cell = cell_of(name, 5, 37, dtype)
    x_BTI, start = random(9, 8, 5), start_of(cell, 9)
    mask_BH = None if name == "mingru" else mask_of(cell, 9)
    for lengths_B in (None, torch.tensor([8, 3, 5, 0, 8, 1, 2, 8, 7])):
        given = Run(x_BTI, lengths_B, start, mask_BH)
        clean = run(cell, given)
        spoilt = x_BTI.clone()
        spoilt[4, 2, 1] = poison
        dirty = run(cell, given._replace(x=spoilt))
        spoilt_rows(clean, dirty, 4, 9)
        assert torch.equal(dirty.y[4, :2], clean.y[4, :2]), "it reached an earlier step"
        bad_start = map_leaves(lambda leaf: leaf.index_fill(0, torch.tensor([4]), poison), start)
        spoilt_rows(clean, run(cell, given._replace(start=bad_start)), 4, 9)
        if mask_BH is not None:
            bad_mask = mask_BH.index_fill(0, torch.tensor([4]), poison)
            spoilt_rows(clean, run(cell, given._replace(mask_BH=bad_mask)), 4, 9)


@EVERY_CELL
def test_nan_gives_nan(name: str) -> None:
    """No function makes a number of it: from the step on, where it enters, the whole row is NaN."""
    cell = cell_of(name, 5, 37, torch.float32)
    x_BTI = random(3, 6, 5, dtype=torch.float32)
    x_BTI[1, 2, 3] = float("nan")
    y, _ = kernels.run(cell, x_BTI, None, start_of(cell, 3), kernel="native")
    assert bool(y[1, 2:].isnan().all())
    assert not bool(y[[0, 2]].isnan().any())
    assert not bool(y[1, :2].isnan().any())


@EVERY_CELL
@pytest.mark.parametrize("form", ["product", "tokens"])
def test_padding_reaches_no_number(name: str, form: str) -> None:
    """Forward, backward and in the weights' gradients, in features and in the gradients of padded outputs."""
    torch.set_num_threads(2)
    cell = cell_of(name, 5, 37, torch.float32)
    lengths_B = torch.tensor([8, 3, 5, 0, 8, 1, 2, 8, 7])
    padding_BT = torch.arange(8) >= lengths_B[:, None]
    tokens_BT = torch.where(padding_BT, 3, torch.arange(72).reshape(9, 8) % 3)
    results = []
    for garbage in (0.0, float("nan")):
        source = random(4, 5, dtype=torch.float32) if form == "tokens" else random(9, 8, 5, dtype=torch.float32)
        if form == "tokens":
            # Not NaN: the table's own product multiplies it with a gradient of zero.
            source[3] = 0.0 if garbage == 0.0 else 1e30
        else:
            source[padding_BT] = garbage
        source.requires_grad_()
        x = Lookup(tokens_BT, source) if form == "tokens" else source
        y, last = kernels.run(cell, x, lengths_B, start_of(cell, 9), kernel="native")
        weights = random(9, 8, 37, seed=5, dtype=torch.float32)
        weights[padding_BT] = garbage
        y.backward(weights, retain_graph=True, inputs=[source, *cell.parameters()])
        grads = [parameter.grad for parameter in cell.parameters()]
        results.append([y.detach(), *(leaf.detach() for leaf in last), source.grad, *grads])
        cell.zero_grad(set_to_none=True)
    for one, other in zip(*results, strict=True):
        assert one is not None
        assert other is not None
        if form == "tokens" and one.shape == (4, 5):
            one, other = one[:3], other[:3]
        assert bool(one.isfinite().all())
        assert torch.equal(one, other)


@BOTH_TYPES
def test_numbers_too_small_to_be_normal(dtype: torch.dtype) -> None:
    """They are neither lost nor slowly turned into something else: a linear cell keeps them."""
    torch.set_num_threads(1)
    tiny = torch.finfo(dtype).tiny
    exact = cell_of("elman-relu", 5, 21, bias=False)
    with torch.no_grad():
        for parameter in exact.parameters():
            parameter.abs_().mul_(0.3)
    cell = in_dtype(exact, dtype)
    x_BTI = (random(4, 3, 5).abs() * tiny / 64).to(dtype)
    assert bool((x_BTI < tiny).all())
    scale = 2.0**100
    with torch.no_grad():
        y, _ = kernels.run(cell, x_BTI, None, cell.initial_state(4), kernel="native")
        truth, _ = kernels.run(exact, x_BTI.double() * scale, None, exact.initial_state(4), kernel="reference")
    # Each of the 26 products of a step may lose half of the smallest number there is.
    smallest = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
    assert bool((y > 0).any())
    assert float((y.double() * scale - truth).abs().max()) <= 3 * 27 * smallest * scale


def test_two_threads_of_the_caller() -> None:
    """Each of them runs layers with its own team of threads."""
    torch.set_num_threads(2)
    work = [(name, form) for form in ("full", "ragged") for name in ("lstm", "gru", "elman", "lstm-peepholes")]
    cells = {name: cell_of(name, 5, 37, torch.float32) for name, _ in work}
    inputs = {key: given_for(*key, torch.float32) for key in work}
    expected = {key: run(cells[key[0]], inputs[key]) for key in work}

    def rounds(offset: int) -> None:
        for n in range(3 * len(work)):
            key = work[(n + offset) % len(work)]
            assert_same_bits(run(cells[key[0]], inputs[key]), expected[key])

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(rounds, offset) for offset in (0, 3, 5)]:
            done.result()


def test_backward_twice_gives_the_same_twice() -> None:
    """The first time leaves gradients where forward had left what it needs."""
    cell = cell_of("gru", 5, 37)
    given = given_for("gru", "ragged", torch.float64)
    x_BTI = random(B, T, 5).requires_grad_()
    y, _ = kernels.run(cell, x_BTI, LENGTHS, given.start, kernel="native")
    inputs = [x_BTI, *cell.parameters()]
    first, second, third = (torch.autograd.grad(y.square().sum(), inputs, retain_graph=True) for _ in range(3))
    for one, other, another in zip(first, second, third, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, another)

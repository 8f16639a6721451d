"""Products of bfloat16 numbers under autocast, where the CPU has them.

Such a number keeps 8 bits, so rounding to it changes a value by at most U = 2^-9 of its size. The sums are float32's.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from elman import kernels
from elman.cells import Cell
from elman.kernels import Lookup
from elman.kernels.native import library

from ...contract.runs import Result
from .layers import (
    CELLS,
    Run,
    assert_same_bits,
    cell_of,
    in_dtype,
    mask_of,
    matched,
    needs_library,
    random,
    run,
    start_of,
)

if library.why_not() is None:
    from elman.kernels.native.layer import has_half_products

    _LACKING = not has_half_products()
else:
    _LACKING = True

pytestmark = [
    needs_library,
    pytest.mark.skipif(_LACKING, reason="this CPU has no products of bfloat16 numbers (avx512_bf16)"),
    pytest.mark.usefixtures("one_thread"),
]

U = 2.0**-9
LENGTHS = torch.tensor([9, 4, 0, 6, 9, 1, 5])


def half_run(cell: Cell, given: Run, kernel: str = "native") -> Result:
    """A run under autocast."""
    with torch.autocast("cpu", torch.bfloat16):
        return run(cell, given, kernel)


@pytest.fixture
def positive() -> tuple[Cell, Tensor]:
    """A ReLU cell and inputs without a negative number: every result is a sum of products of positive numbers."""
    cell = cell_of("elman-relu", 35, 33, torch.float32)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.abs_().mul_(0.5)
    return cell, random(7, 6, 35, dtype=torch.float32).abs()


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_positive_sums_keep_the_bits_that_bfloat16_has(positive: tuple[Cell, Tensor], ragged: bool) -> None:
    """A bound without a guess. A term of a result has at most 2 (T + 1) factors that were rounded on the way forward
    and as many on the way back; a sum of terms of one sign is no more wrong, relatively, than the worst of them."""
    cell, x_BTI = positive
    T = 6
    lengths_B = torch.tensor([6, 2, 0, 5, 6, 1, 3]) if ragged else None
    exact = in_dtype(cell, torch.float64)
    rounded: list[float] = []
    for one, kernel in ((cell, "native"), (exact, "reference")):
        x = x_BTI.to(one.weight_ih.dtype).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=kernel == "native"):
            y, last = kernels.run(one, x, lengths_B, one.initial_state(7), kernel=kernel)
        grads = torch.autograd.grad(y.sum() + last.h.sum(), [x, *one.parameters()])
        tensors = [y.detach(), last.h.detach(), *grads]
        if kernel == "native":
            got = tensors
    bound = (1 + U) ** (4 * (T + 1)) - 1 + 1e-5
    for tensor, truth in zip(got, tensors, strict=True):
        assert tensor.dtype == torch.float32
        error = ((tensor.double() - truth).abs() / truth.abs().clamp(min=1e-30)).max().item()
        assert error <= bound, f"{error:.3g} of the value, allowed {bound:.3g}"
        rounded.append(error)
    assert max(rounded) > U / 8, "nothing was rounded: these were no products of bfloat16 numbers"


def assert_no_less_exact(name: str, I_SIZE: int, H: int, given: Callable[[Cell, int], Run]) -> None:
    """Raise AssertionError where the error, as a root mean square over some draws, is above the loop's under autocast.

    The loop rounds the same factors and also every sum: we are at 0.4 to 0.8 of its error. The rest is for luck.
    """
    squares: dict[str, list[float]] = {}
    for seed in range(6):
        cell = cell_of(name, I_SIZE, H, torch.float32, seed=seed)
        case = given(cell, seed)
        exact = run(in_dtype(cell, torch.float64), case, "reference")
        for what, ours, loops, truth in matched(half_run(cell, case), half_run(cell, case, "reference"), exact):
            assert ours.dtype == torch.float32
            assert bool(ours.isfinite().all()), what
            sums = squares.setdefault(what, [0.0, 0.0])
            for n, part in enumerate((ours, loops)):
                sums[n] += (part.double() - truth).square().sum().item()
    for what, (ours, loops) in squares.items():
        assert ours <= 1.25**2 * loops, f"{what}: {(ours / loops) ** 0.5:.2f} of the loop's error"


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
# Not ReLU: at its kink the least rounding turns a gradient on or off. It has its bound above.
@pytest.mark.parametrize("name", sorted(CELLS.keys() - {"elman-relu"}))
@pytest.mark.parametrize(("I_SIZE", "H"), [(5, 19), (34, 50)])
def test_no_less_exact_than_the_loop_under_autocast(name: str, I_SIZE: int, H: int, ragged: bool) -> None:
    """Odd and even sizes, an odd number of rows, masks, both directions."""

    def given(cell: Cell, seed: int) -> Run:
        mask_BH = mask_of(cell, 7) if ragged and name != "mingru" else None
        x_BTI = random(7, 9, I_SIZE, seed=seed)
        return Run(x_BTI, LENGTHS if ragged else None, start_of(cell, 7, seed), mask_BH, reverse=seed % 2 == 1)

    assert_no_less_exact(name, I_SIZE, H, given)


@pytest.mark.parametrize("name", ["elman", "gru", "lstm", "mingru"])
def test_many_rows_of_few_steps(name: str) -> None:
    """Here a product runs along the rows of a step, not along the steps of a row."""
    assert_no_less_exact(
        name, 5, 19, lambda cell, seed: Run(random(401, 3, 5, seed=seed), None, start_of(cell, 401), reverse=True)
    )


def test_everything_but_the_products_stays_float32() -> None:
    """With weights of zero nothing is rounded: the state passes through many steps as it is."""
    cell = cell_of("lstm", 5, 19, torch.float32)
    plain = run(cell, Run(random(7, 9, 5), None, start_of(cell, 7)))
    with torch.no_grad():
        cell.weight_ih.zero_()
        cell.weight_hh.zero_()
    given = Run(random(7, 9, 5), LENGTHS, start_of(cell, 7))
    zero, half = run(cell, given), half_run(cell, given)
    assert torch.equal(zero.y, half.y)
    assert torch.equal(zero.final["c"], half.final["c"])
    assert not torch.equal(plain.y, zero.y)


def test_float64_weights_stay_float64() -> None:
    cell = cell_of("gru", 5, 19)
    given = Run(random(7, 9, 5), LENGTHS, start_of(cell, 7))
    assert_same_bits(half_run(cell, given), run(cell, given))


@pytest.mark.parametrize("V", [5, 80])
def test_lookups_and_gradients_of_features(V: int) -> None:
    tokens_BT = torch.arange(63).reshape(7, 9) % V
    assert_no_less_exact(
        "gru", 6, 19, lambda cell, seed: Run(Lookup(tokens_BT, random(V, 6, seed=seed)), LENGTHS, start_of(cell, 7))
    )


@pytest.mark.parametrize("name", ["elman", "gru", "lstm-peepholes", "mingru"])
def test_any_number_of_threads_gives_the_same_bits_in_halves(name: str) -> None:
    cell = cell_of(name, 5, 37, torch.float32)
    lengths_B = torch.tensor([43, 0, 18, 19, 36, 1, 37, 43, 17, 2, 0, 30, 43, *range(3, 15)])
    for lengths in (lengths_B, None):
        given = Run(random(25, 43, 5), lengths, start_of(cell, 25))
        torch.set_num_threads(1)
        alone = half_run(cell, given)
        for threads in (2, 3):
            torch.set_num_threads(threads)
            assert_same_bits(half_run(cell, given), alone)


def test_what_is_not_a_number_stays_in_its_row() -> None:
    """Rows share Numbers in the weights' gradients alone."""
    cell = cell_of("gru", 5, 19, torch.float32)
    given = Run(random(7, 9, 5), LENGTHS, start_of(cell, 7))
    clean = half_run(cell, given)
    spoilt = random(7, 9, 5)
    spoilt[3, 1, 2] = float("nan")
    dirty = half_run(cell, given._replace(x=spoilt))
    others = [0, 1, 2, 4, 5, 6]
    assert torch.equal(dirty.y[others], clean.y[others])
    assert torch.equal(dirty.grads["x"][others], clean.grads["x"][others])
    assert bool(dirty.y[3, 1:6].isnan().all())


@pytest.mark.parametrize("B", [1, 2, 7])
@pytest.mark.parametrize("name", ["lstm-both", "gru", "mingru"])
@pytest.mark.usefixtures("nan_in_new_memory")
def test_every_number_is_written_in_halves(name: str, B: int) -> None:
    cell = cell_of(name, 5, 19, torch.float32)
    mask_BH = None if name == "mingru" else mask_of(cell, B)
    for lengths_B in (None, LENGTHS[:B]):
        for what, tensor in matched(half_run(cell, Run(random(B, 9, 5), lengths_B, None, mask_BH))):
            assert bool(tensor.isfinite().all()), what

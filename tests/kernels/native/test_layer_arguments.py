"""What a layer of the native engine is given: what fits in any form, and what does not fit and is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.func import functional_call

from elman import kernels
from elman.errors import DataError, KernelUnavailableError, ShapeError
from elman.kernels import Lookup
from elman.nn import Unroll

from .layers import (
    Run,
    assert_equal_to_reference,
    assert_within,
    cell_of,
    mask_of,
    needs_library,
    random,
    run,
    start_of,
)

pytestmark = [needs_library, pytest.mark.usefixtures("one_thread")]


@pytest.mark.parametrize("token", [-1, 4])
def test_a_token_that_the_features_lack_is_refused(token: int) -> None:
    cell = cell_of("gru", 6, 9)
    with pytest.raises(DataError, match=rf"expected tokens from 0 to 3\. Received: .*{token}"):
        kernels.run(
            cell,
            Lookup(torch.tensor([[0, 1, 2, 3, token]]), random(4, 6)),
            None,
            cell.initial_state(1),
            kernel="native",
        )


@pytest.mark.parametrize("V", [4, 60])
def test_tokens_in_the_padding_may_be_anything(V: int) -> None:
    """As padding is often marked by -1 or -100."""
    cell = cell_of("gru", 6, 9)
    lengths_B = torch.tensor([3, 7, 0, 1, 5])
    tokens_BT = torch.arange(35).reshape(5, 7) % V
    marked_BT = tokens_BT.masked_fill(torch.arange(7) >= lengths_B[:, None], -100)
    for kernel in ("native", "reference"):
        given = Run(Lookup(tokens_BT, random(V, 6)), lengths_B, start_of(cell, 5))
        marked = given._replace(x=Lookup(marked_BT, random(V, 6)))
        assert_within(run(cell, marked, kernel), run(cell, given, kernel), 1e-13)


def test_what_does_not_fit_is_refused_before_any_memory_is_read() -> None:
    """The engine reads by pointer: a start, a mask or an input of another size would be read past its end."""
    cell = cell_of("lstm", 3, 5)
    x_BTI, start = random(4, 6, 3), start_of(cell, 4)
    spoilt: list[tuple[Any, Any, Any]] = [
        (x_BTI[..., :2], start, None),
        (random(4, 6, 4), start, None),
        (x_BTI, start_of(cell, 3), None),
        (x_BTI, start_of(cell_of("lstm", 3, 4), 4), None),
        (x_BTI, start, torch.ones(4, 4, dtype=torch.float64)),
        (x_BTI, start, torch.ones(3, 5, dtype=torch.float64)),
        (Lookup(torch.arange(24).reshape(4, 6), random(24, 4)), start, None),
    ]
    for x, begin, mask_BH in spoilt:
        with pytest.raises(ShapeError, match=r"expected .*Received"):
            kernels.run(cell, x, None, begin, recurrent_mask_BH=mask_BH, kernel="native")


@pytest.mark.parametrize("name", ["weight_ih", "bias_ih", "weight_hh", "bias_hh", "peephole_f"])
def test_weights_that_do_not_fit_are_refused(name: str) -> None:
    """Of another type, another size, or elsewhere than in this memory."""
    cell = cell_of("lstm-peepholes", 3, 5)
    x_BTI, start = random(4, 6, 3), start_of(cell, 4)
    right = getattr(cell, name).detach()
    wrongs = [right.float(), right.to("meta"), right[:-1]]
    for wrong in wrongs if name != "peephole_f" else wrongs[:2]:
        with pytest.raises((ShapeError, KernelUnavailableError), match=r"expected|cannot run"):
            functional_call(Unroll(cell, kernel="native"), {f"cell.{name}": wrong}, (x_BTI, None, start))
    assert kernels.why_not(cell)["native"] is None, "what was wrong for a moment is remembered"
    assert kernels.why_not(cell_of("lstm-peepholes", 3, 5))["native"] is None


def test_in_inference_mode() -> None:
    cell = cell_of("gru", 3, 5)
    x_BTI, start = random(4, 6, 3), start_of(cell, 4)
    with torch.inference_mode():
        y, last = kernels.run(cell, x_BTI, None, start, kernel="native")
        again, _ = kernels.run(cell, y[..., :3], None, last, kernel="native")
    assert torch.equal(y, run(cell, Run(x_BTI, None, start)).y)
    assert bool(again.isfinite().all())


def test_a_mask_for_all_rows_is_each_rows_mask() -> None:
    cell = cell_of("gru", 3, 5)
    mask_BH = mask_of(cell, 1)
    given = Run(random(9, 6, 3), None, start_of(cell, 9), mask_BH)
    assert_within(run(cell, given), run(cell, given._replace(mask_BH=mask_BH.repeat(9, 1)), "reference"), 1e-12)
    assert_equal_to_reference(cell, given)


def test_a_mask_that_wants_a_gradient_gets_it_from_another_kernel() -> None:
    cell = cell_of("gru", 3, 5)
    x, mask_BH = random(2, 6, 3), mask_of(cell, 2).requires_grad_()
    with pytest.raises(KernelUnavailableError, match="no gradient"):
        kernels.run(cell, x, None, cell.initial_state(2), recurrent_mask_BH=mask_BH, kernel="native")
    y, _ = kernels.run(cell, x, None, cell.initial_state(2), recurrent_mask_BH=mask_BH)
    y.square().sum().backward()
    assert mask_BH.grad is not None
    assert float(mask_BH.grad.abs().max()) > 0
    with torch.no_grad():
        kernels.run(cell, x, None, cell.initial_state(2), recurrent_mask_BH=mask_BH, kernel="native")


def test_a_linear_cell_has_no_recurrent_mask() -> None:
    cell = cell_of("mingru", 3, 5)
    with pytest.raises(KernelUnavailableError, match="no recurrent dropout"):
        kernels.run(cell, random(4, 6, 3), None, start_of(cell, 4), recurrent_mask_BH=torch.ones(4, 5), kernel="native")


def test_weights_in_any_layout() -> None:
    """A transposed or gapped matrix, as functional_call may put in the place of a weight."""
    cell = cell_of("gru", 6, 9)
    x_BTI, start = random(5, 7, 6), start_of(cell, 5)
    expected = run(cell, Run(x_BTI, None, start))
    for name, parameter in list(cell.named_parameters()):
        wide = torch.full((*parameter.shape, 2), float("nan"), dtype=parameter.dtype)
        wide[..., 0] = parameter.detach()
        parameter.data = wide[..., 0]
        assert not getattr(cell, name).is_contiguous()
    assert_within(run(cell, Run(x_BTI, None, start)), expected, 0.0)

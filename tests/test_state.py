"""States as values: walking over them, detaching them, resetting rows."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from elman.state import IGNORE_INDEX, Batch, detach, leaves, map_leaves, named_leaves, reset_rows


class Pair(NamedTuple):
    h: Tensor
    c: Tensor


def nested() -> tuple[tuple[Pair, ...], ...]:
    def leaf(value: float) -> Tensor:
        return torch.full((3, 2), value)

    return ((Pair(leaf(0.0), leaf(1.0)), Pair(leaf(2.0), leaf(3.0))), (Pair(leaf(4.0), leaf(5.0)),))


def test_leaves_come_in_order_with_their_names() -> None:
    names = [name for name, _ in named_leaves(nested())]
    assert names == ["0.0.h", "0.0.c", "0.1.h", "0.1.c", "1.0.h", "1.0.c"]
    assert [float(leaf[0, 0]) for leaf in leaves(nested())] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert next(iter(named_leaves(torch.ones(1))))[0] == ""


def test_mapping_keeps_the_structure_and_the_names_of_fields() -> None:
    added = map_leaves(lambda one, other: one + other, nested(), nested())
    assert type(added[0][1]) is Pair
    assert [float(leaf[0, 0]) for leaf in leaves(added)] == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    with pytest.raises(ValueError, match="shorter"):
        map_leaves(lambda one, other: one, nested(), nested()[:1])


def test_a_detached_state_has_the_same_numbers_and_no_history() -> None:
    state = Pair(torch.ones(2, 1, requires_grad=True) * 2, torch.zeros(2, 1))
    free = detach(state)
    assert not free.h.requires_grad
    assert torch.equal(free.h, state.h)


def test_only_fresh_rows_begin_again() -> None:
    initial = map_leaves(lambda leaf: torch.full_like(leaf, -1.0), nested())
    reset_B = torch.tensor([False, True, False])
    for old, new in zip(leaves(nested()), leaves(reset_rows(nested(), reset_B, initial)), strict=True):
        assert torch.equal(new[[0, 2]], old[[0, 2]])
        assert (new[1] == -1.0).all()
    state = nested()
    assert reset_rows(state, None, initial) is state


def test_rows_begin_again_in_leaves_of_any_rank_type_and_device() -> None:
    state = Pair(torch.ones(2, 3, 4, dtype=torch.bfloat16), torch.ones(2))
    initial = Pair(torch.zeros(2, 3, 4), torch.zeros(2))
    fresh = reset_rows(state, torch.tensor([True, False]), initial)
    assert fresh.h.dtype == torch.bfloat16
    assert fresh.h.float().sum((1, 2)).tolist() == [0.0, 12.0]
    assert fresh.c.tolist() == [0.0, 1.0]
    elsewhere = Pair(torch.ones(2, 3, device="meta"), torch.ones(2, device="meta"))
    assert reset_rows(elsewhere, torch.tensor([True, False]), elsewhere).h.device.type == "meta"


def test_a_learnt_start_gets_gradient_through_fresh_rows() -> None:
    start = torch.zeros(1, requires_grad=True)
    fresh = reset_rows((torch.ones(3, 1),), torch.tensor([True, False, True]), (start.expand(3, 1),))
    fresh[0].sum().backward()
    assert start.grad is not None
    assert start.grad.item() == 2.0


def test_a_batch_has_whole_rows_unless_it_says_otherwise() -> None:
    batch = Batch(torch.zeros(1, 1), torch.zeros(1, 1))
    assert batch.lengths_B is None
    assert batch.reset_B is None
    loss = torch.nn.functional.cross_entropy(torch.zeros(1, 3), torch.tensor([IGNORE_INDEX]), reduction="sum")
    assert float(loss) == 0.0, "torch ignores this very number when nobody says otherwise"

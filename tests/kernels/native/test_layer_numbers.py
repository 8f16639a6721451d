"""Layers of the native engine against the reference loop: cells, sizes, options, kinds of input, parts of gradients."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman import kernels
from elman.cells import Cell
from elman.cells.cell import ElementwiseCell, HiddenState
from elman.kernels import Lookup, Step
from elman.state import named_leaves

from ...contract.runs import assert_close
from .layers import (
    CELLS,
    Run,
    assert_equal_to_reference,
    cell_of,
    in_dtype,
    loss_of,
    mask_of,
    needs_library,
    random,
    run,
    start_of,
)

pytestmark = [needs_library, pytest.mark.usefixtures("one_thread")]

BOTH_TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
EVERY_CELL = pytest.mark.parametrize("name", CELLS)


@st.composite
def layers(draw: st.DrawFn) -> tuple[Cell, Run]:
    """Any cell with any of the options, of sizes about the edges of vectors, panels and blocks."""
    name = draw(st.sampled_from(sorted(CELLS)))
    size = st.one_of(st.integers(1, 70), st.sampled_from([1, 15, 16, 17, 33, 64, 65]))
    H, I_SIZE = draw(size), draw(size)
    B, T = draw(st.sampled_from([1, 2, 3, 7, 8, 13, 26])), draw(st.integers(1, 9))
    options = {"bias": draw(st.booleans()), "learn_initial_state": draw(st.booleans())}
    cell = cell_of(name, I_SIZE, H, draw(st.sampled_from([torch.float32, torch.float64])), **options)
    seed = draw(st.integers(0, 99))
    lengths = draw(st.one_of(st.none(), st.lists(st.integers(0, T), min_size=B, max_size=B)))
    x: Tensor | Lookup = random(B, T, I_SIZE, seed=seed)
    if draw(st.booleans()):
        V = draw(st.integers(1, 2 * B * T))
        tokens_BT = torch.randint(V, (B, T), generator=torch.Generator().manual_seed(seed))
        x = Lookup(tokens_BT, random(V, I_SIZE, seed=seed))
    masked = name != "mingru" and draw(st.booleans())
    return cell, Run(
        x,
        None if lengths is None else torch.tensor(lengths),
        None if options["learn_initial_state"] else start_of(cell, B),
        mask_of(cell, B) if masked else None,
        draw(st.booleans()),
        draw(st.sampled_from(["y", "final", "both"])),
    )


@given(layer=layers())
@settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_any_layer_is_the_reference_loop(layer: tuple[Cell, Run]) -> None:
    assert_equal_to_reference(*layer)


@BOTH_TYPES
@EVERY_CELL
@pytest.mark.parametrize("reverse", [False, True], ids=["onwards", "backwards"])
def test_ragged_rows_over_several_chunks(name: str, dtype: torch.dtype, reverse: bool) -> None:
    """600 rows of a chunk: with 26 rows a chunk has 18 steps. The masks and the start enter in every chunk."""
    cell = cell_of(name, 5, 21, dtype)
    lengths_B = torch.tensor([43, 0, 18, 19, 36, 1, 37, 43, 17, 2, 0, 30, 43, *range(3, 16)])
    mask_BH = None if name == "mingru" else mask_of(cell, 26)
    assert_equal_to_reference(cell, Run(random(26, 43, 5), lengths_B, start_of(cell, 26), mask_BH, reverse))


@BOTH_TYPES
@EVERY_CELL
def test_more_rows_than_a_chunk_has(name: str, dtype: torch.dtype) -> None:
    cell = cell_of(name, 3, 7, dtype)
    assert_equal_to_reference(cell, Run(random(1303, 3, 3), None, start_of(cell, 1303)))


@EVERY_CELL
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_large_inputs_are_as_exact_as_torch_makes_them(name: str, ragged: bool) -> None:
    cell = cell_of(name, 40, 37, torch.float32)
    lengths_B = torch.tensor([12, 3, 0, 7, 12]) if ragged else None
    judge = "torch" if kernels.why_not(cell)["torch"] is None else "reference"
    given = Run(10 * random(5, 12, 40), lengths_B, start_of(cell, 5))
    exact = run(in_dtype(cell, torch.float64), given, "reference")
    got, single = run(cell, given), run(cell, given, judge)
    for part in ("final", "grads"):
        for key, truth in getattr(exact, part).items():
            error, allowed = (
                (getattr(result, part)[key].double() - truth).abs().max().item() for result in (got, single)
            )
            size = max(1.0, truth.abs().max().item())
            assert error <= 4 * allowed + 1e-6 * size, f"{part} {key}: {error:.3g}, {judge} {allowed:.3g}"


@pytest.mark.parametrize("name", ["elman", "gru", "lstm"])
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_long_sums_are_as_exact_as_torchs(name: str, ragged: bool) -> None:
    """A weight's gradient is a sum over 6,400 steps: added up one by one it would be ten times as wrong."""
    cell = cell_of(name, 20, 24, torch.float32)
    lengths_B = 400 - 7 * torch.arange(16) if ragged else None
    given = Run(random(16, 400, 20), lengths_B, start_of(cell, 16))
    exact = run(in_dtype(cell, torch.float64), given, "reference")
    got, single = run(cell, given), run(cell, given, "torch")
    for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        truth = exact.grads[key]
        error, allowed = ((result.grads[key] - truth).square().mean().sqrt().item() for result in (got, single))
        floor = 2e-7 * truth.square().mean().sqrt().item()
        assert error <= 4 * allowed + floor, f"{key}: {error:.3g}, torch {allowed:.3g}"


class _Shaped(ElementwiseCell):
    """A cell whose input's part is more than a product, and whose equations use one block of it twice and one never."""

    name: ClassVar[str] = "shaped"
    summary: ClassVar[str] = "for tests"
    equations: ClassVar[str] = "for tests"
    paper: ClassVar[str] = "for tests"

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("a", "b", "c"), **options)
        self.slope = torch.nn.Parameter(torch.full((1,), 0.3))
        self.gain = torch.nn.Parameter(torch.linspace(-1, 1, hidden_size))
        self.reset_parameters()

    def project(self, x_BTI: Tensor) -> Tensor:
        return torch.tanh(super().project(x_BTI)) * 2

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        p_a, _, p_c = p_BG.chunk(3, dim=-1)
        u_a, u_b, _ = u_BG.chunk(3, dim=-1)
        h = torch.tanh(p_a + u_a) * self.gain + torch.sigmoid(u_b) * state.h * self.slope + p_c
        return Step(h * self.slope, HiddenState(h), {})


class _OwnProduct(_Shaped):
    """The same with the plain product."""

    def project(self, x_BTI: Tensor) -> Tensor:
        return super(_Shaped, self).project(x_BTI)


@BOTH_TYPES
@pytest.mark.parametrize("kind", [_Shaped, _OwnProduct], ids=["ready", "product"])
@pytest.mark.parametrize("form", ["x", "few tokens", "many tokens"])
def test_a_cell_with_a_part_of_its_own(kind: type[Cell], form: str, dtype: torch.dtype) -> None:
    """Gates without a slot get a gradient of zero; the output is no leaf; parameters have 1 number and H."""
    torch.manual_seed(3)
    double = kind(6, 19).double()
    cell = kind(6, 19)
    cell.load_state_dict(double.state_dict())
    cell.to(dtype)
    if kernels.why_not(cell)["native"] is not None:
        pytest.skip(f"{kernels.why_not(cell)['native']}")
    lengths_B = torch.tensor([9, 4, 0, 6, 9, 1, 5, 2])
    x: Tensor | Lookup = random(8, 9, 6)
    if form != "x":
        V = 4 if form == "few tokens" else 90
        x = Lookup(torch.arange(72).reshape(8, 9) % V, random(V, 6))
    given = Run(x, lengths_B, start_of(cell, 8), mask_of(cell, 8), reverse=True)
    got, single, exact = run(cell, given), run(cell, given, "reference"), run(double, given, "reference")
    assert bool((got.grads["weight_hh"][38:] == 0).all())
    for part in ("final", "grads"):
        for key, truth in getattr(exact, part).items():
            error = (getattr(got, part)[key] - truth).abs().max().item()
            allowed = 4 * (getattr(single, part)[key] - truth).abs().max().item()
            floor = (1e-6 if dtype == torch.float32 else 1e-12) * max(1.0, truth.abs().max().item())
            assert error <= allowed + floor, f"{part} {key}: {error:.3g}"
    assert_close("outputs", got.y, exact.y, 2e-6 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("V", [1, 7, 34, 35, 36, 200])
@pytest.mark.parametrize("name", ["elman", "gru", "lstm", "mingru"])
def test_lookups_give_the_features_their_gradients(name: str, V: int) -> None:
    """About V = B x T, where the table of the input's parts gives way to the product."""
    cell = cell_of(name, 6, 9)
    tokens_BT = torch.randint(V, (5, 7), generator=torch.Generator().manual_seed(V))
    for lengths_B in (None, torch.tensor([3, 7, 0, 1, 5])):
        given = Run(Lookup(tokens_BT, random(V, 6)), lengths_B, start_of(cell, 5))
        got = assert_equal_to_reference(cell, given)
        unused = set(range(V)) - set(tokens_BT.flatten().tolist())
        assert all(bool((got.grads["x"][token] == 0).all()) for token in unused)


# What gets a gradient, of: x, the start, the weights.
WISHES = {
    "weights alone": {"weight_ih", "weight_hh", "bias_ih", "bias_hh"},
    "x alone": {"x"},
    "start alone": {"start.h"},
    "one leaf": {"start.c", "weight_hh"},
    "one weight": {"weight_ih"},
    "the past's weight": {"weight_hh"},
    "the input's bias": {"bias_ih"},
    "the past's bias": {"bias_hh"},
    "a peephole": {"peephole_f"},
}


@pytest.mark.parametrize("losses", ["y", "final", "both"])
@pytest.mark.parametrize("wished", WISHES.values(), ids=list(WISHES))
def test_only_what_is_wanted_gets_a_gradient(wished: set[str], losses: str) -> None:
    """Frozen weights, an x without gradient, and a loss of some of what comes out."""
    cell = cell_of("lstm-peepholes", 5, 18)
    lengths_B = torch.tensor([6, 2, 0, 4, 5])
    whole = run(cell, Run(random(5, 6, 5), lengths_B, start_of(cell, 5), losses=losses), "reference")
    x_BTI = random(5, 6, 5).requires_grad_("x" in wished)
    start = start_of(cell, 5)
    named = dict(cell.named_parameters())
    for name, parameter in named.items():
        parameter.requires_grad_(name in wished)
    for name, leaf in named_leaves(start):
        leaf.requires_grad_(f"start.{name}" in wished)
    y, last = kernels.run(cell, x_BTI, lengths_B, start, kernel="native")
    final = dict(named_leaves(last))
    loss_of(y, final, losses).backward()
    found = {"x": x_BTI, **named, **{f"start.{name}": leaf for name, leaf in named_leaves(start)}}
    for name, tensor in found.items():
        if name in wished:
            assert tensor.grad is not None, name
            assert_close(name, tensor.grad, whole.grads[name], 1e-11)
        else:
            assert tensor.grad is None, f"{name} got a gradient"


def test_a_last_state_of_which_one_leaf_is_used() -> None:
    cell = cell_of("lstm", 3, 5)
    x_BTI = random(4, 6, 3)
    grads = []
    for kernel in ("native", "reference"):
        fresh = x_BTI.clone().requires_grad_()
        _, last = kernels.run(cell, fresh, None, start_of(cell, 4), kernel=kernel)
        grads.append(torch.autograd.grad(last.c.square().sum(), [fresh, *cell.parameters()]))
    for one, other in zip(*grads, strict=True):
        assert_close("gradient", one, other, 1e-12)


def test_a_cell_without_biases_has_no_gradient_of_them() -> None:
    cell = cell_of("gru", 3, 5, bias=False)
    assert cell.bias_ih is None
    assert_equal_to_reference(cell, Run(random(4, 6, 3), torch.tensor([1, 6, 0, 3]), start_of(cell, 4)))


@pytest.mark.parametrize("name", ["elman", "lstm"])
def test_every_size_up_to_70(name: str) -> None:
    """Numbers past the last whole vector, panel or block, in one type and the other."""
    for H in range(1, 71):
        cell = cell_of(name, 71 - H, H, torch.float32 if H % 2 else torch.float64)
        assert_equal_to_reference(cell, Run(random(3, 2, 71 - H), None, start_of(cell, 3)))

"""Values at the edges: zeros of both signs, infinity, NaN, the largest and smallest numbers, bounds in any order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.cells.cell import HiddenState
from elman.kernels import Step, run
from elman.kernels.native.graph import Graph
from elman.kernels.native.program import Program, interpret, run_operations
from elman.kernels.native.trace import program_of

from .invented_cells import Invented
from .layers import needs_library

CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "clamp": lambda x: x.clamp(-1, 1),
    "clamp_crossed": lambda x: x.clamp(2, 1),
    "clamp_min": lambda x: x.clamp(min=0.5),
    "clamp_max": lambda x: x.clamp(max=0.5),
    "clamp_to_infinity": lambda x: torch.clamp(x, min=float("inf")),
    "clamp_from_infinity": lambda x: torch.clamp(x, -float("inf"), float("inf")),
    "hardtanh": F.hardtanh,
    "relu6": F.relu6,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "celu_of_negative_alpha": lambda x: F.celu(x, -0.5),
    "celu": lambda x: F.celu(x, 1.5),
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "reciprocal": lambda x: 1 / x,
    "power_-1": lambda x: x**-1,
    "power_-2": lambda x: x**-2,
    "power_-3": lambda x: x**-3,
    "power_3": lambda x: x**3,
    "large_factors": lambda x: x * 1e30 * 1e30,
    "small_factors": lambda x: x * 1e-30 * 1e-30,
    "opposite_factors": lambda x: x * 1e30 * 1e-30,
    "small_divisor": lambda x: x / 2.0**-140,
    "from_zero": lambda x: 1 / (0 - x),
    "plus_zero": lambda x: 1 / (x + 0.0),
    "minus_zero": lambda x: 1 / (x - 0.0),
    "plus_negative_zero": lambda x: 1 / (x + -0.0),
    "times_negative_zero": lambda x: 1 / (x * -0.0),
    "negated_difference": lambda x: 1 / -(x - 1.0),
}
INFINITY, NAN = float("inf"), float("nan")
POINTS = [0.0, -0.0, INFINITY, -INFINITY, NAN, 1.0, -1.0, 0.5, 2.0, -3.0, 3.0, 6.0, 7.0, 1e-30, -1e30, 2e38, 1e-42]
DTYPES = [torch.float32, torch.float64]


class Calling(Invented):
    """The state is a function of the input."""

    call: Callable[[Tensor], Tensor]

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        return self.done(type(self).call(p_BG))


def calling(name: str, dtype: torch.dtype) -> Calling:
    cell: Calling = type("Calls", (Calling,), {"call": staticmethod(CALLS[name])})(1, 1, bias=False)
    with torch.no_grad():
        cell.weight_ih.fill_(1.0)
    return cell.to(dtype)


def points_of(name: str) -> list[float]:
    # torch's x * relu6(x + 3) / 6 overflows there.
    return [point for point in POINTS if name != "hardswish" or point < 1e38]


def torchs(name: str, points: list[float], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Values and gradients at all points, by torch itself."""
    # Many of them, for torch's vectors: its remaining loops have other gradients of NaN.
    x = torch.tensor(points, dtype=dtype).repeat(16).requires_grad_()
    y = CALLS[name](x)
    (gradient,) = torch.autograd.grad(y, x, torch.ones_like(y))
    return y.detach()[: len(points)], gradient[: len(points)]


def check(name: str, what: str, got: Tensor, expected: Tensor) -> None:
    """Equal to a few units in the last place, with the same infinities, the same NaN and the same signs of zero."""
    # In two of them, torch has numbers in float32 even for float64.
    places = {torch.float32: 3e-6, torch.float64: 1e-7 if name in ("hardsigmoid", "hardswish") else 1e-14}[
        expected.dtype
    ]
    torch.testing.assert_close(
        got, expected, rtol=places, atol=0.0, equal_nan=True, msg=lambda text: f"{name}, {what}: {got} {text}"
    )
    if what == "value":
        zeros = expected == 0
        assert torch.equal(got[zeros].signbit(), expected[zeros].signbit()), f"{name}: {got}, expected {expected}"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_operations_in_torch(name: str, dtype: torch.dtype) -> None:
    program = program_of(calling(name, dtype))
    assert isinstance(program, Program), program
    points = points_of(name)
    x = torch.tensor(points, dtype=dtype)[:, None]
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    value, slope = torchs(name, points, dtype)
    _, (new,) = interpret(program, [x], [zero], [zero], [])
    check(name, "value", new[:, 0], value)
    places = {"slot0": x, "old0": zero, "dy": zero, "d_state0": one}
    places |= {place: torch.as_tensor(made) for place, made in run_operations(program.forward, places).items()}
    check(name, "value", places["new0"][:, 0], value)
    gradient = run_operations(program.backward, places)["slot0"]
    check(name, "gradient", torch.as_tensor(gradient).expand(len(points), 1)[:, 0], slope)


COMPILED = ["clamp", "power_-2", "from_zero"]


@needs_library
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in COMPILED else pytest.mark.slow) for name in CALLS]
)
def test_compiled_equations(name: str) -> None:
    """Values and gradients of the engine are those of torch."""
    # A sum of products has no zero with a sign.
    points = [point for point in points_of(name) if str(point) != "-0.0"]
    for dtype in DTYPES:
        cell = calling(name, dtype)
        x_BTI = torch.tensor(points, dtype=dtype)[:, None, None].requires_grad_()
        _, (last_BH,) = run(cell, x_BTI, None, cell.initial_state(len(points)), kernel="native")
        (gradient,) = torch.autograd.grad(last_BH.sum(), x_BTI)
        value, slope = torchs(name, points, dtype)
        check(name, "value", last_BH[:, 0].detach(), value)
        check(name, "gradient", gradient[:, 0, 0], slope)


def test_exact_graphs_keep_the_sign_of_zero() -> None:
    graph = Graph(exact=True)
    x, zero = graph.input("x"), graph.constant(0.0)
    assert graph.nodes[graph.apply("sub", zero, x)].function == "sub"
    assert graph.nodes[graph.apply("add", x, zero)].function == "add"
    assert graph.nodes[graph.apply("neg", graph.apply("sub", x, zero))].function == "neg"
    assert graph.apply("sub", x, zero) == x
    negative = graph.constant(-0.0)
    assert negative != zero
    assert graph.nodes[negative].function == "neg"


def test_factors_are_merged_where_both_orders_overflow_alike() -> None:
    graph = Graph(exact=True)
    x = graph.input("x")

    def factors(*numbers: float) -> int:
        number = x
        for factor in numbers:
            number = graph.apply("mul", number, graph.constant(factor))
        return graph.nodes[number].operands.count(x)

    assert factors(2.0, 3.0) == factors(0.5, 0.25) == 1, "merged: the product of x and one number"
    assert factors(1e30, 1e30) == factors(1e30, 1e-30) == factors(0.5, 4.0) == 0

"""What torch's functions mean to the tracer: value and gradient of each against torch itself, kinks and ties too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.cells.cell import HiddenState
from elman.kernels import Step
from elman.kernels.native.derive import RULES
from elman.kernels.native.functions import FUNCTIONS, MASKS
from elman.kernels.native.graph import Graph
from elman.kernels.native.program import Program, interpret, record_of, run_operations
from elman.kernels.native.trace import program_of

from .invented_cells import Invented

# Functions of a, the sum of the two parts, and b, the state.
CALLS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda a, b: torch.add(a, b, alpha=0.5),
    "sub": lambda a, b: a.sub(b, alpha=2),
    "rsub": lambda a, b: torch.rsub(a, b) + (1.5 - a),
    "mul": lambda a, b: torch.mul(a, b) * 3,
    "div": lambda a, b: a / (b * b + 0.5) + a.div(4) + a.true_divide(3.0),
    "rdiv": lambda a, b: 2 / (a * a + 1),
    "neg": lambda a, b: -a * torch.neg(b),
    "reciprocal": lambda a, b: (a * a + 0.25).reciprocal(),
    "square": lambda a, b: torch.square(a) + b.pow(2),
    "powers": lambda a, b: a**3 + b**5 - a**4 + (a * a + 1) ** -2 + a**0 + torch.pow(a, 1),
    "roots": lambda a, b: (a * a + 0.1) ** 0.5 + (b * b + 0.1).rsqrt() + (a * a + 0.1) ** -0.5,
    "other_powers": lambda a, b: (a * a + 0.3) ** 1.7 - (b * b + 0.2) ** -0.3,
    "exponentials": lambda a, b: torch.exp(a) + b.expm1() + torch.exp2(0.5 * a) + torch.special.expit(b),
    "logarithms": lambda a, b: torch.log(a * a + 0.1) + torch.log1p(b * b),
    "gates": lambda a, b: torch.sigmoid(a) * b.tanh() + F.sigmoid(b) * F.tanh(a),
    "relu": lambda a, b: torch.relu(a) + F.relu(b) * 2 + F.relu6(4 * a),
    "absolute": lambda a, b: a.abs() * b + torch.abs(b) + torch.sign(a) * b,
    "extremes": lambda a, b: torch.minimum(a, b) + 2 * torch.maximum(a, b),
    "ties": lambda a, b: torch.minimum(a, a * 1.0) + 2 * torch.maximum(b, b * 1.0),
    "ties_with_numbers": lambda a, b: torch.maximum(a, torch.zeros_like(a)) + torch.minimum(b, torch.ones_like(b)),
    "clamps": lambda a, b: torch.clamp(a, -0.5, 1.0) + b.clamp(min=0.0) + a.clip(max=1.0) + torch.clamp_min(b, 0.5),
    "hard": lambda a, b: F.hardtanh(a) + F.hardtanh(b, -0.5, 0.5),
    "single_precision_in_torch": lambda a, b: F.hardswish(a) + F.hardsigmoid(2 * b) + F.celu(b, 1.3),
    "leaky_relu": lambda a, b: F.leaky_relu(a) + F.leaky_relu(b, 0.3),
    "elu": lambda a, b: F.elu(a) + F.elu(b, alpha=0.7) + F.selu(b),
    "softplus": lambda a, b: F.softplus(a) + F.softplus(b, beta=3, threshold=1.5),
    "logsigmoid": lambda a, b: F.logsigmoid(a) - F.logsigmoid(-b),
    "smooth": lambda a, b: F.silu(a) + F.mish(b) + F.gelu(a) + F.gelu(b, approximate="tanh"),
    "soft": lambda a, b: F.softsign(a) + F.tanhshrink(b),
    "lerp": lambda a, b: torch.lerp(a, b, 0.25) + torch.lerp(a, b, a),
    "addcmul": lambda a, b: torch.addcmul(a, a, b, value=0.5) + torch.addcdiv(b, a, b * b + 1, value=-1),
    "trigonometry": lambda a, b: torch.sin(a) * torch.cos(b) + torch.erf(a),
    "comparisons": lambda a, b: (
        torch.where(a > 0, b, a) + torch.where(a <= b, a, 2.0) + (a != b) * a + (b >= 1).double()
    ),
    "masks": lambda a, b: a.masked_fill((a < 0) & (b < 0) | ~(a < 0.5), 0.125) + a.where(b.lt(0), b),
    "constants": lambda a, b: a * torch.tensor(0.5) + b.new_full((1,), 0.25) + torch.full_like(a, 2.0) + torch.ones(H),
    "moves": lambda a, b: torch.stack([a, b], 1).flatten(1).split(H, -1)[1] + torch.cat([a, b], -1)[:, :H],
    "conversions": lambda a, b: a.to(b.dtype) + b.type_as(a) + a.contiguous().clone() + a.expand_as(b),
    "detached": lambda a, b: a.detach() * b + b.data * a,
}
H, B = 3, 8
# Ends and kinks of the functions above, and numbers in between.
POINTS = [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 0.3, -0.7, 1.7, 2.2, -2.4]


def cell_of(call: Callable[[Tensor, Tensor], Tensor]) -> Invented:
    """A cell whose new state is `call` of the sum and the old state."""

    class Calling(Invented):
        def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
            return self.done(call(p_BG + u_BG, state.h))

    return Calling(2, H, dtype=torch.float64)


@pytest.mark.parametrize("name", CALLS)
def test_value_and_gradient_are_torchs(name: str) -> None:
    program = program_of(cell_of(CALLS[name]))
    assert isinstance(program, Program), program
    draw = torch.Generator().manual_seed(1)
    points = torch.tensor(POINTS, dtype=torch.float64)
    a, b = (points[torch.randint(len(points), (B, H), generator=draw)].requires_grad_() for _ in range(2))
    weight = torch.randn(B, H, generator=draw, dtype=torch.float64)
    expected = CALLS[name](a, b)
    d_a, d_b = torch.autograd.grad((expected * weight).sum(), [a, b], allow_unused=True, materialize_grads=True)
    zero = torch.zeros_like(a)
    with torch.no_grad():
        _, (received,) = interpret(program, [a], [zero], [b], [])
        torch.testing.assert_close(received, expected, rtol=1e-14, atol=1e-14)
        places = record_of(program, [a], [zero]) | {"old0": b}
        places |= {place: torch.as_tensor(value) for place, value in run_operations(program.forward, places).items()}
        after = {"d_state0": weight} | run_operations(program.backward, places | {"d_state0": weight, "dy": zero})
    for place, gradient in (("slot0", d_a), ("d_state0", d_b)):
        got = torch.as_tensor(after.get(place, places.get(place)), dtype=torch.float64).expand(B, H)
        # In these, torch has numbers in float32 even for float64.
        tolerance = 1e-7 if name == "single_precision_in_torch" else 1e-13
        torch.testing.assert_close(got, gradient, rtol=tolerance, atol=tolerance, msg=lambda m, at=place: f"{at}: {m}")


def test_every_function_has_a_rule_and_a_place_in_the_lists() -> None:
    assert set(RULES) == set(FUNCTIONS)
    assert set(FUNCTIONS) > MASKS


def test_the_graph_simplifies_what_costs_nothing() -> None:
    graph = Graph()
    x, y, zero, one, two = graph.input("x"), graph.input("y"), *map(graph.constant, (0, 1, 2))
    apply = graph.apply
    assert apply("add", x, zero) == apply("sub", x, zero) == apply("mul", one, x) == apply("div", x, one) == x
    assert apply("neg", apply("neg", x)) == x
    assert apply("sub", zero, x) == apply("neg", x) == apply("mul", x, graph.constant(-1))
    assert apply("sub", x, apply("neg", y)) == apply("add", y, x)
    assert apply("neg", apply("sub", x, y)) == apply("sub", y, x)
    assert apply("mul", two, apply("mul", x, two)) == apply("mul", x, graph.constant(4))
    assert apply("div", x, two) == apply("mul", x, graph.constant(0.5))
    assert apply("exp", zero) == one
    # 0 * x may be NaN, and a third is not exact.
    assert graph.value_of(apply("mul", zero, x)) is None
    assert graph.nodes[apply("div", x, graph.constant(3))].function == "div"

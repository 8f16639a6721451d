"""Cells for tests of the tracer: each has something in its equations that the tracer must support."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells.cell import Cell, ElementwiseCell, HiddenState, LinearCell
from elman.kernels import Step
from elman.state import State

__all__ = ["INVENTED", "Invented"]


class Invented(ElementwiseCell):
    """What the cells below share: `gates` blocks, and `update` as the only method that differs."""

    name = "invented"
    gates = 1

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        names = tuple(f"gate{index}" for index in range(self.gates))
        super().__init__(input_size, hidden_size, gate_names=names, **options)
        self.build()
        self.reset_parameters()

    def build(self) -> None:
        """Make further parameters."""

    def done(self, h_BH: Tensor) -> Step:
        """The step of a cell whose output is its state."""
        return Step(h_BH, HiddenState(h_BH), {})


class MinimalGate(Invented):
    """A minimal gated unit: p and u of the candidate are not merged."""

    gates = 2

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        H = self.hidden_size
        f = torch.sigmoid(p_BG[:, :H] + u_BG[:, :H])
        n = F.softsign(p_BG[..., H:] + f * u_BG[..., H:])
        return self.done(torch.lerp(state.h, n, f))


class Scaled(Invented):
    """Parameters of H numbers and of one, a buffer, and sums in other orders."""

    gates = 2

    def build(self) -> None:
        self.scale = nn.Parameter(torch.rand(self.hidden_size))
        self.leak = nn.Parameter(torch.tensor(0.3))
        self.register_buffer("shift", torch.rand(1))

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        p_a, p_b = p_BG.split(self.hidden_size, dim=1)
        u_a, u_b = u_BG.tensor_split(2, dim=-1)
        a = F.silu((p_a + self.scale * state.h) + u_a)
        b = F.softplus(-(self.shift - (u_b + p_b)), beta=2.0, threshold=3.0)
        return self.done((1 - self.leak.sigmoid()) * a + torch.exp(-F.softplus(self.scale)) * b * state.h)


class ThreeLeaves(Invented):
    """A state of three leaves, of which one counts steps and one is no longer used; the output is no leaf."""

    gates = 2

    class State(NamedTuple):
        """Three leaves."""

        h: Tensor
        c: Tensor
        n: Tensor

    state_type = State

    def state_sizes(self) -> dict[str, int]:
        return dict.fromkeys(("h", "c", "n"), self.hidden_size)

    def update(self, p_BG: Tensor, u_BG: Tensor, state: State) -> Step:
        a, b = (p_BG + u_BG).unflatten(-1, (2, self.hidden_size)).unbind(1)
        c = 0.9 * state.c + torch.exp(-a.abs()) * b
        h = c / (1 + state.n)
        return Step(h * torch.cos(a), ThreeLeaves.State(h, c, state.n + 1), {})


class Stabilised(Invented):
    """Exponential gates with a running maximum, as in xLSTM."""

    gates = 3

    class State(NamedTuple):
        """Four leaves."""

        h: Tensor
        c: Tensor
        n: Tensor
        m: Tensor

    state_type = State

    def state_sizes(self) -> dict[str, int]:
        return dict.fromkeys(("h", "c", "n", "m"), self.hidden_size)

    def update(self, p_BG: Tensor, u_BG: Tensor, state: State) -> Step:
        sum_i, sum_f, sum_z = torch.chunk(p_BG + u_BG, 3, -1)
        log_f = F.logsigmoid(sum_f)
        m = torch.maximum(log_f + state.m, sum_i)
        i, f = torch.exp(sum_i - m), torch.exp(log_f + state.m - m)
        c = f * state.c + i * torch.tanh(sum_z)
        n = f * state.n + i
        h = c / torch.clamp(n, min=0.5)
        return Step(h, Stabilised.State(h, c, n, m), {})


class Branches(Invented):
    """Comparisons, where, clamps and kinks."""

    gates = 2

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        a, b = (p_BG + u_BG).chunk(2, dim=-1)
        inside = (a > -0.5) & ~(b >= 0.7) | (a == b)
        x = torch.where(inside, F.leaky_relu(a, 0.2), F.elu(b, alpha=0.5))
        y = F.hardtanh(a * b, -0.3, 0.4) + F.relu6(b + 0.4) + a.clamp(-0.2, 0.2)
        z = (a < b).to(a.dtype) * torch.sign(b) + torch.minimum(a, 0.5 * b).masked_fill(a > 1, 0.25)
        return self.done(torch.tanh(x + y * state.h + z))


class OddFunctions(Invented):
    """A good many functions, and constants."""

    gates = 3

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        a, b, c = (p_BG + u_BG).chunk(3, dim=-1)
        one = torch.ones_like(a)
        x = F.gelu(a) + F.gelu(b, approximate="tanh") - torch.log1p(a * a) + torch.expm1(-b.square())
        x = x + torch.rsqrt(one + a**2) * torch.erf(b) + torch.sqrt(c * c + 0.5) / (a.abs() + 1.5)
        x = torch.addcmul(x, a, torch.sin(b), value=0.3) + (2.0 + a.tanh()).pow(-1.3) + (b * b + 1) ** 0.5
        x = x - torch.log(1 + torch.exp(c)) + torch.reciprocal(1 + c**4) + F.mish(c) + 1 / (2 + torch.cos(c))
        return self.done(0.1 * x + state.h.detach() * torch.zeros_like(a) + 0.5 * state.h)


class OnlyInput(Invented):
    """u is not used at all, and of p only one block."""

    gates = 3

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        _, p, _ = p_BG.chunk(3, dim=-1)
        return self.done(0.5 * state.h + torch.relu(p))


class OnlyPast(Invented):
    """p is not used at all."""

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        return self.done(torch.tanh(u_BG) * u_BG)


class Crossed(Invented):
    """Block 0 of p is added to block 1 of u, and the other way round; one of the sums is used twice."""

    gates = 2

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        H = self.hidden_size
        first = p_BG.narrow(1, 0, H) + u_BG.narrow(1, H, H)
        second = state.h - (-u_BG[:, :H] - p_BG[:, H:])
        return self.done(torch.sigmoid(first) * torch.tanh(second) - 0.1 * first)


class UsedTwice(Invented):
    """Sums of which one part has a second use: in a product, or as the state itself."""

    gates = 3
    state_type = ThreeLeaves.State

    def state_sizes(self) -> dict[str, int]:
        return dict.fromkeys(("h", "c", "n"), self.hidden_size)

    def update(self, p_BG: Tensor, u_BG: Tensor, state: ThreeLeaves.State) -> Step:
        p_a, p_b, p_c = p_BG.chunk(3, dim=-1)
        u_a, u_b, u_c = u_BG.chunk(3, dim=-1)
        h = torch.tanh(p_a + u_a) * p_a + torch.tanh(p_b + u_b) * u_b
        return Step(h, ThreeLeaves.State(h, p_c, 0.5 * (p_c + u_c) + state.n), {})


class Stopped(Invented):
    """A part of the equations gives no gradient."""

    gates = 2

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        a, b = (p_BG + u_BG).chunk(2, dim=-1)
        with torch.no_grad():
            frozen = torch.sigmoid(a) * state.h
        return self.done(frozen + torch.tanh(b) * a.detach() + 0.25 * state.h)


class OutputOnly(Invented):
    """The state stays as it was; the output alone depends on anything."""

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        return Step(torch.tanh(p_BG + u_BG), HiddenState(state.h), {})


class Reshaped(Invented):
    """Gates as a separate dimension, with one factor a gate."""

    gates = 3

    def build(self) -> None:
        self.gain = nn.Parameter(torch.rand(self.hidden_size))

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        sums = (p_BG + u_BG).view(p_BG.shape[0], 3, self.hidden_size) * self.gain
        gates = torch.sigmoid(sums)
        flat = torch.cat([gates[:, 1], gates[:, 2]], dim=-1).reshape(p_BG.size(0), -1)
        return self.done(flat[:, : self.hidden_size] * state.h + flat[:, self.hidden_size :] * sums[:, 0])


class Decay(LinearCell):
    """A linear recurrence with a gate as in RG-LRU."""

    name = "decay"

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("r", "n"), **options)
        self.rate = nn.Parameter(torch.rand(hidden_size))
        self.reset_parameters()

    def coefficients(self, p_BTG: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        p_r, n = p_BTG.chunk(2, dim=-1)
        a = torch.exp(-F.softplus(self.rate) * torch.sigmoid(p_r))
        return a, torch.sqrt(1 - a * a) * n, {}


class OwnAdvance(Cell):
    """No `update` at all, but an `advance` that is element-wise around the one product with the past."""

    name = "own-advance"

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("n",), **options)
        self.reset_parameters()

    def advance(self, p_BG: Tensor, state: State, recurrent_mask_BH: Tensor | None = None) -> Step:
        past = state.h if recurrent_mask_BH is None else recurrent_mask_BH * state.h
        h_BH = torch.tanh(F.linear(past, self.weight_hh, self.bias_hh) + p_BG) + state.h
        return Step(h_BH, HiddenState(h_BH), {})


INVENTED: dict[str, type[Cell]] = {
    cell.__name__: cell
    for cell in (
        *(
            MinimalGate,
            Scaled,
            ThreeLeaves,
            Stabilised,
            Branches,
            OddFunctions,
            OnlyInput,
            OnlyPast,
            Crossed,
            UsedTwice,
        ),
        *(Stopped, OutputOnly, Reshaped, Decay, OwnAdvance),
    )
}

"""Cells whose code is written at random, of what people write in `update`: helpers, globals, buffers, branches, hooks.

A cell comes with changes: each changes something that its equations may read. The text of its module is kept, so that
a cell that fails can be looked at.
"""

from __future__ import annotations

import linecache
import random
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from elman.cells import Cell

__all__ = ["EXPRESSIBLE", "REFUSED", "RandomCell", "random_cell"]

INPUTS = HIDDEN = 3


class Feature(NamedTuple):
    """Something in a cell's equations: an expression of `{x}`, and what changes a value that it reads."""

    expression: str
    change: Callable[[dict[str, Any], Any], None] | None = None


def _global(names: dict[str, Any], cell: Any) -> None:
    names["SCALE"] += 0.25


def _in_dict(names: dict[str, Any], cell: Any) -> None:
    names["TABLE"]["a"][0] += 0.25


def _array(names: dict[str, Any], cell: Any) -> None:
    names["ARRAY"][0] += 0.25


def _held(names: dict[str, Any], cell: Any) -> None:
    names["HELD"].scale += 0.25


def _namespace(names: dict[str, Any], cell: Any) -> None:
    names["Settings"].scale += 0.25


def _own_held(names: dict[str, Any], cell: Any) -> None:
    cell.held = names["Held"]()
    cell.held.scale = 0.85


def _base(names: dict[str, Any], cell: Any) -> None:
    names["Base"].rate += 0.25


def _own(names: dict[str, Any], cell: Any) -> None:
    cell.own += 0.25


def _default(names: dict[str, Any], cell: Any) -> None:
    names["helper"].__defaults__ = (0.45,)


def _helper(names: dict[str, Any], cell: Any) -> None:
    names["helper"] = names["other_helper"]


def _property(names: dict[str, Any], cell: Any) -> None:
    cell.own *= 2


def _listed(names: dict[str, Any], cell: Any) -> None:
    names["FACTOR"] += 0.25


def _flag(names: dict[str, Any], cell: Any) -> None:
    cell.flag = not cell.flag


def _training(names: dict[str, Any], cell: Any) -> None:
    cell.train(not cell.training)


def _weights(names: dict[str, Any], cell: Any) -> None:
    cell.scale.data.mul_(-0.5)


def _buffers(names: dict[str, Any], cell: Any) -> None:
    cell.row.mul_(2)
    cell.single.mul_(2)
    cell.leak.fill_(0.9)


def _untie(names: dict[str, Any], cell: Any) -> None:
    cell.other = torch.nn.Parameter(cell.scale.detach() * 3)


def _hook(names: dict[str, Any], cell: Any) -> None:
    cell.act.register_forward_hook(lambda _module, _given, made: 2 * made)


# These run on the engine.
EXPRESSIBLE: dict[str, Feature] = {
    "tanh": Feature("torch.tanh({x})"),
    "global": Feature("SCALE * {x}", _global),
    "global in a container": Feature("TABLE['a'][0] * {x}", _in_dict),
    "array": Feature("float(ARRAY[0]) * {x}", _array),
    "held object": Feature("HELD.scale * {x}", _held),
    "method of a held object": Feature("HELD.scaled({x})", _held),
    "class as a namespace": Feature("Settings.scale * {x}", _namespace),
    "static method of a class": Feature("Settings.scaled({x})", _namespace),
    "own class as a namespace": Feature("self.settings.scale * {x}", _namespace),
    "own object": Feature("self.held.scaled({x})", _own_held),
    "class attribute": Feature("self.rate * {x}", _base),
    "method of a base class": Feature("self.rated({x})", _base),
    "own attribute": Feature("self.own * {x}", _own),
    "property": Feature("self.twice * {x}", _property),
    "getattr": Feature("getattr(self, 'own') * {x}", _own),
    "helper": Feature("helper({x})", _global),
    "default of a helper": Feature("helper({x})", _default),
    "other helper": Feature("helper({x})", _helper),
    "function in a list": Feature("self.functions[0]({x})", _listed),
    "function in a global": Feature("CALLS['f']({x})", _listed),
    "partial": Feature("partly({x})", _global),
    "closure": Feature("closed({x})", _array),
    "flag": Feature("({x} if self.flag else -{x})", _flag),
    "training": Feature("({x} if self.training else 0.5 * {x})", _training),
    "module": Feature("self.act({x})", _hook),
    "parameter": Feature("self.scale * {x}", _weights),
    "tied parameters": Feature("self.scale * {x} + self.other", _untie),
    "row": Feature("self.row * {x}", _buffers),
    "single": Feature("self.single * {x}", _buffers),
    "scalar of another dtype": Feature("self.leak * {x}", _buffers),
    "detach": Feature("{x}.detach() * 0.5 + {x}"),
    "no_grad": Feature("frozen({x}) + {x}"),
    "no_grad around a method": Feature("self.cut({x}) + {x}"),
    "device": Feature("({x} if {x}.device.type == 'cpu' else -{x})"),
    "clamp": Feature("{x}.clamp(-0.5, 0.75)"),
    "power": Feature("(1 + {x} * {x}) ** -2"),
    "dtype": Feature("{x}.to(p_BG.dtype)"),
    "shape": Feature("{x}.reshape(p_BG.shape[0], -1)"),
}
# These do not.
REFUSED: dict[str, Feature] = {
    "rows": Feature("{x} / {x}.shape[0] ** 0.5"),
    "batch norm by hand": Feature("({x} - {x}.mean(0, keepdim=True))"),
    "autograd.Function": Feature("Spike.apply({x})"),
    "reversed gradient": Feature("Reversal.apply({x})"),
    "hook of a tensor": Feature("hooked({x})"),
    "requires_grad": Feature("({x} if {x}.requires_grad else -{x})"),
    "is_grad_enabled": Feature("({x} if torch.is_grad_enabled() else -{x})"),
    "is_meta": Feature("(-{x} if {x}.is_meta else {x})"),
    "value": Feature("({x} if float({x}.detach().sum()) > 0 else -{x})"),
    "counter": Feature("(counted(self) * 0.1) * {x}"),
    "buffer that is set": Feature("moving(self, {x})"),
    "buffer in place": Feature("in_place(self, {x})"),
    "random numbers": Feature("torch.rand_like({x}) * {x}"),
    "tensor of a buffer": Feature("torch.tensor([self.single]) * {x}"),
    "tensor of an array": Feature("torch.tensor(ARRAY) * {x}"),
    "another dtype": Feature("self.wide_row * {x}"),
    "sum over units": Feature("{x} * {x}.sum(-1, keepdim=True)"),
}

_MODULE = """
import functools
import numpy as np
import torch
from torch import nn
from elman.cells.cell import HiddenState
from tests.kernels.native.invented_cells import Invented

SCALE, FACTOR = 0.5, 0.75
TABLE = {{"a": [0.5, 0.25]}}
ARRAY = np.array([0.5])


class Held:
    def __init__(self):
        self.scale = 0.5

    def scaled(self, x):
        return self.scale * x


HELD = Held()


class Settings:
    scale = 0.5

    @staticmethod
    def scaled(x):
        return Settings.scale * x


def helper(x, share=0.25):
    return SCALE * torch.tanh(x) + share * x


def other_helper(x):
    return torch.sigmoid(x) - 0.5


def listed(x):
    return FACTOR * x


CALLS = {{"f": listed}}


def multiply(scale, x):
    return scale * SCALE * x


partly = functools.partial(multiply, 0.5)


def make_closed():
    array = ARRAY
    return lambda x: float(array[0]) * x


closed = make_closed()


def frozen(x):
    with torch.no_grad():
        return torch.sigmoid(x)


def hooked(x):
    y = x * 1.0
    if y.requires_grad:
        y.register_hook(lambda gradient: 2 * gradient)
    return y


def counted(cell):
    cell.steps += 1
    return cell.steps


def moving(cell, x):
    cell.mean = 0.5 * cell.mean + 0.5 * x.detach().mean(0, keepdim=True)
    return x - cell.mean


def in_place(cell, x):
    cell.tally.add_(0.125)
    return cell.tally.clone() * x


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient / (1 + x.abs()) ** 2


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class Base(Invented):
    rate = 0.5
    gates = 2

    @property
    def twice(self):
        return 2 * self.own

    def rated(self, x):
        return self.rate * x

    @torch.no_grad()
    def cut(self, x):
        return torch.tanh(x)


class Written(Base):
    def build(self):
        H = self.hidden_size
        self.own, self.flag, self.steps = 0.5, True, 0
        self.held, self.functions, self.act = Held(), [listed], nn.Tanh()
        self.settings = Settings
        self.scale = nn.Parameter(torch.rand(H))
        self.other = self.scale
        self.register_buffer("row", torch.rand(1, H))
        self.register_buffer("single", torch.rand(1))
        self.register_buffer("mean", torch.zeros(1, H))
        self.register_buffer("tally", torch.ones(1))

    def update(self, p_BG, u_BG, state):
        p, u = p_BG.chunk(2, -1), u_BG.chunk(2, -1)
        h = state.h
{lines}
"""


@dataclass
class RandomCell:
    """A cell, the text of its module, and what may be changed. `refused`: whether the engine must refuse it."""

    cell: Cell
    text: str
    features: list[str]
    refused: bool
    names: dict[str, Any] = field(repr=False)

    def changes(self) -> list[Callable[[], None]]:
        """What changes a value that the equations read."""
        known = {**EXPRESSIBLE, **REFUSED}
        changes = [known[name].change for name in self.features]
        return [lambda change=change: change(self.names, self.cell) for change in changes if change is not None]


def random_cell(seed: int, features: list[str] | None = None) -> RandomCell:
    """Write a cell; with some features, or by default one to four at random, a tenth of which are refused."""
    dice = random.Random(seed)
    chosen = features
    if chosen is None:
        chosen = dice.sample(sorted(EXPRESSIBLE), dice.randint(1, 4))
        if dice.random() < 0.3:
            chosen.append(dice.choice(sorted(REFUSED)))
    known = {**EXPRESSIBLE, **REFUSED}
    lines = [
        f"v0 = p[{dice.randint(0, 1)}] + u[{dice.randint(0, 1)}]",
        dice.choice(["v1 = h", "v1 = p[1] * u[0]", "v1 = torch.sigmoid(p[1] + u[1])"]),
    ]
    for name in chosen:
        old, other = (f"v{dice.randrange(len(lines))}" for _ in range(2))
        joined = dice.choice(["{new} + {other}", "{new} * {other}", "{new}", "{other} - {new}"])
        new = known[name].expression.format(x=old)
        lines.append(f"v{len(lines)} = " + joined.format(new=f"({new})", other=other))
    total = " + ".join(f"v{place}" for place in range(len(lines)))
    lines.append(f"new = torch.tanh({total})")
    lines.append(dice.choice(["return self.done(new)", "return self.done(0.5 * (new + h))"]))
    text = _MODULE.format(lines="\n".join(" " * 8 + line for line in lines))
    module = types.ModuleType(f"written_{seed}")
    file = f"<cell {seed}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), vars(module))
    torch.manual_seed(seed)
    cell: Cell = module.Written(INPUTS, HIDDEN).double()
    # Buffers that stay in float32.
    cell.register_buffer("leak", torch.tensor(0.3))
    cell.register_buffer("wide_row", torch.rand(HIDDEN))
    if dice.random() < 0.2:
        cell.weight_hh = cell.weight_ih
    return RandomCell(cell, text, chosen, any(name in REFUSED for name in chosen), vars(module))

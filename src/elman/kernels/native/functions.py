"""The element-wise functions of programs: their costs, and their implementation in torch.

The C++ functions in csrc/vector.h have the same names.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["FUNCTIONS", "MASKS", "Function", "compute", "fold"]


class Function(NamedTuple):
    """An element-wise function.

    cost     relative cost for one vector, in multiply-adds, for the choice between saving and recomputing a value
    tensor   the function in torch, of tensors and numbers
    """

    cost: float
    tensor: Callable[..., Any]


def _select(mask: Tensor | bool, a: Tensor | float, b: Tensor | float) -> Tensor | float:
    if isinstance(mask, Tensor):
        return torch.where(mask, a, b)
    return a if mask else b


def _of_tensors(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Adapt a `function` of two tensors to a tensor and a number."""

    def call(a: Any, b: Any) -> Tensor:
        like = a if isinstance(a, Tensor) else b
        return function(torch.as_tensor(a, dtype=like.dtype), torch.as_tensor(b, dtype=like.dtype))

    return call


def _softplus(x: Tensor) -> Tensor:
    return torch.logaddexp(x, torch.zeros_like(x))


FUNCTIONS = MappingProxyType(
    {
        "add": Function(1, operator.add),
        "sub": Function(1, operator.sub),
        "mul": Function(1, operator.mul),
        "div": Function(8, operator.truediv),
        "neg": Function(1, operator.neg),
        "sigmoid": Function(14, torch.sigmoid),
        "tanh": Function(16, torch.tanh),
        "relu": Function(1, torch.relu),
        "exp": Function(14, torch.exp),
        "expm1": Function(18, torch.expm1),
        "log": Function(24, torch.log),
        "log1p": Function(32, torch.log1p),
        "softplus": Function(32, _softplus),
        "erf": Function(40, torch.erf),
        "sin": Function(40, torch.sin),
        "cos": Function(40, torch.cos),
        "square_root": Function(12, torch.sqrt),
        "absolute": Function(1, torch.abs),
        "sign": Function(3, torch.sign),
        "minimum": Function(2, _of_tensors(torch.minimum)),
        "maximum": Function(2, _of_tensors(torch.maximum)),
        "power": Function(48, operator.pow),
        "select": Function(1, _select),
        "less": Function(1, operator.lt),
        "less_or_equal": Function(1, operator.le),
        "equal": Function(1, operator.eq),
        "both": Function(1, operator.and_),
        "either": Function(1, operator.or_),
        "opposite": Function(1, torch.logical_not),
        # The identity, without a gradient. Removed before a program is written.
        "detach": Function(0, Tensor.detach),
    }
)

# Functions with a boolean result.
MASKS = frozenset({"less", "less_or_equal", "equal", "both", "either", "opposite"})


def compute(function: str, operands: Sequence[Any]) -> Any:
    """Compute a function in torch."""
    return FUNCTIONS[function].tensor(*operands)


def fold(function: str, numbers: Sequence[float]) -> float | None:
    """Compute a function of constants in float64; None when the result is boolean or not finite."""
    if function in MASKS:
        return None
    result = float(compute(function, [torch.tensor(number, dtype=torch.float64) for number in numbers]))
    return result if math.isfinite(result) else None

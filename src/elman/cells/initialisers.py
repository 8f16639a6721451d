"""Weight initialisers by name. Each fills a 2-D tensor in place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from elman.errors import ConfigError

__all__ = ["INITIALISERS", "chrono_init_", "fill_gates"]


def uniform(weight: Tensor, hidden_size: int) -> None:
    """Fill uniformly between -1/sqrt(H) and 1/sqrt(H), the default of torch's recurrent layers."""
    bound = 1.0 / math.sqrt(hidden_size)
    nn.init.uniform_(weight, -bound, bound)


def glorot(weight: Tensor, hidden_size: int) -> None:
    """Fill uniformly with variance 2 / (fan in + fan out) (Glorot & Bengio 2010)."""
    del hidden_size
    nn.init.xavier_uniform_(weight)


def he(weight: Tensor, hidden_size: int) -> None:
    """Fill from a normal distribution with variance 2 / fan in, for ReLU (He et al. 2015)."""
    del hidden_size
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def orthogonal(weight: Tensor, hidden_size: int) -> None:
    """Fill with a random orthogonal matrix, which preserves the norm of the state (Saxe et al. 2014)."""
    del hidden_size
    nn.init.orthogonal_(weight)


def identity(weight: Tensor, hidden_size: int) -> None:
    """Fill with the identity, so that a ReLU network initially keeps its state (Le, Jaitly & Hinton 2015)."""
    del hidden_size
    nn.init.eye_(weight)


def half_identity(weight: Tensor, hidden_size: int) -> None:
    """Fill with the mean of the identity and a random orthogonal matrix, for several layers with an unbounded state.

    With the identity alone, layers that sum up their inputs grow with the number of time steps to the power of the
    number of layers; with an orthogonal matrix alone, ReLU forgets about half of the state in every time step.
    """
    del hidden_size
    nn.init.orthogonal_(weight)
    weight.add_(torch.eye(*weight.shape, device=weight.device, dtype=weight.dtype)).mul_(0.5)


def zeros(weight: Tensor, hidden_size: int) -> None:
    """Fill with zeros."""
    del hidden_size
    nn.init.zeros_(weight)


INITIALISERS: MappingProxyType[str, Callable[[Tensor, int], None]] = MappingProxyType(
    {fn.__name__: fn for fn in (uniform, glorot, he, orthogonal, identity, half_identity, zeros)}
)


def fill_gates(weight: Tensor, how: str, gates: int, hidden_size: int) -> None:
    """Apply the initialiser called `how` to each of the `gates` equal row blocks of `weight` separately."""
    if how not in INITIALISERS:
        raise ConfigError(f"expected an initialiser among {', '.join(INITIALISERS)}. Received: {how!r}")
    if weight.is_meta:
        return
    with torch.no_grad():
        for block in weight.chunk(gates):
            INITIALISERS[how](block, hidden_size)


def chrono_init_(bias: Tensor | None, gate_names: Sequence[str], signs: Mapping[str, float], steps: int) -> None:
    """Apply chrono initialisation to gate biases, for memory over 1 to `steps` time steps (Tallec & Ollivier 2018).

    The bias of a gate that keeps the state is log(u), with u uniform between 1 and max(2, steps - 1). A gate that
    overwrites the state has the sign -1 and gets the same values negated. With `steps` 0 nothing changes.

    bias   of all gates, one block of H for each of `gate_names`
    signs  of the gates to fill: 1 or -1, by gate name
    """
    if not steps:
        return
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise ConfigError(f"expected chrono_init to be 0 or a number of steps from 2. Received: {steps!r}")
    if bias is None:
        raise ConfigError("expected biases with chrono_init. Received: bias=false")
    if bias.is_meta:
        return
    blocks = dict(zip(gate_names, bias.data.chunk(len(gate_names)), strict=True))
    values = torch.empty_like(next(iter(blocks.values()))).uniform_(1.0, max(2.0, steps - 1.0)).log()
    for name, sign in signs.items():
        blocks[name].copy_(sign * values)

"""The native engine for a network of stacked cells: made when first needed, kept while the weights stay the same.

Knows nothing about text.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeGuard
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from elman.errors import KernelUnavailable
from elman.kernels.generation import Engine, why_not
from elman.types import State

__all__ = ["PackedNetwork", "StackedNetwork", "TokenNetwork", "engine_of"]

_Fingerprint = tuple[tuple[int, int, int], ...]
_kept: WeakKeyDictionary[StackedNetwork, tuple[str, _Fingerprint, Engine]] = WeakKeyDictionary()
_lock = threading.Lock()


class TokenNetwork(Protocol):
    """Tokens in, scores of every next token out, with a state that is carried on."""

    head: nn.Linear

    def initial_state(self, batch_size: int, /) -> State:
        """The state before the first token."""

    def __call__(self, tokens_BT: Tensor, lengths_B: Tensor | None, state: State, /) -> Any:
        """Scores `logits_BTV` of every next token, and the state after each row's last token."""


class StackedNetwork(TokenNetwork, Protocol):
    """One that the engine may run: layers of cells between a table of tokens and an output product."""

    vocabulary_size: int

    @property
    def residual(self) -> bool:
        """Whether a layer's input is added to its output."""

    def cells(self) -> Sequence[Any]:
        """The cell of each layer, in order."""

    def table(self) -> Tensor:
        """`features_VE`: what each token becomes for the first cell."""

    def parameters(self) -> Iterator[Tensor]:
        """The weights."""

    def buffers(self) -> Iterator[Tensor]:
        """What else answers depend on."""


def engine_of(network: object, weights: str = "float32") -> Engine | str:
    """The engine that runs `network` with its present weights in the format `weights`, or a sentence why there is none.

    Raises ConfigError for an unknown format.
    """
    if not _is_stacked(network):
        return f"{type(network).__name__} is not a network of stacked cells"
    cells = network.cells()
    problem = why_not(cells, network.vocabulary_size)
    if problem is not None:
        return problem
    fingerprint = _fingerprint(network)
    with _lock:
        kept = _kept.get(network)
        if kept is not None and kept[:2] == (weights, fingerprint):
            return kept[2]
    head = network.head
    engine = Engine(cells, network.table(), head.weight, head.bias, residual=network.residual, weights=weights)
    with _lock:
        _kept[network] = weights, fingerprint, engine
    return engine


class PackedNetwork:
    """A network as the engine runs it, as a `TokenNetwork`.

    Raises KernelUnavailable when the engine cannot run it.
    """

    def __init__(self, network: StackedNetwork, weights: str) -> None:
        engine = engine_of(network, weights)
        if isinstance(engine, str):
            raise KernelUnavailable(f"expected a network that the native engine can run. Received: {engine}")
        self.head = network.head
        self.initial_state = network.initial_state
        self._engine = engine

    def __call__(self, tokens_BT: Tensor, lengths_B: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Scores `logits_BTV` of every next token; the state after each row's last token only where rows are full.

        What follows a shorter row begins anew, so that its state is never read.
        """
        del lengths_B
        states_BS = self._engine.pack_state(state)
        logits_BTV = self._engine.read(tokens_BT, states_BS, every_step=True)
        return logits_BTV, self._engine.unpack_state(states_BS, state)


def _is_stacked(network: object) -> TypeGuard[StackedNetwork]:
    return all(hasattr(network, name) for name in ("cells", "table", "residual", "vocabulary_size"))


def _fingerprint(network: StackedNetwork) -> _Fingerprint:
    """Changes with the weights: torch counts most changes, and the sums of their bits show the others."""
    return tuple(
        (tensor.data_ptr(), tensor._version, int(tensor.detach().view(torch.int32).sum()))
        for tensor in (*network.parameters(), *network.buffers())
    )

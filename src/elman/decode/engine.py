"""Native engines for networks of stacked cells: built on first use, and kept while what they rest on is unchanged."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeGuard
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from elman.errors import KernelUnavailableError
from elman.kernels.generation import Engine, Fingerprint, fingerprint_of
from elman.state import State

__all__ = ["PackedNetwork", "StackedNetwork", "TokenNetwork", "engine_of"]

# The engines of a network, by the format of their weights, and what they were built from.
_engines: WeakKeyDictionary[StackedNetwork, dict[str, tuple[Fingerprint, Engine]]] = WeakKeyDictionary()
# By process: a thread that is lost in a forked child may hold the parent's lock.
_locks: dict[int, threading.Lock] = {}


class TokenNetwork(Protocol):
    """Protocol of a network from tokens to logits of every next token, with a state."""

    head: nn.Linear

    def initial_state(self, batch_size: int, /) -> State:
        """Return the state before the first token."""

    def __call__(self, tokens_BT: Tensor, lengths_B: Tensor | None, state: State, /) -> Any:
        """Return `logits_BTV` of every next token, and the state after each row's last token."""


class StackedNetwork(TokenNetwork, Protocol):
    """Protocol of a network that the engine may run: an input table, layers of cells, and an output projection."""

    vocabulary_size: int

    @property
    def residual(self) -> bool:
        """Whether a layer's input is added to its output."""

    def cells(self) -> Sequence[Any]:
        """Return the cell of each layer, in order."""

    def table(self) -> Tensor:
        """Return `embeddings_VE`, the first cell's input for each token."""

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield all modules with their names."""


def engine_of(network: object, weights: str = "float32") -> Engine | str:
    """Return an engine for the current weights of `network` in the format `weights`, or the reason why there is none.

    Raises ConfigError for an unknown format.
    """
    members = getattr(network, "members", None)
    if isinstance(members, nn.ModuleList):
        return f"an ensemble of {len(members)} members, and the native engine runs one network"
    if not _is_stacked(network):
        return f"{type(network).__name__} is not a network of stacked cells"
    if not isinstance(network.head, nn.Linear):
        return f"its output layer is {type(network.head).__name__}, and the native engine runs a linear one"
    cells = network.cells()
    fingerprint = fingerprint_of(network, cells, network.vocabulary_size)
    if isinstance(fingerprint, str):
        return fingerprint
    # Another thread that needs the same engine waits for it.
    with _locks.setdefault(os.getpid(), threading.Lock()):
        kept = {
            name: (known, engine)
            for name, (known, engine) in _engines.get(network, {}).items()
            if known.equals(fingerprint)
        }
        if weights not in kept:
            head = network.head
            engine = Engine(cells, network.table(), head.weight, head.bias, residual=network.residual, weights=weights)
            kept[weights] = fingerprint, engine
        _engines[network] = kept
        return kept[weights][1]


class PackedNetwork:
    """A `TokenNetwork` that runs a network on the native engine.

    Raises KernelUnavailableError if the engine cannot run the network.
    """

    def __init__(self, network: StackedNetwork, weights: str) -> None:
        engine = engine_of(network, weights)
        if isinstance(engine, str):
            raise KernelUnavailableError(f"expected a network that the native engine can run. Received: {engine}")
        self.head = network.head
        self.initial_state = network.initial_state
        self._engine = engine

    def __call__(self, tokens_BT: Tensor, lengths_B: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Return `logits_BTV` of every next token, and the state after the last step.

        The state of a row that is shorter than the batch is not valid. It is never used, because such a row is
        followed by a reset of its state.
        """
        del lengths_B
        states_BF = self._engine.pack_state(state)
        logits_BTV = self._engine.read(tokens_BT, states_BF, every_step=True)
        return logits_BTV, self._engine.unpack_state(states_BF, state)


def _is_stacked(network: object) -> TypeGuard[StackedNetwork]:
    return all(hasattr(network, name) for name in ("cells", "table", "residual", "vocabulary_size"))

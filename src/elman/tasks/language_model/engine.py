"""The native engine for a language model's network: made when first needed, and kept while the weights stay the same.

Knows nothing about text.
"""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from elman.errors import KernelUnavailable
from elman.kernels.generation import Engine, why_not
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.types import State

__all__ = ["PackedNetwork", "engine_of"]

_Fingerprint = tuple[tuple[int, int, int], ...]
_kept: WeakKeyDictionary[LanguageModelNetwork, tuple[str, _Fingerprint, Engine]] = WeakKeyDictionary()
_lock = threading.Lock()


def engine_of(network: object, weights: str = "float32") -> Engine | str:
    """The engine that runs `network` with its present weights in the format `weights`, or a sentence why there is none.

    Raises ConfigError for an unknown format.
    """
    if not isinstance(network, LanguageModelNetwork):
        return f"{type(network).__name__} is not a language model's network"
    cells = [unrolls[0].cell for unrolls in network.stack.unrolls()]
    problem = why_not(cells, network.vocabulary_size)
    if problem is not None:
        return problem
    fingerprint = _fingerprint(network)
    with _lock:
        kept = _kept.get(network)
        if kept is not None and kept[:2] == (weights, fingerprint):
            return kept[2]
    features_VE = network.embed.lookup(torch.zeros(1, 1, dtype=torch.int64)).features_VI
    head = network.head
    engine = Engine(cells, features_VE, head.weight, head.bias, residual=network.stack.residual, weights=weights)
    with _lock:
        _kept[network] = weights, fingerprint, engine
    return engine


class PackedNetwork:
    """A network as the engine runs it, in the shape that `measure` takes.

    Raises KernelUnavailable when the engine cannot run it.
    """

    def __init__(self, network: LanguageModelNetwork, weights: str) -> None:
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


def _fingerprint(network: LanguageModelNetwork) -> _Fingerprint:
    """Changes with the weights: torch counts most changes, and the sums of their bits show the others."""
    return tuple(
        (tensor.data_ptr(), tensor._version, int(tensor.detach().view(torch.int32).sum()))
        for tensor in (*network.parameters(), *network.buffers())
    )

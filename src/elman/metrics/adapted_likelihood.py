"""Likelihood of a text under a language model that adapts to it: by a neural cache, and by dynamic evaluation.

The text is one stream, which is read in segments: a segment is predicted, and only then learnt from.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from elman.data.corpus import HeldOutText
from elman.data.stream import sequential
from elman.data.vocabulary.base import UNKNOWN_ID
from elman.errors import ConfigError
from elman.metrics.likelihood import TokenCounts
from elman.metrics.neural_cache import CacheHistory, NeuralCache
from elman.state import Batch, State, detach, reset_rows

__all__ = ["DynamicEvaluation", "SegmentCounts", "adapted_nats", "choose_cache", "measure_adapted"]

# Time steps of a segment without dynamic evaluation, and the most logits in memory.
_STEPS, _MAX_LOGITS = 128, 1 << 23
# Values of theta and lambda among which those of a cache are chosen.
_THETAS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
_SHARES = (0.0, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class DynamicEvaluation:
    """Options of dynamic evaluation by SGD (Krause et al. 2018): a step after each segment, and a decay.

        w <- w - rate * gradient + decay * (w_trained - w)

    rate    the learning rate; the loss is the mean over the segment
    decay   towards the trained weights
    length  time steps of a segment

    Raises ConfigError for a value out of range.
    """

    rate: float
    decay: float = 0.0
    length: int = 20

    def __post_init__(self) -> None:
        if not (self.rate >= 0.0 and math.isfinite(self.rate)):
            raise ConfigError(f"expected the rate of dynamic evaluation to be a number from 0. Received: {self.rate}")
        if not 0.0 <= self.decay <= 1.0:
            raise ConfigError(f"expected the decay of dynamic evaluation from 0 to 1. Received: {self.decay}")
        if self.length < 1:
            raise ConfigError(f"expected segments of at least one time step. Received: {self.length}")


class SegmentCounts(NamedTuple):
    """The loss of each token of a segment in nats, the tokens, and the number of those that were the most likely."""

    nats_T: Tensor
    targets_T: Tensor
    correct: int


def measure_adapted(
    network: Any, held: HeldOutText, cache: NeuralCache | None, dynamic: DynamicEvaluation | None
) -> Iterator[TokenCounts]:
    """Yield the sums over a held-out text up to the end of each segment. Arguments and errors as `adapted_nats`."""
    nats, tokens, correct, unknown, unknown_nats = 0.0, 0, 0, 0, 0.0
    for found in adapted_nats(network, segments_of(held, dynamic), cache, dynamic):
        nats, tokens, correct = nats + float(found.nats_T.sum()), tokens + len(found.nats_T), correct + found.correct
        lacking_T = found.targets_T == UNKNOWN_ID
        unknown, unknown_nats = unknown + int(lacking_T.sum()), unknown_nats + float(found.nats_T[lacking_T].sum())
        yield TokenCounts(nats, tokens, correct, unknown, unknown_nats)


def segments_of(held: HeldOutText, dynamic: DynamicEvaluation | None = None) -> Iterable[Batch]:
    """Return a held-out text as one row of consecutive segments."""
    length = max(1, min(_STEPS, _MAX_LOGITS // held.vocabulary.size)) if dynamic is None else dynamic.length
    return sequential(
        held.tokens, batch_size=1, length=length, end_id=held.vocabulary.end_id, burn_in=0, limit=held.limit
    )


def adapted_nats(
    network: Any, segments: Iterable[Batch], cache: NeuralCache | None, dynamic: DynamicEvaluation | None
) -> Iterator[SegmentCounts]:
    """Yield the losses of consecutive segments of one row, each under the network as it is before the segment.

    `network` is in evaluation mode and stays as it is: dynamic evaluation changes a copy. Raises ConfigError for a
    cache with an ensemble, whose members have states of their own.
    """
    _check_cache(network, cache)
    history = None if cache is None else CacheHistory(cache.window)
    steps = None if dynamic is None else _Steps(network, dynamic)
    running = network if steps is None else steps.network
    with torch.set_grad_enabled(steps is not None):
        for read in _read(running, segments, with_states=cache is not None):
            loss_T = -read.log_probs_TV.gather(1, read.targets_T[:, None])[:, 0]
            with torch.no_grad():
                log_probs_TV = read.log_probs_TV.detach()
                if cache is not None and history is not None:
                    log_probs_TV = cache.mixed(log_probs_TV, history.extend(read.states_TH, read.targets_T))
                nats_T = -log_probs_TV.gather(1, read.targets_T[:, None])[:, 0].double()
                correct = int((log_probs_TV.argmax(dim=1) == read.targets_T).sum())
            if steps is not None:
                steps.step(loss_T.mean())
            yield SegmentCounts(nats_T.cpu(), read.targets_T.cpu(), correct)


class _Segment(NamedTuple):
    """Of a segment: the logarithms of the probabilities of all tokens, the tokens, and the last layer's outputs."""

    log_probs_TV: Tensor
    targets_T: Tensor
    states_TH: Tensor


def _read(network: Any, segments: Iterable[Batch], *, with_states: bool) -> Iterator[_Segment]:
    """Yield what the network makes of each segment, with carried state."""
    device = network.head.weight.device
    state: State | None = None
    for batch in segments:
        initial = network.initial_state(1)
        state = initial if state is None else reset_rows(state, batch.reset_B, initial)
        T = batch.inputs_BT.shape[1] if batch.lengths_B is None else int(batch.lengths_B[0])
        inputs_BT, targets_T = batch.inputs_BT[:, :T].to(device), batch.targets_BT[0, :T].to(device)
        if with_states:
            y_BTH, state = network.outputs(inputs_BT, None, state)
            logits_TV, states_TH = network.head(y_BTH[0]), y_BTH[0].detach().float()
        else:
            logits_BTV, state = network(inputs_BT, None, state)
            logits_TV, states_TH = logits_BTV[0], torch.zeros(T, 0)
        state = detach(state)
        yield _Segment(torch.log_softmax(logits_TV.float(), dim=1), targets_T, states_TH)


class _Steps:
    """The steps of dynamic evaluation on a copy of a network."""

    def __init__(self, network: Any, dynamic: DynamicEvaluation) -> None:
        self.network = copy.deepcopy(network).requires_grad_(True)
        self.dynamic = dynamic
        self._parameters = list(self.network.parameters())
        self._trained = [parameter.detach().clone() for parameter in self._parameters]

    def step(self, loss: Tensor) -> None:
        """Make a step down the gradient of a loss, and one towards the trained weights."""
        gradients = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        with torch.no_grad():
            for parameter, trained, gradient in zip(self._parameters, self._trained, gradients, strict=True):
                if self.dynamic.decay:
                    parameter.lerp_(trained, self.dynamic.decay)
                if gradient is not None:
                    parameter.sub_(gradient, alpha=self.dynamic.rate)


def choose_cache(
    network: Any,
    segments: Iterable[Batch],
    window: int,
    thetas: Sequence[float] = _THETAS,
    shares: Sequence[float] = _SHARES,
) -> NeuralCache:
    """Return the cache with the theta and lambda of these values that make a text most likely."""
    start = NeuralCache(window=window)
    _check_cache(network, start)
    history = CacheHistory(window)
    shares_S = torch.tensor(shares, dtype=torch.float64)
    totals = torch.zeros(len(thetas), len(shares), dtype=torch.float64)
    with torch.no_grad():
        for read in _read(network, segments, with_states=True):
            model_T = read.log_probs_TV.double().gather(1, read.targets_T[:, None])[:, 0].exp().cpu()
            scores = history.extend(read.states_TH, read.targets_T)
            hits_TN = scores.words_N == read.targets_T[:, None]
            shares_TS = shares_S * scores.filled_T.cpu()[:, None]
            for place, theta in enumerate(thetas):
                cached_T = (scores.weights(theta) * hits_TN).sum(dim=1).cpu()
                mixed_TS = (1.0 - shares_TS) * model_T[:, None] + shares_TS * cached_T[:, None]
                totals[place] += mixed_TS.log().sum(dim=0)
    best = int(totals.argmax())
    return NeuralCache(window, thetas[best // len(shares)], shares[best % len(shares)])


def _check_cache(network: Any, cache: NeuralCache | None) -> None:
    if cache is not None and not hasattr(network, "outputs"):
        raise ConfigError("expected one network, whose states a neural cache keeps. Received: an ensemble")

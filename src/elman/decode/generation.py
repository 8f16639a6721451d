"""Text generation: a network reads a prompt, then tokens are sampled and fed back one at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from elman.data.vocabulary import Vocabulary
from elman.decode.engine import TokenNetwork, engine_of
from elman.decode.sampling import SamplingOptions, check_seed, sample, without_end
from elman.errors import ConfigError, DataError, KernelUnavailableError
from elman.kernels import each_with_threads_for, threads_for
from elman.kernels.generation import Engine, TokenStreams
from elman.state import State, map_leaves

__all__ = ["SteppingNetwork", "StopStringFilter", "read_prompt", "sample_natively", "sample_with_torch", "stream_texts"]

_log = logging.getLogger("elman.kernels")

# The number of tokens per native call starts at one and doubles while a call takes less than half of this: text appears
# immediately and continuously, and generation can be interrupted.
_SECONDS_A_CALL = 0.01


class SteppingNetwork(TokenNetwork, Protocol):
    """Protocol of a network that can also advance by one token."""

    def step(self, tokens_B: Tensor, state: State, /) -> tuple[Tensor, State]:
        """Return `logits_BV` after one more token in each row, and the state after it."""


@dataclass
class StopStringFilter:
    """Stream filter that ends text at the first stop string; text that may become a stop string is held back."""

    stops: Sequence[str]
    ended: bool = False
    _held: str = field(default="", repr=False)

    def feed(self, piece: str) -> str:
        """Add a piece and return the text that is certain to precede any stop string."""
        text = self._held + piece
        found = [place for place in (text.find(stop) for stop in self.stops) if place >= 0]
        if found:
            self.ended, self._held = True, ""
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self.stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """Return the text that was held back, at the end of the stream."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest suffix of `text` that is a proper prefix of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)


def read_prompt(
    network: TokenNetwork, ids: Sequence[int], rows: int, chunk: int = 1024, *, state: State | None = None
) -> tuple[Tensor, State]:
    """Run the network over `ids`; return the logits of the next token and the state, repeated for `rows` rows.

    `state`, of one row, is that before `ids`; by default the initial one.
    """
    device = network.head.weight.device
    state = network.initial_state(1) if state is None else state
    logits = None
    tokens_BT = torch.tensor([list(ids)], dtype=torch.int64, device=device)
    for piece_BT in tokens_BT.split(chunk, dim=1):
        logits_BTV, state = network(piece_BT, None, state)
        logits = logits_BTV[:, -1]
    if logits is None:
        raise ConfigError("expected at least one token to start from. Received: none")
    return logits.expand(rows, -1), map_leaves(lambda leaf: leaf.expand(rows, *leaf.shape[1:]).contiguous(), state)


def stream_texts(
    network: SteppingNetwork,
    vocabulary: Vocabulary,
    start: Sequence[int],
    *,
    length: int,
    sampling: SamplingOptions,
    samples: int,
    stops: Sequence[str],
    seed: int,
    weights: str = "float32",
    min_length: int = 0,
) -> Iterator[tuple[int, str]]:
    """Sample up to `length` tokens in each of `samples` rows; yields (row, piece of text) as tokens are sampled.

    A row ends at an end token, at a stop string (which is not part of its text), or after `length` tokens. An end token
    is not sampled before a row has `min_length` tokens. Uses the native engine, with weights in the format `weights`,
    if it can run the network, and torch otherwise.

    Raises ConfigError for an invalid length, number of samples, stop string or seed, KernelUnavailableError for a
    weight format other than float32 without a native engine, DataError if the network's logits are not finite.
    """
    for name, value, least in (("length", length, 0), ("samples", samples, 1), ("min_length", min_length, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(f"expected {name} to be a whole number from {least}. Received: {value!r}")
    if min_length > length:
        raise ConfigError(f"expected min_length of at most length = {length}. Received: {min_length}")
    if any(stop == "" for stop in stops):
        raise ConfigError("expected stop strings of at least one character. Received: an empty one")
    check_seed(seed)
    with threads_for(samples, network):
        engine = engine_of(network, weights)
    rows = [_Row(vocabulary, start, stops) for _ in range(samples)]
    early = _Early(without_end(sampling, vocabulary.end_id), min_length)
    with torch.no_grad():
        if isinstance(engine, Engine):
            blocks = sample_natively(engine, network, start, length, sampling, samples, seed, early)
        elif weights == "float32":
            _log.info("text is drawn with torch: %s", engine)
            blocks = sample_with_torch(network, start, length, sampling, samples, seed, early)
        else:
            raise KernelUnavailableError(f"expected a network that can run with {weights} weights. Received: {engine}")
        for block in each_with_threads_for(samples, network, blocks):
            for number, (row, tokens) in enumerate(zip(rows, block, strict=True)):
                if row.ended:
                    continue
                if piece := row.feed(tokens):
                    yield number, piece
                if row.failed:
                    raise DataError(f"expected finite logits to sample from. Received: NaN or infinity in row {number}")
            if all(row.ended for row in rows):
                return
    for number, row in enumerate(rows):
        if not row.ended and (piece := row.finish()):
            yield number, piece


class _Early(NamedTuple):
    """The options of sampling of the first tokens of a text, and the number of these tokens."""

    sampling: SamplingOptions
    steps: int


def sample_with_torch(
    network: SteppingNetwork,
    start: Sequence[int],
    length: int,
    sampling: SamplingOptions,
    samples: int,
    seed: int,
    early: _Early | None = None,
) -> Iterator[list[list[int]]]:
    """Sample with torch; yields the tokens of each row, one step at a time."""
    logits_BV, state = read_prompt(network, start, samples)
    history_BN = torch.tensor([list(start)], device=logits_BV.device).expand(samples, -1)
    first, first_steps = early or (None, 0)
    drawn = sample(
        network.step,
        state,
        logits_BV,
        sampling,
        seed=seed,
        history_BN=history_BN,
        first=first,
        first_steps=first_steps,
    )
    return (tokens_B[:, None].tolist() for tokens_B in islice(drawn, length))


def sample_natively(
    engine: Engine,
    network: TokenNetwork,
    start: Sequence[int],
    length: int,
    sampling: SamplingOptions,
    samples: int,
    seed: int,
    early: _Early | None = None,
) -> Iterator[list[list[int]]]:
    """Sample on the native engine; yields the tokens of each row for several steps at a time.

    The tokens of a row depend only on the seed and the row's index. A token that cannot be sampled is -1.
    """
    if not start:
        raise ConfigError("expected at least one token to start from. Received: none")
    state = read_prompt(network, start[:-1], 1)[1] if len(start) > 1 else network.initial_state(1)
    penalised = sampling.repetition_penalty != 1.0
    streams = TokenStreams.start(
        engine.pack_state(state).repeat(samples, 1),
        torch.full((samples,), start[-1], dtype=torch.int64),
        seed=seed,
        recent_BN=torch.tensor([list(start)], dtype=torch.int64).expand(samples, -1),
        window=min(sampling.repetition_window, len(start) + length) if penalised else 0,
    )
    done, steps = 0, 1
    while done < length:
        started = perf_counter()
        options, until = (early.sampling, early.steps) if early and done < early.steps else (sampling, length)
        block = engine.draw(streams, min(steps, until - done), options).tolist()
        done += min(steps, until - done)
        if perf_counter() - started < _SECONDS_A_CALL / 2:
            steps *= 2
        yield block


class _Row:
    """One sample: decodes token ids to pieces of text."""

    def __init__(self, vocabulary: Vocabulary, start: Sequence[int], stops: Sequence[str]) -> None:
        self.ended = False
        self.failed = False
        self._end_id = vocabulary.end_id
        self._inbox: list[int] = []
        self._pieces = vocabulary.decode_stream(self._take())
        self._stop = StopStringFilter(stops)
        # Whether a space precedes the first word depends on the tokens before it.
        given = ""
        for token in start:
            self._inbox.append(token)
            given += next(self._pieces)
        # Text of these tokens that the stream holds back is not part of the sample.
        self._given = sum(not each.isspace() for each in vocabulary.decode(start)[len(given) :])

    def _take(self) -> Iterator[int]:
        while self._inbox:
            yield self._inbox.pop()

    def feed(self, tokens: Sequence[int]) -> str:
        """Add tokens and return the text that is now certain; tokens after the end of the row are ignored."""
        text = []
        for token in tokens:
            if token == self._end_id:
                text.append(self.finish())
                break
            if token < 0:
                self.failed = True
                break
            self._inbox.append(token)
            piece = self._new(next(self._pieces))
            text.append(self._stop.feed(piece) if self._stop.stops else piece)
            if self._stop.ended:
                self.ended = True
                break
        return "".join(text)

    def _new(self, piece: str) -> str:
        """Return a piece without the text of the tokens that the sample started with."""
        at = 0
        while self._given and at < len(piece):
            self._given -= not piece[at].isspace()
            at += 1
        return piece[at:]

    def finish(self) -> str:
        """End the row and return the text that was held back."""
        self.ended = True
        text = "".join([self._stop.feed(self._new(piece)) for piece in self._pieces])
        return text if self._stop.ended else text + self._stop.rest()

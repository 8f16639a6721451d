"""New text from a network: a prompt is read, then tokens are drawn and fed back, one at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor

from elman.data.vocabulary import Vocabulary
from elman.decode.engine import TokenNetwork, engine_of
from elman.decode.sampling import Sampling, check_seed, sample
from elman.errors import ConfigError, DataError, KernelUnavailable
from elman.kernels.generation import Engine, Streams
from elman.types import State, map_leaves

__all__ = ["SteppingNetwork", "StopAt", "draw_natively", "draw_with_torch", "generate_pieces", "read_prompt"]

_log = logging.getLogger("elman.kernels")

# A native call draws one token, the next one two, and so on while a call takes less than this: so text appears at once,
# flows on, and can be interrupted.
_SECONDS_A_CALL = 0.01


class SteppingNetwork(TokenNetwork, Protocol):
    """A network that goes on by one token."""

    def step(self, tokens_B: Tensor, state: State, /) -> tuple[Tensor, State]:
        """Scores `logits_BV` after one more token in each row, and the state after it."""


@dataclass
class StopAt:
    """Passes text on, and ends it at the first of `stops`; what could still become a stop is held back."""

    stops: Sequence[str]
    ended: bool = False
    _held: str = field(default="", repr=False)

    def feed(self, piece: str) -> str:
        """The text that is certain to come before any stop."""
        text = self._held + piece
        found = [place for place in (text.find(stop) for stop in self.stops) if place >= 0]
        if found:
            self.ended, self._held = True, ""
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self.stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What was held back, when no more text comes."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that is a beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)


def read_prompt(network: TokenNetwork, ids: Sequence[int], rows: int, chunk: int = 1024) -> tuple[Tensor, State]:
    """Feed `ids` to the network, the same in every row; the scores of the next token and the state after it."""
    device = network.head.weight.device
    state = network.initial_state(1)
    logits = None
    tokens_BT = torch.tensor([list(ids)], dtype=torch.int64, device=device)
    for piece_BT in tokens_BT.split(chunk, dim=1):
        logits_BTV, state = network(piece_BT, None, state)
        logits = logits_BTV[:, -1]
    if logits is None:
        raise ConfigError("expected at least one token to start from. Received: none")
    return logits.expand(rows, -1), map_leaves(lambda leaf: leaf.expand(rows, *leaf.shape[1:]).contiguous(), state)


def generate_pieces(
    network: SteppingNetwork,
    vocabulary: Vocabulary,
    start: Sequence[int],
    *,
    length: int,
    sampling: Sampling,
    samples: int,
    stops: Sequence[str],
    seed: int,
    weights: str = "float32",
) -> Iterator[tuple[int, str]]:
    """Draw up to `length` tokens in each of `samples` rows; yields (row, piece of text) as the tokens come.

    A row ends at an end token, at a stop string (which is not part of its text), or after `length` tokens. The native
    engine draws where it can run the network, with its weights in the format `weights`; torch where it cannot.

    Raises ConfigError for a length or a number of samples that cannot be used, KernelUnavailable for rougher weights
    than float32 where there is no native engine, DataError when the network's scores are no numbers.
    """
    for name, value, least in (("length", length, 0), ("samples", samples, 1)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(f"expected {name} to be a whole number from {least}. Received: {value!r}")
    if any(stop == "" for stop in stops):
        raise ConfigError("expected stop strings of at least one character. Received: an empty one")
    check_seed(seed)
    engine = engine_of(network, weights)
    rows = [_Row(vocabulary, start, stops) for _ in range(samples)]
    with torch.no_grad():
        if isinstance(engine, Engine):
            drawn = draw_natively(engine, network, start, length, sampling, samples, seed)
        elif weights == "float32":
            _log.info("text is drawn with torch: %s", engine)
            drawn = draw_with_torch(network, start, length, sampling, samples, seed)
        else:
            raise KernelUnavailable(f"expected a network that can run with {weights} weights. Received: {engine}")
        for stretch in drawn:
            for number, (row, tokens) in enumerate(zip(rows, stretch, strict=True)):
                if row.ended:
                    continue
                if piece := row.feed(tokens):
                    yield number, piece
                if row.failed:
                    raise DataError(f"expected finite scores to draw a token by. Received: others in row {number}")
            if all(row.ended for row in rows):
                return
    for number, row in enumerate(rows):
        if not row.ended and (piece := row.finish()):
            yield number, piece


def draw_with_torch(
    network: SteppingNetwork, start: Sequence[int], length: int, sampling: Sampling, samples: int, seed: int
) -> Iterator[list[list[int]]]:
    """For every stretch of steps the tokens of each row, step by step."""
    logits_BV, state = read_prompt(network, start, samples)
    history_BN = torch.tensor([list(start)], device=logits_BV.device).expand(samples, -1)
    drawn = sample(network.step, state, logits_BV, sampling, seed=seed, history_BN=history_BN)
    return (tokens_B[:, None].tolist() for tokens_B in islice(drawn, length))


def draw_natively(
    engine: Engine,
    network: TokenNetwork,
    start: Sequence[int],
    length: int,
    sampling: Sampling,
    samples: int,
    seed: int,
) -> Iterator[list[list[int]]]:
    """The same on the native engine; a row's tokens depend on the seed and its number alone. -1 where none can be."""
    if not start:
        raise ConfigError("expected at least one token to start from. Received: none")
    state = read_prompt(network, start[:-1], 1)[1] if len(start) > 1 else network.initial_state(1)
    penalised = sampling.repetition_penalty != 1.0
    streams = Streams.start(
        engine.pack_state(state).repeat(samples, 1),
        torch.full((samples,), start[-1], dtype=torch.int64),
        seed=seed,
        recent_BN=torch.tensor([list(start)], dtype=torch.int64).expand(samples, -1),
        window=min(sampling.repetition_window, len(start) + length) if penalised else 0,
    )
    done, steps = 0, 1
    while done < length:
        begun = perf_counter()
        stretch = engine.draw(streams, min(steps, length - done), sampling).tolist()
        done += steps
        if perf_counter() - begun < _SECONDS_A_CALL / 2:
            steps *= 2
        yield stretch


class _Row:
    """One sample: token numbers in, pieces of text out."""

    def __init__(self, vocabulary: Vocabulary, start: Sequence[int], stops: Sequence[str]) -> None:
        self.ended = False
        self.failed = False
        self._end_id = vocabulary.end_id
        self._inbox: list[int] = []
        self._pieces = vocabulary.decode_stream(self._take())
        self._stop = StopAt(stops)
        # Whether a space stands before the first word depends on the words before it.
        for token in start:
            self._inbox.append(token)
            next(self._pieces)

    def _take(self) -> Iterator[int]:
        while self._inbox:
            yield self._inbox.pop()

    def feed(self, tokens: Sequence[int]) -> str:
        """The text that more tokens make certain; what comes after the row's end is left out."""
        text = []
        for token in tokens:
            if token == self._end_id:
                text.append(self.finish())
                break
            if token < 0:
                self.failed = True
                break
            self._inbox.append(token)
            piece = next(self._pieces)
            text.append(self._stop.feed(piece) if self._stop.stops else piece)
            if self._stop.ended:
                self.ended = True
                break
        return "".join(text)

    def finish(self) -> str:
        """The text that was held back."""
        self.ended = True
        text = "".join([self._stop.feed(piece) for piece in self._pieces])
        return text if self._stop.ended else text + self._stop.rest()

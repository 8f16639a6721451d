"""Batches from token files: parallel streams for truncated BPTT, and a single pass for evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from elman.data.token_file import TokenFile
from elman.errors import ConfigError, DataError
from elman.former import former_attributes, former_keywords
from elman.state import IGNORE_INDEX, Batch

__all__ = ["BPTTBatches", "sequential"]

__getattr__ = former_attributes(__name__, {"Lanes": "BPTTBatches"})

# Batches per read from the disk.
_BATCHES_AHEAD = 16

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class BPTTBatches:
    """Endless stream of batches for truncated BPTT: B rows read a circular text, T tokens at a time.

    Row i begins at token (offset + i*N//B) mod N, for N tokens. Each row continues the row of the batch before,
    except where `reset_B` is true: in the first batch, at the beginning of a document (the first input of the row is an
    end token) and at the beginning of the text. A row is shorter than T (`lengths_B`) where a document ends, with the
    end token as its last target, and at the end of the text.
    """

    @former_keywords({"lanes": "batch_size"})
    def __init__(self, tokens: TokenFile, *, batch_size: int, length: int, end_id: int, offset: int = 0) -> None:
        """Raises ConfigError for fewer than one row or step, DataError for a text of fewer than two tokens."""
        _check(tokens, batch_size, length)
        self.tokens = tokens
        self.batch_size = batch_size
        self.length = length
        self.end_id = end_id
        self.tokens_seen = 0
        self._ahead = _ReadAhead(tokens)
        size = len(tokens)
        self._positions = (offset % size + np.arange(batch_size, dtype=np.int64) * size // batch_size) % size
        self._positions[self._positions == size - 1] = 0  # the last token has no successor
        self._fresh = np.ones(batch_size, dtype=np.bool_)

    @property
    def epoch(self) -> float:
        """Passes over the text so far, with the fraction of the current one, counted in targets."""
        return self.tokens_seen / (len(self.tokens) - 1)

    def next_batch(self) -> Batch:
        """Return the next batch: int64 inputs_BT and targets_BT; padding has input 0 and target `IGNORE_INDEX`."""
        last = len(self.tokens) - 1
        stops = np.full(self.batch_size, last, dtype=np.int64)
        inputs_BT, targets_BT, lengths_B = _stretch(self._ahead, self._positions, stops, self.length, self.end_id)
        reset_B = self._fresh | (inputs_BT[:, 0] == self.end_id)
        self._positions = self._positions + lengths_B
        self._fresh = self._positions == last
        self._positions[self._fresh] = 0
        self.tokens_seen += int(lengths_B.sum())
        return _batch(inputs_BT, targets_BT, lengths_B, reset_B)

    def state_dict(self) -> dict[str, Any]:
        """Return the positions as plain ints, bools and lists, from which a stream continues identically."""
        return {
            "size": len(self.tokens),
            "length": self.length,
            "positions": self._positions.tolist(),
            "fresh": self._fresh.tolist(),
            "tokens_seen": self.tokens_seen,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position. Raises ConfigError if the text or the batch shape differs."""
        for name, own in (("size", len(self.tokens)), ("length", self.length)):
            if state.get(name) != own:
                raise ConfigError(f"expected a cursor saved with {name} {own}. Received: {state.get(name)!r}")
        positions: Any = state.get("positions")
        fresh, seen = state.get("fresh"), state.get("tokens_seen")
        if not _is_list(positions, int, self.batch_size) or not _is_list(fresh, bool, self.batch_size):
            raise ConfigError(
                f"expected a cursor saved with batch_size={self.batch_size}. Received: {str(state)[:200]}"
            )
        if not all(0 <= position < len(self.tokens) - 1 for position in positions):
            raise ConfigError(f"expected positions from 0 to {len(self.tokens) - 2}. Received: {str(positions)[:200]}")
        if type(seen) is not int or seen < 0:
            raise ConfigError(f"expected the number of tokens seen. Received: {seen!r}")
        self._positions = np.array(positions, dtype=np.int64)
        self._fresh = np.array(fresh, dtype=np.bool_)
        self.tokens_seen = seen


@former_keywords({"lanes": "batch_size"})
def sequential(
    tokens: TokenFile, *, batch_size: int, length: int, end_id: int, burn_in: int = 128, limit: int | None = None
) -> Iterator[Batch]:
    """Yield batches in which every token that has a predecessor is a target exactly once, for evaluation.

    The first `limit` tokens of the text, by default all, are divided into `batch_size` segments, fewer if the text is
    too short. To warm up its state, each row first reads up to `burn_in` tokens before its segment, of the same
    document, with the target `IGNORE_INDEX`. Rows end at documents as in `BPTTBatches`; a finished row has a
    length 0. Raises ConfigError for an option out of range, DataError for a text of fewer than two tokens.
    """
    _check(tokens, batch_size, length)
    if burn_in < 0:
        raise ConfigError(f"expected burn_in to be 0 or more tokens. Received: {burn_in}")
    if limit is not None and limit < 2:
        raise ConfigError(f"expected a limit of at least 2 tokens. Received: {limit}")
    return _sequential(tokens, batch_size, length, end_id, burn_in, limit)


def _sequential(
    tokens: TokenFile, batch_size: int, length: int, end_id: int, burn_in: int, limit: int | None
) -> Iterator[Batch]:
    predictions = min(len(tokens), limit or len(tokens)) - 1
    batch_size = min(batch_size, predictions)
    # Row i predicts the tokens from borders[i] + 1 to borders[i + 1].
    borders = np.arange(batch_size + 1, dtype=np.int64) * predictions // batch_size
    begins, stops = borders[:-1], borders[1:]
    positions = np.array([_warm_start(tokens, int(first), burn_in, end_id) for first in begins], dtype=np.int64)
    first_B = np.ones(batch_size, dtype=np.bool_)
    ahead = _ReadAhead(tokens)
    while (positions < stops).any():
        inputs_BT, targets_BT, lengths_B = _stretch(ahead, positions, stops, length, end_id)
        places_BT = positions[:, None] + np.arange(length)
        targets_BT[places_BT < begins[:, None]] = IGNORE_INDEX
        reset_B = (first_B | (inputs_BT[:, 0] == end_id)) & (lengths_B > 0)
        yield _batch(inputs_BT, targets_BT, lengths_B, reset_B)
        positions = positions + lengths_B
        first_B = np.zeros(batch_size, dtype=np.bool_)


class _ReadAhead:
    """Read-ahead cache of token rows for several batches. It is not part of the stream's saved state."""

    def __init__(self, tokens: TokenFile) -> None:
        self._tokens = tokens
        self._block = np.zeros((0, 0), dtype=np.int64)
        self._starts = self._stops = np.zeros(0, dtype=np.int64)

    def read(self, positions: Ints, counts: Ints, width: int) -> Ints:
        """Return rows of `width` tokens: row i has `counts[i]` tokens from `positions[i]` and then arbitrary ones."""
        if len(self._starts) != len(positions) or not self._holds(positions, counts):
            wanted = np.minimum(len(self._tokens) - positions, _BATCHES_AHEAD * width)
            self._block = self._tokens.read_rows(positions.tolist(), wanted.tolist(), (_BATCHES_AHEAD + 1) * width)
            self._starts, self._stops = positions.copy(), positions + wanted
        columns = (positions - self._starts)[:, None] + np.arange(width)
        return np.take_along_axis(self._block, np.minimum(columns, self._block.shape[1] - 1), axis=1)

    def _holds(self, positions: Ints, counts: Ints) -> bool:
        needed = counts > 0
        return bool(
            ((positions >= self._starts) & (positions + counts <= self._stops) | ~needed).all()
            and (positions - self._starts >= 0).all()
        )


def _warm_start(tokens: TokenFile, first: int, burn_in: int, end_id: int) -> int:
    """Return the start of the burn-in of token `first`: `burn_in` tokens before, but within its document."""
    start = max(0, first - burn_in)
    ends = np.flatnonzero(tokens.read(start, first + 1) == end_id)
    return start + int(ends[-1]) if len(ends) else start


def _stretch(ahead: _ReadAhead, positions: Ints, stops: Ints, length: int, end_id: int) -> tuple[Ints, Ints, Ints]:
    """Return `inputs_BT`, `targets_BT` and `lengths_B` of a chunk per row.

    A chunk has up to `length` tokens from the position of its row, and ends at the row's stop and at end tokens.
    """
    lengths = np.minimum(stops - positions, length)
    counts = np.where(lengths > 0, lengths + 1, 0)
    read_BT = ahead.read(positions, counts, length + 1)
    inputs_BT, targets_BT = read_BT[:, :-1].copy(), read_BT[:, 1:].copy()
    if length > 1:
        is_end_BT = inputs_BT[:, 1:] == end_id
        first_end = np.where(is_end_BT.any(axis=1), is_end_BT.argmax(axis=1) + 1, length)
        lengths = np.minimum(lengths, first_end)
    padding_BT = np.arange(length) >= lengths[:, None]
    inputs_BT[padding_BT] = 0
    targets_BT[padding_BT] = IGNORE_INDEX
    return inputs_BT, targets_BT, lengths


def _batch(inputs_BT: Ints, targets_BT: Ints, lengths_B: Ints, reset_B: Flags) -> Batch:
    whole = bool((lengths_B == inputs_BT.shape[1]).all())
    return Batch(
        torch.from_numpy(inputs_BT),
        torch.from_numpy(targets_BT),
        None if whole else torch.from_numpy(lengths_B),
        torch.from_numpy(reset_B) if reset_B.any() else None,
    )


def _check(tokens: TokenFile, batch_size: int, length: int) -> None:
    if batch_size < 1 or length < 1:
        raise ConfigError(f"expected at least 1 row and 1 step. Received: {batch_size} rows of {length} steps")
    if len(tokens) < 2:
        raise DataError(f"expected a text of at least 2 tokens. Received: {len(tokens)}")


def _is_list(value: object, kind: type, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(type(item) is kind for item in value)

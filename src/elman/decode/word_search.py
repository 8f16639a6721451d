"""Search for the most likely words that go on with a text, for networks of characters and of subwords.

A node is a sequence of tokens after the text, with the beginning of a word. The nodes that are most likely are extended
first, so that the search may end once no node is as likely as the words that were found. A word's probability is the
sum over its tokenizations and over all tokens that end it.

The end of the text may be read again: of a text that ends within a word, a model of subwords reads only what precedes
the word, since the whole word has other tokens than its beginning (token healing). The first tokens then have to spell
that beginning, and probabilities are divided by that of all tokens that do so.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.word_parts import closing_tokens, leading_word, token_bytes
from elman.decode.log_probabilities import Doubles, log_probabilities
from elman.kernels import threads_for
from elman.state import State, map_leaves

__all__ = ["FoundWords", "WordNetwork", "search_words"]

# Nodes that the network reads together, at first and later, and nodes in all after which a search ends.
_FIRST_ROWS, _ROWS, _MOST_NODES = 8, 64, 4096
# Tokenizations of the word's beginning that are read further at a time.
_MOST_OWING = 256
# Tokens of a node that are followed, the most likely ones.
_BRANCHES = 128
# The search goes on until no node has this share of the probability of the last word asked for.
_REST = 0.1
# Tokenizations of the word's beginning that are less likely than this share of the best one are left out.
_LEAST = 1e-6
# Characters that are added to the word that is begun, at most.
_LONGEST = 60


class WordNetwork(Protocol):
    """Protocol of a network that advances by one token."""

    head: Any

    def step(self, tokens_B: Tensor, state: State, /) -> tuple[Tensor, State]:
        """Return `logits_BV` after one more token in each row, and the state after it."""


class FoundWords(NamedTuple):
    """Words with the logarithms of their probabilities given the text, and the beginning of a word that it ends with.

    The first words are certain to be the most likely ones if `complete`; otherwise the search was stopped before.
    """

    log_probabilities: dict[str, float]
    complete: bool


@dataclass(frozen=True)
class _Node:
    """Tokens after the text: what they spell, the rest of the bytes that they must begin with, and the state before the
    last of them, in row `row` of `states`.
    """

    log_probability: float
    spelt: bytes
    owed: bytes
    token: int
    states: State
    row: int

    @property
    def text(self) -> str:
        """What is spelt by whole characters."""
        return self.spelt.decode("utf-8", "ignore")

    @property
    def cut(self) -> bool:
        """Whether the last character is not complete."""
        return len(self.text.encode("utf-8")) < len(self.spelt)


def search_words(
    network: WordNetwork,
    vocabulary: Vocabulary,
    logits_V: Tensor,
    state: State,
    begun: str,
    owed: str,
    *,
    top: int,
) -> FoundWords:
    """Search for the `top` most likely words that begin with `begun`.

    logits_V, state  what follows the part of the text that was read, and the state after it, one row
    begun            the beginning of the word
    owed             the end of the text that was not read: empty, or what the first tokens must spell, with `begun`
    """
    return _Search(network, vocabulary, begun, owed).run(logits_V, state, top)


@dataclass
class _Search:
    network: WordNetwork
    vocabulary: Vocabulary
    begun: str
    owed: str
    _words: dict[str, float] = field(default_factory=dict)
    _open: list[tuple[float, int, _Node]] = field(default_factory=list)
    _covered: list[float] = field(default_factory=list)
    _dropped: float = -math.inf

    def __post_init__(self) -> None:
        self._bytes = token_bytes(self.vocabulary)
        self._closes_V = closing_tokens(self.vocabulary)
        self._follows_V = np.array([raw is not None for raw in self._bytes])
        self._order = count()
        # Whether the word's beginning was read already.
        self._read = "" if self.owed else self.begun
        self._fitting: dict[bytes, list[int]] = {}

    def run(self, logits_V: Tensor, state: State, top: int) -> FoundWords:
        """Return the words, after all likely tokenizations of what is owed are found."""
        begin = _Node(0.0, self._read.encode("utf-8"), self.owed.encode("utf-8"), -1, state, 0)
        owing = self._extend(begin, log_probabilities(logits_V[None])[0], state, 0, top)
        while owing:
            best = max([*self._covered, *(node.log_probability for node in owing)])
            likely = [node for node in owing if node.log_probability >= best + math.log(_LEAST)]
            likely = heapq.nlargest(_MOST_OWING, likely, key=lambda node: node.log_probability)
            owing = [new for node, after in self._read_nodes(likely) for new in self._extend(node, *after, top)]
        rows, nodes = _FIRST_ROWS, 0
        while nodes < _MOST_NODES and (group := self._likeliest(rows, self._bound(top))):
            for node, after in self._read_nodes(group):
                self._extend(node, *after, top)
            nodes += len(group)
            rows = min(2 * rows, _ROWS)
        left = max(self._dropped, -self._open[0][0] if self._open else -math.inf)
        total = _log_sum(self._covered) if self.owed else 0.0
        return FoundWords({word: value - total for word, value in self._words.items()}, left <= self._last(top))

    def _likeliest(self, most: int, least: float) -> list[_Node]:
        """Take at most so many of the most likely nodes off the heap, if they are more likely than `least`."""
        group: list[_Node] = []
        while self._open and len(group) < most and -self._open[0][0] > least:
            group.append(heapq.heappop(self._open)[2])
        return group

    def _last(self, top: int) -> float:
        """Return the log-probability of the last of the `top` most likely words so far."""
        if len(self._words) < top:
            return -math.inf
        return heapq.nlargest(top, self._words.values())[-1]

    def _bound(self, top: int) -> float:
        return self._last(top) + math.log(_REST)

    def _read_nodes(self, nodes: Sequence[_Node]) -> Iterator[tuple[_Node, tuple[Doubles, State, int]]]:
        """Yield each node with what the network says after its last token, and the state there."""
        for first in range(0, len(nodes), _ROWS):
            group = nodes[first : first + _ROWS]
            tokens_B = torch.tensor([node.token for node in group], device=self.network.head.weight.device)
            state = _joined([(node.states, node.row) for node in group])
            with threads_for(len(group), self.network):
                logits_BV, state = self.network.step(tokens_B, state)
            for row, (node, log_probs_V) in enumerate(zip(group, log_probabilities(logits_BV), strict=True)):
                yield node, (log_probs_V, state, row)

    def _extend(self, node: _Node, log_probs_V: Doubles, states: State, row: int, top: int) -> list[_Node]:
        """Add the words that end after a node, and its extensions; return those that still owe bytes."""
        if node.owed:
            tokens: Iterable[int] = self._fitting_tokens(node.owed)
        else:
            word, _ = leading_word(node.text)
            closes = bool(word) and not node.cut
            if closes:
                self._add(word, node.log_probability + _log_sum(log_probs_V[self._closes_V]))
            tokens = self._likely_tokens(log_probs_V, node.log_probability, closes, top)
        owing = []
        for token in tokens:
            new = self._extension(node, token, float(log_probs_V[token]), states, row)
            if node.owed and not new.owed:
                self._covered.append(new.log_probability)
            if new.owed:
                owing.append(new)
            else:
                self._place(new)
        return owing

    def _extension(self, node: _Node, token: int, log_probability: float, states: State, row: int) -> _Node:
        raw = self._bytes[token] or b""
        total = node.log_probability + log_probability
        return _Node(total, node.spelt + raw, node.owed[len(raw) :], token, states, row)

    def _place(self, node: _Node) -> None:
        """Keep a node whose word may go on, or add its word if that has ended within the last token."""
        word, goes_on = leading_word(node.text)
        if goes_on and len(word) <= len(self.begun) + _LONGEST:
            heapq.heappush(self._open, (-node.log_probability, next(self._order), node))
        elif word and not goes_on:
            self._add(word, node.log_probability)

    def _add(self, word: str, log_probability: float) -> None:
        if len(word) >= len(self.begun):
            self._words[word] = float(np.logaddexp(self._words.get(word, -math.inf), log_probability))

    def _fitting_tokens(self, owed: bytes) -> list[int]:
        """Return the tokens that spell the beginning of `owed`, or begin with all of it."""
        if owed not in self._fitting:
            self._fitting[owed] = [
                number
                for number, raw in enumerate(self._bytes)
                if raw and (owed.startswith(raw) or raw.startswith(owed))
            ]
        return self._fitting[owed]

    def _likely_tokens(self, log_probs_V: Doubles, before: float, closes: bool, top: int) -> list[int]:
        """Return the tokens by which a word may go on, without those that cannot lead to one of the likeliest words."""
        wanted_V = self._follows_V & (before + log_probs_V > self._bound(top))
        if closes:
            wanted_V &= ~self._closes_V
        found = np.flatnonzero(wanted_V)
        if len(found) > _BRANCHES:
            order = np.argsort(-log_probs_V[found], kind="stable")
            self._dropped = max(self._dropped, before + float(log_probs_V[found[order[_BRANCHES]]]))
            found = found[order[:_BRANCHES]]
        tokens: list[int] = found.tolist()
        return tokens


def _log_sum(values: Sequence[float] | Doubles) -> float:
    return float(np.logaddexp.reduce(np.asarray(values, dtype=np.float64))) if len(values) else -math.inf


def _joined(rows: Sequence[tuple[State, int]]) -> State:
    """Return rows of several states as one state."""
    taken = [map_leaves(lambda leaf, row=row: leaf[row : row + 1], state) for state, row in rows]
    return map_leaves(lambda *leaves: torch.cat(leaves), *taken)

"""The distribution of the next token after a prompt, and the probabilities of given continuations.

A network is one function `read(ids, state) -> (logits_TV, state)`, which reads tokens and returns the logits of the
token that follows each of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data.vocabulary import Vocabulary
from elman.decode.engine import TokenNetwork
from elman.decode.evaluation_mode import evaluation_mode
from elman.decode.generation import read_prompt
from elman.decode.lazy_logits import LazyLogits
from elman.decode.log_probabilities import Doubles, check_finite, log_probabilities
from elman.decode.search import Advance
from elman.display import aligned, plain
from elman.errors import ConfigError, DataError
from elman.kernels import threads_for
from elman.state import State, leaves, named_leaves

__all__ = [
    "DEFAULT_TOP",
    "NextToken",
    "NextTokens",
    "PromptState",
    "check_state",
    "next_of_decoder",
    "next_of_network",
    "shown_probability",
    "state_after",
]

# Number of tokens that are listed by default.
DEFAULT_TOP = 10

ReadTokens = Callable[[Sequence[int], State], tuple[Tensor, State]]
EncodeContinuation = Callable[[str], Sequence[int]]


class PromptState(NamedTuple):
    """What is left of a prompt: the state of the layers, one row, and the logits of the next token.

    `held` is the end of the prompt that is not read yet, since the next token may begin with it.
    """

    layers: State
    logits_V: Tensor
    held: str = ""


@dataclass(frozen=True)
class NextToken:
    """A token, or a candidate of one or more tokens, that may follow a prompt.

    text             its text; empty for the end, U+FFFD for an unknown token
    tokens           its tokens in printable form
    ids              their ids
    log_probability  natural logarithm of the probability of all its tokens
    """

    text: str
    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    log_probability: float

    @property
    def probability(self) -> float:
        """The probability of all its tokens."""
        return math.exp(self.log_probability)

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return {
            "text": self.text,
            "tokens": list(self.tokens),
            "ids": list(self.ids),
            "probability": self.probability,
            "log_probability": self.log_probability,
        }


@dataclass(frozen=True, eq=False)
class NextTokens:
    """The distribution of the next token after a prompt. Iterating yields the tokens of `found`.

    found            the most likely tokens, or the candidates in the order in which they were given
    log_probs_V      natural logarithm of the probability of each token of the vocabulary
    state            the state after the prompt, from which a language model goes on; None for other tasks
    """

    found: list[NextToken]
    log_probs_V: Doubles
    state: PromptState | None = None

    @property
    def probabilities(self) -> Doubles:
        """The probability of each token of the vocabulary, by its id: V numbers."""
        probabilities: Doubles = np.exp(self.log_probs_V)
        return probabilities

    def __iter__(self) -> Iterator[NextToken]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        """Return a table of probabilities, tokens and their ids."""
        rows = [
            (shown_probability(each.probability), " ".join(map(plain, each.tokens)), " ".join(map(str, each.ids)))
            for each in self.found
        ]
        return aligned([("probability", "token", "id"), *rows], right=[0])

    def to_json(self) -> list[dict[str, Any]]:
        """Return the tokens as JSON values."""
        return [each.to_json() for each in self.found]


def shown_probability(value: float) -> str:
    """Format a probability: four decimal places, or the exponent of a small one."""
    return f"{value:.4f}" if value >= 0.001 or not value else f"{value:.3g}"


def next_tokens(
    read: ReadTokens,
    vocabulary: Vocabulary,
    state: PromptState,
    *,
    top: int | None,
    candidates: Sequence[str] | None,
    encode: EncodeContinuation,
    decode: Callable[[Sequence[int]], str],
    keep_state: bool = False,
) -> NextTokens:
    """Return the distribution after a prompt, which ends in `state`.

    top         number of most likely tokens to list; by default `DEFAULT_TOP`
    candidates  texts whose probabilities are listed in place of the most likely tokens; of several tokens, that of all
    encode      encodes a text that follows the prompt
    decode      returns the text of token ids
    keep_state  whether the answer has the state

    Raises ConfigError for an invalid `top`, and for both; DataError for a candidate that is empty or has unknown
    tokens, and for logits that are not finite.
    """
    if candidates is not None and top is not None:
        raise ConfigError(f"expected either top or candidates. Received: both, top = {top}")
    if top is not None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
        raise ConfigError(f"expected top to be a whole number from 1. Received: {top!r}")
    check_finite(state.logits_V)
    log_probs_V = log_probabilities(state.logits_V[None])[0]
    if candidates is None:
        order = np.argsort(-log_probs_V, kind="stable")[: DEFAULT_TOP if top is None else top]
        chosen = [([number], float(log_probs_V[number])) for number in order.tolist()]
    else:
        chosen = [
            (ids, _continuation(read, state.layers, log_probs_V, ids))
            for ids in (_known_ids(text, encode, vocabulary) for text in checked_candidates(candidates))
        ]
    texts = candidates or [decode(ids) for ids, _ in chosen]
    found = [
        NextToken(text, tuple(vocabulary.token(number) for number in ids), tuple(ids), value)
        for text, (ids, value) in zip(texts, chosen, strict=True)
    ]
    return NextTokens(found, log_probs_V, state if keep_state else None)


def checked_candidates(candidates: object) -> Sequence[str]:
    """Return the candidates. Raises ConfigError unless they are a list of texts that are not empty."""
    if isinstance(candidates, str) or not isinstance(candidates, Sequence) or not candidates:
        raise ConfigError(f"expected candidates to be a list of texts. Received: {candidates!r}")
    for each in candidates:
        if not isinstance(each, str) or not each:
            raise ConfigError(f"expected candidates that are texts of at least one token. Received: {each!r}")
    return candidates


def _known_ids(text: str, encode: EncodeContinuation, vocabulary: Vocabulary) -> list[int]:
    ids = [int(number) for number in encode(text)]
    if not ids:
        raise DataError(f"expected candidates of at least one token. Received: {text!r}")
    if vocabulary.unknown_id in ids:
        raise DataError(
            f"expected candidates of known {vocabulary.unit}s, since the probability of an unknown one is that of all "
            f"unknown ones together. Received: {text!r}"
        )
    return ids


def _continuation(read: ReadTokens, layers: State, log_probs_V: Doubles, ids: Sequence[int]) -> float:
    """Return the log-probability of all tokens `ids`, the first of which has the distribution `log_probs_V`."""
    found = [float(log_probs_V[ids[0]])]
    if len(ids) > 1:
        log_probs_TV = log_probabilities(read(ids[:-1], layers)[0])
        found += log_probs_TV[np.arange(len(ids) - 1), np.asarray(ids[1:])].tolist()
    return math.fsum(found)


def check_state(state: object, expected: State) -> PromptState:
    """Return `state`. Raises ConfigError unless it is a `PromptState` whose layers have the shapes of `expected`."""
    if not isinstance(state, PromptState):
        raise ConfigError(f"expected state to be that of an earlier answer of next(). Received: {type(state).__name__}")
    shapes = [{name: tuple(leaf.shape) for name, leaf in named_leaves(each)} for each in (expected, state.layers)]
    if shapes[0] != shapes[1]:
        raise ConfigError(f"expected a state of this model, of shapes {shapes[0]}. Received: {shapes[1]}")
    return state


def state_after(
    network: TokenNetwork, vocabulary: Vocabulary, prompt: str, start: Sequence[int], state: PromptState | None
) -> PromptState:
    """Return the state after `prompt`, which begins with the text that `state` holds if there is an earlier state.

    start  tokens that precede the prompt where there is none
    """
    ids = [*(start if state is None else ()), *vocabulary.encode_start(prompt).tolist()]
    if ids:
        logits_BV, layers = read_prompt(network, ids, 1, state=None if state is None else state.layers)
        return PromptState(layers, logits_BV[0], vocabulary.held_back(prompt))
    if state is None:
        raise ConfigError("expected at least one token to start from. Received: none")
    return state._replace(held=vocabulary.held_back(prompt))


def next_of_network(
    network: TokenNetwork,
    vocabulary: Vocabulary,
    prompt: str,
    start: Sequence[int],
    state: PromptState | None,
    **asked: Any,
) -> NextTokens:
    """Return the distribution of a language model after `prompt`; `asked` are `top` and `candidates`.

    start  tokens that precede every prompt
    state  where an earlier prompt ended, from which this one goes on; None to begin with `start`
    """
    with torch.no_grad(), evaluation_mode(network), threads_for(1, network):  # type: ignore[arg-type]
        if state is not None:
            prompt = check_state(state, network.initial_state(1)).held + prompt
        state = state_after(network, vocabulary, prompt, start, state)

        def read(tokens: Sequence[int], layers: State) -> tuple[Tensor, State]:
            tokens_BT = torch.tensor([list(tokens)], device=network.head.weight.device)
            logits_BTV, layers = network(tokens_BT, None, layers)
            return logits_BTV[0], layers

        return next_tokens(
            read,
            vocabulary,
            state,
            encode=lambda text: vocabulary.encode_continuation(prompt, text).tolist(),
            decode=vocabulary.decode,
            keep_state=True,
            **asked,
        )


def next_of_decoder(
    advance: Advance, vocabulary: Vocabulary, state: State, memory: State, start: Sequence[int], **how: Any
) -> NextTokens:
    """Return the distribution of a decoder after the tokens `start`; `how` are further arguments of `next_tokens`.

    state, memory  those of one item, before the first token
    """

    def read(ids: Sequence[int], state: State) -> tuple[Tensor, State]:
        rows = []
        device = leaves(state)[0].device
        for number in ids:
            step = advance(torch.tensor([[number]], device=device), state, memory)
            logits_BKV, state = step.logits_BKV, step.state
            rows.append(logits_BKV.written()[0] if isinstance(logits_BKV, LazyLogits) else logits_BKV[0])
        return torch.cat(rows), state

    logits_TV, state = read(start, state)
    return next_tokens(read, vocabulary, PromptState(state, logits_TV[-1]), **how)

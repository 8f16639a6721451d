"""A language model of characters as the scorer of a search for other tokens: it reads the text of each token.

The score of a token is that of its characters. It is added in the step after the one that chose the token, to all
continuations of the hypothesis alike, so that the language model reads the chosen tokens only and not all tokens of the
vocabulary. The score of a finished text is exact; only the choice among the tokens of one step is made without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from elman.data.vocabulary import Vocabulary
from elman.decode.ctc_beam import LanguageModelScorer, LanguageModelStep
from elman.decode.evaluation_mode import evaluation_mode
from elman.state import State

__all__ = ["text_scorer"]


class _Read(NamedTuple):
    """State after the text of each of N hypotheses: that of the network, the next characters, and the tokens so far."""

    network: State
    next_NV: Tensor
    count_N: Tensor


class _Texts(NamedTuple):
    """The characters of every token, padded, and their number: within a text, and at its beginning."""

    ids_2VT: Tensor
    lengths_2V: Tensor


def text_scorer(network: Any, known: Vocabulary, start: Sequence[int], own: Vocabulary) -> LanguageModelScorer:
    """Return the scorer of a network over the characters `known`, for the tokens of `own`.

    start  ids before a text; the last of them also ends it

    A space at the beginning of a text is not read. Characters that the language model does not know are its unknown
    token; those that are split into several tokens are not read.
    """
    device = next(network.parameters()).device
    texts = _texts_of(own, known, device)
    end = start[-1]

    def output_of(scores_N: Tensor, state: _Read) -> LanguageModelStep:
        ends_N = scores_N + state.next_NV[:, end]
        return LanguageModelStep(scores_N[:, None].expand(-1, own.size), state, ends_N)

    @torch.no_grad()
    def extend(tokens_N: Tensor, state: _Read) -> LanguageModelStep:
        tokens_N = tokens_N.to(device)
        version_N = (state.count_N == 0).long()
        lengths_N = texts.lengths_2V[version_N, tokens_N]
        ids_NT = texts.ids_2VT[version_N, tokens_N][:, : max(1, int(lengths_N.max()))]
        with evaluation_mode(network), torch.autocast(device.type, enabled=False):
            logits_NTV, after = network(ids_NT, lengths_N, state.network)
        log_probs_NTV = logits_NTV.float().log_softmax(dim=-1)
        # The probability of a character is in the output after the one before it.
        before_NTV = torch.cat([state.next_NV[:, None], log_probs_NTV[:, :-1]], dim=1)
        scores_NT = before_NTV.gather(2, ids_NT[..., None])[..., 0]
        real_NT = torch.arange(ids_NT.shape[1], device=device) < lengths_N[:, None]
        rows_N = torch.arange(len(tokens_N), device=device)
        last_NV = log_probs_NTV[rows_N, (lengths_N - 1).clamp(min=0)]
        next_NV = torch.where(lengths_N[:, None] > 0, last_NV, state.next_NV)
        scores_N = torch.where(real_NT, scores_NT, 0.0).sum(dim=1)
        return output_of(scores_N, _Read(after, next_NV, state.count_N + 1))

    with evaluation_mode(network), torch.no_grad(), torch.autocast(device.type, enabled=False):
        logits_BTV, begun = network(torch.tensor([list(start)], device=device), None, network.initial_state(1))
        next_NV = logits_BTV[:, -1].float().log_softmax(dim=-1)
    first = _Read(begun, next_NV, torch.zeros(1, dtype=torch.int64, device=device))
    return LanguageModelScorer(output_of(torch.zeros(1, device=device), first), extend)


def _texts_of(own: Vocabulary, known: Vocabulary, device: torch.device) -> _Texts:
    texts = ["".join(own.generated_stream([number])) for number in range(own.size)]
    both = [*texts, *(text.removeprefix(" ") for text in texts)]
    rows = [known.encode(text).tolist() for text in both]
    ids = torch.zeros(len(rows), max(1, *map(len, rows)), dtype=torch.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row, dtype=torch.int64)
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    return _Texts(ids.view(2, own.size, -1).to(device), lengths.view(2, own.size).to(device))

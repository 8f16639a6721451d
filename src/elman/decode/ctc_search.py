"""CTC decoding by the options of a search: token ids and the steps of each token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from elman.data.transcripts.vocabulary import BLANK
from elman.decode.ctc import CtcLogits, ctc_greedy
from elman.decode.ctc_beam import CtcBeamOptions, LanguageModelScorer, ctc_prefix_beam
from elman.decode.text_output import first_distinct
from elman.decode.transcript_config import TranscriptSearchConfig
from elman.errors import ConfigError

__all__ = ["CtcResult", "CtcSearch", "alignment", "finder", "greedy"]

# Default beam width of a search.
_BEAMS = 16

Floats = npt.NDArray[np.float32]


class CtcResult(NamedTuple):
    """One decoded text as token ids.

    tokens           token ids
    spans            for each token, the first step and the step after the last
    score            value by which texts are ranked
    log_probability  natural logarithm of the probability of the text; in greedy decoding, of its most likely alignment
    language         log-probability of the text under the language model; 0 without one
    """

    tokens: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    score: float
    log_probability: float
    language: float


# Logits -> texts of each row, best first.
CtcSearch = Callable[[CtcLogits], list[list[CtcResult]]]


def greedy(output: CtcLogits, banned: Sequence[int] = ()) -> list[list[CtcResult]]:
    """Decode every row greedily: one text, of the most likely symbol of each step that is not banned."""
    paths = ctc_greedy(output.logits_BTV, output.lengths_B, BLANK, banned)
    return [[CtcResult(path.tokens, path.spans, path.log_probability, path.log_probability, 0.0)] for path in paths]


def finder(
    options: TranscriptSearchConfig,
    language: LanguageModelScorer | None,
    *,
    decode: Callable[[Sequence[int]], str] | None = None,
    banned: Sequence[int] = (),
) -> CtcSearch:
    """Return the decoding function for `options`. Raises ConfigError for options that cannot be combined.

    decode  detokenises token ids; if given, the texts of a recording are distinct
    banned  ids of tokens that are never chosen; the probabilities of the others are not renormalised
    """
    usual = TranscriptSearchConfig()
    if language is None:
        if options.lm_weight != usual.lm_weight:
            raise ConfigError(f"expected lm_weight with a language model (--lm) only. Received: {options.lm_weight:g}")
        if options == usual:
            return partial(greedy, banned=tuple(banned)) if banned else greedy
    beams = options.beams or max(_BEAMS, options.n_best)
    if options.n_best > beams:
        raise ConfigError(f"expected n_best of at most beams = {beams}. Received: {options.n_best}")
    beam = CtcBeamOptions(
        beams=beams,
        n_best=options.n_best if options.n_best == 1 or decode is None else beams,
        token_floor=options.token_floor,
        language_weight=options.lm_weight,
        bonus=options.insertion_bonus,
    )

    def find(output: CtcLogits) -> list[list[CtcResult]]:
        log_probs_BTV = output.logits_BTV.double().log_softmax(dim=-1)
        if banned:
            log_probs_BTV[:, :, list(banned)] = -torch.inf
        found = []
        for log_probs_TV, length in zip(log_probs_BTV, output.lengths_B.tolist(), strict=True):
            row_TV = log_probs_TV[:length]
            hypotheses = ctc_prefix_beam(row_TV, beam, blank=BLANK, language=language)
            if decode is not None:
                hypotheses = first_distinct(hypotheses, lambda each: decode(each.tokens), options.n_best)
            found.append(
                [
                    CtcResult(
                        each.tokens, alignment(row_TV, each.tokens), each.score, each.log_probability, each.language
                    )
                    for each in hypotheses
                ]
            )
        return found

    return find


def alignment(log_probs_TV: torch.Tensor, tokens: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the most likely CTC alignment (Viterbi): for each token, the first step and the step after the last.

    The path goes through blank, token, blank, ..., token, blank; a blank between two different tokens may be skipped.
    In shapes, K are the positions of this sequence.
    """
    T, N = len(log_probs_TV), len(tokens)
    if not N:
        return ()
    symbols = np.full(2 * N + 1, BLANK)
    symbols[1::2] = tokens
    emitted_TK = log_probs_TV.detach().double().cpu().numpy()[:, symbols]
    # A blank may be skipped only onto a token that differs from the previous one.
    can_skip_K = np.zeros(len(symbols), dtype=bool)
    can_skip_K[3::2] = symbols[3::2] != symbols[1:-2:2]
    best_K = np.full(len(symbols), -np.inf)
    best_K[:2] = emitted_TK[0, :2]
    previous_TK = np.zeros((T, len(symbols)), dtype=np.int64)
    for t in range(1, T):
        one_K = np.concatenate([[-np.inf], best_K[:-1]])
        two_K = np.where(can_skip_K, np.concatenate([[-np.inf, -np.inf], best_K[:-2]]), -np.inf)
        candidates_3K = np.stack([best_K, one_K, two_K])
        previous_TK[t] = candidates_3K.argmax(axis=0)
        best_K = candidates_3K.max(axis=0) + emitted_TK[t]
    place = len(symbols) - 1 if best_K[-1] >= best_K[-2] else len(symbols) - 2
    path_T = np.zeros(T, dtype=np.int64)
    for t in range(T - 1, -1, -1):
        path_T[t] = place
        place -= previous_TK[t, place]
    spans = []
    for number in range(N):
        steps = np.flatnonzero(path_T == 2 * number + 1)
        spans.append((int(steps[0]), int(steps[-1]) + 1))
    return tuple(spans)

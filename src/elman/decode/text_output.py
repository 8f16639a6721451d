"""Text generation by the search that the options select, and hypotheses as text.

The task provides the step function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from elman.decode.beam import BeamOptions, beam_search
from elman.decode.ctc_beam import LanguageModelScorer
from elman.decode.fused_search import check_language, fused
from elman.decode.greedy_search import draw, greedy
from elman.decode.sampling import SamplingOptions
from elman.decode.search import Advance, Hypothesis
from elman.decode.search_config import SearchConfig
from elman.state import State

__all__ = ["TextOutput", "distinct_texts", "find", "written"]

T = TypeVar("T")


class TextOutput(NamedTuple):
    """One generated text.

    text             the detokenised text
    tokens           its tokens in printable form
    score            value by which outputs are ranked: the log-probability after the penalties
    log_probability  natural logarithm of the probability of all tokens and the end
    attention        one row per token and one column per source step; None if it was not requested
    finished         False if it was truncated at the length limit
    """

    text: str
    tokens: list[str]
    score: float
    log_probability: float
    attention: Tensor | None = None
    finished: bool = True


def find(
    advance: Advance,
    state: State,
    memory: State,
    *,
    rows: int,
    start: int,
    end: int,
    limits_B: Sequence[int] | Tensor,
    search: SearchConfig,
    banned: tuple[int, ...] = (),
    lengths_B: Tensor | None = None,
    attention: bool = False,
    language: LanguageModelScorer | None = None,
) -> list[list[Hypothesis]]:
    """Run greedy search, beam search or sampling for `rows` sentences, by `search`; arguments as for `beam_search`.

    language  a language model for shallow fusion: its log-probabilities count by `lm_weight`

    One beam is greedy search, without penalties, unless something is added to log-probabilities. `limits_B` below
    `min_length` are raised to it. With `n_best` above 1,
    beam search returns up to as many hypotheses as beams, of which `distinct_texts` selects. Raises ConfigError for
    options that cannot be combined.
    """
    search.check()
    check_language(search, language)
    if language is not None and search.lm_weight:
        advance, state = fused(advance, state, language, search.lm_weight, end)
    if search.min_length:
        limits_B = torch.as_tensor(limits_B).clamp(min=search.min_length)
    common: dict[str, Any] = {
        "rows": rows,
        "start": start,
        "end": end,
        "limits_B": limits_B,
        "min_length": search.min_length,
        "lengths_B": lengths_B,
        "attention": attention,
    }
    if search.sample:
        sampling = SamplingOptions(
            temperature=search.temperature, top_k=search.top_k, top_p=search.top_p, banned=tuple(banned)
        )
        return draw(advance, state, memory, sampling=sampling, samples=search.n_best, seed=search.seed, **common)
    adds = search.insertion_bonus or (language is not None and search.lm_weight)
    if search.beams == 1 and not adds:
        return [[found] for found in greedy(advance, state, memory, banned=banned, **common)]
    options = BeamOptions(
        beams=search.beams,
        n_best=1 if search.n_best == 1 else search.beams,
        length_penalty=search.length_penalty,
        coverage_penalty=search.coverage_penalty,
        bonus=search.insertion_bonus,
        stop=search.stop,  # type: ignore[arg-type]
    )
    return beam_search(advance, state, memory, options=options, banned=banned, **common)


def written(hypothesis: Hypothesis, decode: Callable[[Sequence[int]], str], token: Callable[[int], str]) -> TextOutput:
    """Convert a hypothesis to text: `decode` detokenises token ids, `token` returns the printable form of one id."""
    return TextOutput(
        decode(hypothesis.tokens),
        [token(number) for number in hypothesis.tokens],
        hypothesis.score,
        hypothesis.log_probability,
        hypothesis.attention,
        hypothesis.finished,
    )


def distinct_texts(outputs: Iterable[T], text_of: Callable[[T], str], search: SearchConfig) -> list[T]:
    """Return the first `n_best` outputs of a search, best first, without those that repeat the text of a better one.

    Texts that differ in surrounding white space only are equal. Samples stay as they were drawn.
    """
    return list(outputs) if search.sample else first_distinct(outputs, text_of, search.n_best)


def first_distinct(outputs: Iterable[T], text_of: Callable[[T], str], most: int) -> list[T]:
    """Return the first `most` outputs whose texts, without surrounding white space, differ."""
    found: dict[str, T] = {}
    for each in outputs:
        if len(found) == most:
            break
        found.setdefault(text_of(each).strip(), each)
    return list(found.values())

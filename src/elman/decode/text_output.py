"""Text generation by the search that the options select, and hypotheses as text.

The task provides the step function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from elman.decode.beam import BeamOptions, beam_search
from elman.decode.greedy_search import draw, greedy
from elman.decode.sampling import SamplingOptions
from elman.decode.search import Advance, Hypothesis
from elman.decode.search_config import SearchConfig
from elman.state import State

__all__ = ["TextOutput", "find", "written"]


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
) -> list[list[Hypothesis]]:
    """Run greedy search, beam search or sampling for `rows` sentences, by `search`; arguments as for `beam_search`.

    One beam is greedy search, without penalties. Raises ConfigError for options that cannot be combined.
    """
    search.check()
    common: dict[str, Any] = {
        "rows": rows,
        "start": start,
        "end": end,
        "limits_B": limits_B,
        "lengths_B": lengths_B,
        "attention": attention,
    }
    if search.sample:
        sampling = SamplingOptions(
            temperature=search.temperature, top_k=search.top_k, top_p=search.top_p, banned=tuple(banned)
        )
        return draw(advance, state, memory, sampling=sampling, samples=search.n_best, seed=search.seed, **common)
    if search.beams == 1:
        return [[found] for found in greedy(advance, state, memory, banned=banned, **common)]
    options = BeamOptions(
        beams=search.beams,
        n_best=search.n_best,
        length_penalty=search.length_penalty,
        coverage_penalty=search.coverage_penalty,
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

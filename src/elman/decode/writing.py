"""Answers of text: searched for as the options say, and as a reader wants them.

A task brings the closure that the searches call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from elman.decode.beam import Beam, beam_search
from elman.decode.greedy_search import draw, greedy
from elman.decode.sampling import Sampling
from elman.decode.search import Advance, Hypothesis
from elman.decode.search_config import SearchConfig
from elman.types import State

__all__ = ["Written", "find", "written"]


class Written(NamedTuple):
    """One answer.

    text             as a reader wants it
    tokens           as the network wrote them, made visible
    score            what answers are ordered by: the log-probability after the penalties
    log_probability  natural logarithm of what the network gives to all tokens and the end
    attention        one line a token and one column a source step; None when it was not asked for
    finished         False when the limit of length cut it
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
    """The best hypotheses of each of `rows` sentences as `search` says, or drawn ones; arguments as for `beam_search`.

    A beam of one is the greedy search, in which penalties have nothing to choose between.
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
        sampling = Sampling(
            temperature=search.temperature, top_k=search.top_k, top_p=search.top_p, banned=tuple(banned)
        )
        return draw(advance, state, memory, sampling=sampling, samples=search.n_best, seed=search.seed, **common)
    if search.beams == 1:
        return [[found] for found in greedy(advance, state, memory, banned=banned, **common)]
    options = Beam(
        beams=search.beams,
        n_best=search.n_best,
        length_penalty=search.length_penalty,
        coverage_penalty=search.coverage_penalty,
        stop=search.stop,  # type: ignore[arg-type]
    )
    return beam_search(advance, state, memory, options=options, banned=banned, **common)


def written(hypothesis: Hypothesis, decode: Callable[[Sequence[int]], str], token: Callable[[int], str]) -> Written:
    """A hypothesis as text: `decode` makes text of token numbers, and `token` shows one of them."""
    return Written(
        decode(hypothesis.tokens),
        [token(number) for number in hypothesis.tokens],
        hypothesis.score,
        hypothesis.log_probability,
        hypothesis.attention,
        hypothesis.finished,
    )

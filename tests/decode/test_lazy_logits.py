"""Scores that are not written down: extensions and whole searches are those of the same scores written down."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from elman.decode import BeamOptions, Hypothesis, SamplingOptions, beam_search, candidates, draw, greedy
from elman.decode.lazy_logits import LazyLogits
from elman.decode.search import SearchStep
from elman.errors import ShapeError, TrainingError
from elman.kernels.native import library
from elman.kernels.output_product import LOGIT_PRECISIONS, PackedOutput
from elman.state import State

from .toy_translator import END, START, Toy

# Tokens that may not come.
BANNED = (0, 2, 3)

pytestmark = pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")


def check_extend(seed: int, B: int, K: int, V: int, count: int, scan: str = "float32") -> None:
    """The same tokens of the same hypotheses, with the same log-probabilities, and so the ends."""
    generator = torch.Generator().manual_seed(seed)
    weight_VR = torch.randn(V, 6, generator=generator)
    bias_V = torch.randn(V, generator=generator)
    bias_V[1::7] = -math.inf
    r_BKR, totals_BK = torch.randn(B, K, 6, generator=generator), -torch.rand(B, K, generator=generator) * 3
    if K > 1:
        totals_BK[0, -1] = -math.inf
    logits_BKV = r_BKR @ weight_VR.T + bias_V
    unwritten = LazyLogits(r_BKR, PackedOutput(weight_VR, bias_V, scan), lambda r_BKR: r_BKR @ weight_VR.T + bias_V)
    log_probabilities_BKV = logits_BKV.log_softmax(dim=2) + totals_BK[:, :, None]
    error = 0.02 if scan == "int8" and count + len(BANNED) + 8 < V else 1e-4
    for end in (0, V - 1):
        found, ends_BK = candidates.extend(unwritten, totals_BK, count, end, len(BANNED))
        torch.testing.assert_close(ends_BK, log_probabilities_BKV[:, :, end], atol=error, rtol=0.0)
        own_BN = log_probabilities_BKV.flatten(1).gather(1, found.slots_BN * V + found.tokens_BN)
        there_BN = found.scores_BN > -math.inf
        torch.testing.assert_close(found.scores_BN[there_BN], own_BN[there_BN], atol=error, rtol=0.0)
    # Whatever is banned, as many as are asked for are the best of the others.
    free_BKV = log_probabilities_BKV.index_fill(2, torch.tensor(BANNED), -math.inf)
    expected_BN = free_BKV.flatten(1).sort(dim=1, descending=True).values[:, :count]
    left_BN = found.scores_BN.masked_fill(torch.isin(found.tokens_BN, torch.tensor(BANNED)), -math.inf)
    left_BN = left_BN.sort(dim=1, descending=True).values[:, : expected_BN.shape[1]]
    torch.testing.assert_close(left_BN, expected_BN, atol=error, rtol=0.0)


def check_all_unwritten() -> None:
    for seed in range(4):
        for B, K, V in ((1, 1, 4), (3, 1, 50), (2, 5, 50), (4, 3, 700)):
            for count in (1, 6):
                check_extend(seed, B, K, V, count)


def test_extensions_are_those_of_written_scores() -> None:
    check_all_unwritten()
    for seed in range(4):
        check_extend(seed, 4, 3, 700, 6, "int8")


@pytest.mark.parametrize(("V", "most"), [(700, 128), (64 * 200, 200)])
def test_where_very_many_are_wanted_the_scores_are_written(V: int, most: int) -> None:
    weight_VR, bias_V, r_BKR = torch.randn(V, 6), torch.zeros(V), torch.randn(2, 3, 6)
    written: list[Tensor] = []

    def write(r_BKR: Tensor) -> Tensor:
        written.append(r_BKR)
        return r_BKR @ weight_VR.T

    unwritten = LazyLogits(r_BKR, PackedOutput(weight_VR, bias_V, "float32"), write)
    expected_BN = (r_BKR @ weight_VR.T).log_softmax(dim=2).flatten(1).topk(most).values
    for count in (most - 1, most):
        assert not written
        found, _ = candidates.extend(unwritten, torch.zeros(2, 3), count, 0, 1)
        torch.testing.assert_close(found.scores_BN[:, :count], expected_BN[:, :count], atol=1e-4, rtol=0.0)
    assert len(written) == 1


class Quiet:
    """A toy translator whose scores are not written down. The toy's own are the answers."""

    def __init__(self, seed: int, scan: str) -> None:
        self.toy = Toy(seed, 9)
        generator = torch.Generator().manual_seed(seed)
        self.toy.out, self.toy.bias = torch.eye(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
        self.weight_VY = torch.randn(9, 4, generator=generator) * 2.0
        self.bias_V = torch.randn(9, generator=generator)
        self.packed = PackedOutput(self.weight_VY, self.bias_V, scan)

    def write(self, r_BKR: Tensor) -> Tensor:
        return r_BKR @ self.weight_VY.to(r_BKR.dtype).T + self.bias_V

    def aloud(self, tokens_BK: Tensor, state: State, memory: State) -> SearchStep:
        scored = self.toy.advance(tokens_BK, state, memory)
        assert isinstance(scored.logits_BKV, Tensor)
        return scored._replace(logits_BKV=self.write(scored.logits_BKV))

    def quietly(self, tokens_BK: Tensor, state: State, memory: State) -> SearchStep:
        scored = self.toy.advance(tokens_BK, state, memory)
        assert isinstance(scored.logits_BKV, Tensor)
        return scored._replace(logits_BKV=LazyLogits(scored.logits_BKV, self.packed, self.write))


def assert_same(found: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [each.tokens for each in found] == [each.tokens for each in expected]
    assert [each.finished for each in found] == [each.finished for each in expected]
    for each, other in zip(found, expected, strict=True):
        assert each.log_probability == pytest.approx(other.log_probability, abs=1e-4)
        assert each.score == pytest.approx(other.score, abs=1e-4)


@pytest.mark.parametrize("scan", LOGIT_PRECISIONS)
@pytest.mark.parametrize("seed", range(4))
def test_searches_find_the_same(seed: int, scan: str) -> None:
    quiet = Quiet(seed, scan)
    common: dict[str, Any] = {"rows": 4, "start": START, "end": END, "limits_B": [6, 0, 3, 7]}

    def begin() -> tuple[State, State]:
        return quiet.toy.begin([3, 1, 4, 2])

    state, memory = begin()
    options = BeamOptions(beams=3, n_best=3, length_penalty=0.8, coverage_penalty=0.4)
    for banned in ((), (3, 4)):
        given = {**common, "banned": banned}
        pairs = [
            (greedy(quiet.quietly, state, memory, **given), greedy(quiet.aloud, state, memory, **given)),
            *zip(
                beam_search(quiet.quietly, state, memory, options=options, **given),
                beam_search(quiet.aloud, state, memory, options=options, **given),
                strict=True,
            ),
        ]
        for found, expected in pairs:
            assert_same(found, expected)
    drawn = [
        draw(each, state, memory, sampling=SamplingOptions(top_k=4), seed=5, samples=3, **common)
        for each in (quiet.quietly, quiet.aloud)
    ]
    for found, expected in zip(*drawn, strict=True):
        assert_same(found, expected)


def test_damaged_weights_and_an_end_that_there_is_not_are_errors() -> None:
    quiet = Quiet(0, "int8")
    state, memory = quiet.toy.begin([2])
    with pytest.raises(ShapeError, match=r"a column for the end, token 9. Received: shape \(1, 1, 9\)"):
        greedy(quiet.quietly, state, memory, rows=1, start=START, end=9, limits_B=[3])
    quiet.weight_VY[3, 1] = math.nan
    quiet.packed = PackedOutput(quiet.weight_VY, quiet.bias_V, "int8")
    with pytest.raises(TrainingError, match=r"the network's weights are damaged\. Received: nan"):
        greedy(quiet.quietly, state, memory, rows=1, start=START, end=END, limits_B=[3])

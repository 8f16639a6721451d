"""A small network with a state, a memory and attention, and searches over it written as plainly as can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from elman.decode import BeamOptions, Hypothesis, SearchStep, beam

START, END = 0, 1


class Memory(NamedTuple):
    source_BSH: Tensor
    lengths_B: Tensor


class Carried(NamedTuple):
    h: Tensor
    steps: Tensor


class Found(NamedTuple):
    """What a plain search says of a hypothesis."""

    tokens: tuple[int, ...]
    score: float
    log_probability: float
    finished: bool


class Toy:
    """Scores that depend on all tokens before, on the source, and on nothing else."""

    def __init__(self, seed: int, vocabulary: int, hidden: int = 4, sharpness: float = 2.0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.embedded = torch.randn(vocabulary, hidden, generator=generator, dtype=torch.float64)
        self.recurrent = torch.randn(hidden, hidden, generator=generator, dtype=torch.float64)
        self.out = torch.randn(hidden, vocabulary, generator=generator, dtype=torch.float64) * sharpness
        self.bias = torch.zeros(vocabulary, dtype=torch.float64)
        self.generator, self.vocabulary, self.hidden = generator, vocabulary, hidden
        self.rows_seen: list[tuple[int, int]] = []

    def begin(self, lengths: Sequence[int]) -> tuple[Carried, Memory]:
        """A random source for each of some sentences, with junk past its length."""
        rows, steps = len(lengths), max([*lengths, 1])
        source = torch.randn(rows, steps, self.hidden, generator=self.generator, dtype=torch.float64)
        h = torch.randn(rows, self.hidden, generator=self.generator, dtype=torch.float64)
        return Carried(h, torch.zeros(rows, dtype=torch.int64)), Memory(
            source, torch.tensor(lengths, dtype=torch.int64)
        )

    def advance(self, tokens_BK: Tensor, state: Carried, memory: Memory) -> SearchStep:
        """One step."""
        B, K = tokens_BK.shape
        self.rows_seen.append((B, K))
        h = torch.tanh(state.h @ self.recurrent + self.embedded[tokens_BK.flatten()]).view(B, K, -1)
        energy = torch.einsum("bkh,bsh->bks", h, memory.source_BSH) * 3.0
        beyond = torch.arange(energy.shape[2]) >= memory.lengths_B[:, None]
        weights = torch.softmax(energy.masked_fill(beyond[:, None], -1e30), dim=2)
        h = h + torch.einsum("bks,bsh->bkh", weights, memory.source_BSH)
        return SearchStep(h @ self.out + self.bias, Carried(h.flatten(0, 1), state.steps + 1), weights)

    def steps_after_stacking(self, tokens: Sequence[int], state: Carried, memory: Memory) -> tuple[Tensor, Tensor]:
        """Log-probabilities and attention of each step of one sentence: `tokens`, then whatever comes after them."""
        log_probabilities, weights = [], []
        for token in [START, *tokens]:
            scored = self.advance(torch.tensor([[token]]), state, memory)
            state = scored.state
            log_probabilities.append(torch.log_softmax(scored.logits_BKV[0, 0], dim=0))
            assert scored.weights_BKS is not None
            weights.append(scored.weights_BKS[0, 0])
        return torch.stack(log_probabilities), torch.stack(weights)


def one(state: Carried, memory: Memory, b: int) -> tuple[Carried, Memory]:
    """The b-th sentence alone, without padding."""
    length = max(int(memory.lengths_B[b]), 1)
    row = slice(b, b + 1)
    return Carried(*(leaf[row] for leaf in state)), Memory(memory.source_BSH[row, :length], memory.lengths_B[row])


def judge(toy: Toy, tokens: Sequence[int], state: Carried, memory: Memory, options: BeamOptions) -> tuple[float, float]:
    """Score and log-probability of one whole hypothesis, by the formulas of Wu et al. 2016 written again."""
    log_probabilities, weights = toy.steps_after_stacking(tokens, state, memory)
    chosen = [float(log_probabilities[t, token]) for t, token in enumerate([*tokens, END])]
    total, n = math.fsum(chosen), len(chosen)
    score = total / (math.pow(5 + n, options.length_penalty) / math.pow(6, options.length_penalty))
    if options.coverage_penalty:
        received = weights.sum(dim=0)[: int(memory.lengths_B[0])].tolist()
        score += options.coverage_penalty * sum(math.log(min(part, 1.0)) for part in received)
    return score, total


def plain_beam(
    toy: Toy,
    state: Carried,
    memory: Memory,
    limit: int,
    options: BeamOptions,
    banned: Sequence[int] = (),
    min_length: int = 0,
) -> list[Found]:
    """Beam search over one sentence, hypothesis by hypothesis, always to the limit."""
    going: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    ended: list[Found] = []
    for step in range(limit + 1):
        extensions = []
        for tokens, total in going:
            last = toy.steps_after_stacking(tokens, state, memory)[0][-1].tolist()
            extensions += [(total + p, tokens, t) for t, p in enumerate(last) if t not in banned]
        extensions.sort(key=lambda extension: -extension[0])
        for place, (_, tokens, token) in enumerate(extensions):
            natural = place < options.beams
            if token == END and step >= min_length and (natural or step == limit):
                ended.append(Found(tokens, *judge(toy, tokens, state, memory, options), natural))
        going = [((*tokens, token), total) for total, tokens, token in extensions if token != END][: options.beams]
    return sorted(ended, key=lambda found: -found.score)[: options.n_best]


def every_sequence(
    toy: Toy, state: Carried, memory: Memory, limit: int, options: BeamOptions
) -> list[tuple[float, tuple[int, ...]]]:
    """All sequences of up to `limit` tokens with their scores, best first."""
    others = [token for token in range(toy.vocabulary) if token != END]
    sequences = [tokens for length in range(limit + 1) for tokens in product(others, repeat=length)]
    return sorted(((judge(toy, tokens, state, memory, options)[0], tokens) for tokens in sequences), reverse=True)


def search(
    toy: Toy,
    state: Carried,
    memory: Memory,
    limits: Sequence[int],
    options: BeamOptions,
    banned: Sequence[int] = (),
    min_length: int = 0,
) -> list[list[Hypothesis]]:
    """The search under test."""
    # By way of the module, so that a bug can be planted there.
    return beam.beam_search(
        toy.advance,
        state,
        memory,
        rows=len(limits),
        start=START,
        end=END,
        limits_B=limits,
        options=options,
        banned=banned,
        min_length=min_length,
        lengths_B=memory.lengths_B,
        attention=True,
    )


def assert_same(found: Sequence[Hypothesis], expected: Sequence[Found]) -> None:
    """The same hypotheses in the same order, with the same numbers."""
    assert [h.tokens for h in found] == [e.tokens for e in expected]
    assert [h.finished for h in found] == [e.finished for e in expected]
    for h, e in zip(found, expected, strict=True):
        assert math.isclose(h.score, e.score, rel_tol=1e-5, abs_tol=1e-5)
        assert math.isclose(h.log_probability, e.log_probability, rel_tol=1e-5, abs_tol=1e-5)


def check_beam(
    seed: int,
    vocabulary: int,
    lengths: Sequence[int],
    limits: Sequence[int],
    options: BeamOptions,
    min_length: int = 0,
) -> None:
    """A batch of sentences gives what the plain search gives for each alone, attention included."""
    toy = Toy(seed, vocabulary)
    state, memory = toy.begin(lengths)
    answers = search(toy, state, memory, limits, options, min_length=min_length)
    assert len(answers) == len(limits)
    for b, found in enumerate(answers):
        alone = one(state, memory, b)
        assert_same(found, plain_beam(toy, *alone, limits[b], options, min_length=min_length))
        for hypothesis in found:
            assert hypothesis.attention is not None
            assert hypothesis.attention.dtype == torch.float32
            expected = toy.steps_after_stacking(hypothesis.tokens, *alone)[1][: len(hypothesis.tokens), : lengths[b]]
            torch.testing.assert_close(hypothesis.attention, expected.float())

"""What CTC decoding must give, judged by writing down every alignment: plain functions, to try planted bugs on."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from elman.decode.ctc_beam import CtcBeamOptions, LanguageModelScorer, LanguageModelStep, ctc_prefix_beam

Texts = dict[tuple[int, ...], float]


def collapse(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def every_text(log_probabilities_TV: Tensor, blank: int) -> Texts:
    """The log-probability of each text: the sum over all its alignments."""
    T, V = log_probabilities_TV.shape
    rows = log_probabilities_TV.tolist()
    sums: dict[tuple[int, ...], list[float]] = {}
    for path in itertools.product(range(V), repeat=T):
        share = math.exp(math.fsum(rows[t][symbol] for t, symbol in enumerate(path)))
        sums.setdefault(collapse(path, blank), []).append(share)
    return {text: math.log(math.fsum(shares)) for text, shares in sums.items() if math.fsum(shares)}


def some_frames(seed: int, frames: int, columns: int, sharpness: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(frames, columns, generator=generator, dtype=torch.float64) * sharpness
    return torch.log_softmax(logits, dim=1)


class Spelling:
    """A language model with a state that depends on all tokens so far, in order."""

    def __init__(self, seed: int, columns: int, knows_end: bool) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(64, columns, generator=generator, dtype=torch.float64)
        self.stops = torch.randn(64, generator=generator, dtype=torch.float64).abs().neg()
        self.knows_end = knows_end
        self.calls: list[int] = []

    def judged(self, state_N: Tensor) -> LanguageModelStep:
        log_probabilities = torch.log_softmax(self.table[state_N], dim=1)
        return LanguageModelStep(log_probabilities, (state_N,), self.stops[state_N] if self.knows_end else None)

    def extend(self, tokens_N: Tensor, state: tuple[Tensor]) -> LanguageModelStep:
        self.calls.append(len(tokens_N))
        return self.judged((state[0] * 7 + tokens_N + 1) % 64)

    def scores(self) -> LanguageModelScorer:
        return LanguageModelScorer(self.judged(torch.zeros(1, dtype=torch.int64)), self.extend)

    def text(self, tokens: tuple[int, ...]) -> float:
        """The log-probability of a whole text, token by token."""
        judged = self.judged(torch.zeros(1, dtype=torch.int64))
        total = 0.0
        for token in tokens:
            total += float(judged.log_probabilities_NV[0, token])
            judged = self.judged((judged.state[0] * 7 + token + 1) % 64)
        return total + (float(judged.ends_N[0]) if judged.ends_N is not None else 0.0)


def check_prefix_beam(
    seed: int, frames: int, columns: int, blank: int, options: CtcBeamOptions, language: Spelling | None
) -> None:
    """With beams enough, all texts come with their exact scores, best first."""
    log_probabilities_TV = some_frames(seed, frames, columns)
    texts = every_text(log_probabilities_TV, blank)
    found = ctc_prefix_beam(
        log_probabilities_TV, options, blank=blank, language=None if language is None else language.scores()
    )
    judged = {text: 0.0 if language is None else language.text(text) for text in texts}
    scores = {
        text: total + (0.0 if language is None else options.language_weight * judged[text]) + options.bonus * len(text)
        for text, total in texts.items()
    }
    best = sorted(scores, key=lambda text: -scores[text])[: options.n_best]
    assert [hypothesis.tokens for hypothesis in found] == best
    for hypothesis in found:
        assert math.isclose(hypothesis.score, scores[hypothesis.tokens], rel_tol=1e-9, abs_tol=1e-9)
        assert math.isclose(hypothesis.log_probability, texts[hypothesis.tokens], rel_tol=1e-9, abs_tol=1e-9)
        assert math.isclose(hypothesis.language, judged[hypothesis.tokens], rel_tol=1e-9, abs_tol=1e-9)

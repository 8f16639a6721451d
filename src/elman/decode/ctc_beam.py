"""CTC prefix beam search, with an optional language model (shallow fusion).

Follows Graves 2012 (Supervised sequence labelling, 7.5) and Hannun et al. 2014: for every prefix it keeps the
probability of the paths that end in a blank and of those that do not. All prefixes are extended at once. A language
model is given as a step function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.decode.ctc import check_blank
from elman.decode.search import take_rows
from elman.errors import ConfigError, ShapeError, TrainingError
from elman.former import former_attributes
from elman.state import State, map_leaves

__all__ = [
    "CtcBeamOptions",
    "CtcHypothesis",
    "LanguageModelScorer",
    "LanguageModelStep",
    "ScoreTokens",
    "ctc_prefix_beam",
]

__getattr__ = former_attributes(
    __name__,
    {
        "CtcBeam": "CtcBeamOptions",
        "Extend": "ScoreTokens",
        "Judged": "LanguageModelStep",
        "LanguageScores": "LanguageModelScorer",
    },
)

# float64 throughout: log-probabilities of hundreds of frames are summed.
Array = np.ndarray[Any, np.dtype[np.float64]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]


class LanguageModelStep(NamedTuple):
    """Output of a language model after each of N texts.

    log_probabilities_NV  of the next token, in the columns of the CTC outputs; the blank's column is not used
    state                 state of the language model, N rows in every leaf
    ends_N                log-probability that the text ends here; None if the model has no end token
    """

    log_probabilities_NV: Tensor
    state: State
    ends_N: Tensor | None = None


# (tokens_N int64, state of N rows) -> output of the model after these tokens. Called at most once per frame, with all
# prefixes that are new in it.
ScoreTokens = Callable[[Tensor, State], LanguageModelStep]


class LanguageModelScorer(NamedTuple):
    """A language model: its output before the first token (N = 1), and its step function."""

    first: LanguageModelStep
    extend: ScoreTokens


@dataclass(frozen=True)
class CtcBeamOptions:
    """Options of a prefix beam search.

        score = log_probability + language_weight * language + bonus * tokens

    beams            prefixes that are kept at each frame
    n_best           texts that are returned, best first
    token_floor      tokens with a lower log-probability in a frame are skipped in that frame; -inf for none
    language_weight  0 and above; at 0 the language model is not used
    bonus            added for each token, to offset a language model's preference for short texts
    """

    beams: int = 16
    n_best: int = 1
    token_floor: float = float("-inf")
    language_weight: float = 0.5
    bonus: float = 0.0

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that cannot be used."""
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (self.beams, self.n_best))
        checks = (
            (whole and self.beams >= 1, "beams to be a whole number from 1", self.beams),
            (whole and 1 <= self.n_best <= self.beams, f"n_best to be from 1 to beams, {self.beams}", self.n_best),
            (self.token_floor <= 0.0, "token_floor to be 0 or less", self.token_floor),
            (0.0 <= self.language_weight < float("inf"), "language_weight to be 0 or more", self.language_weight),
            (abs(self.bonus) < float("inf"), "bonus to be a number", self.bonus),
        )
        for holds, expected, received in checks:
            if not holds:
                raise ConfigError(f"expected {expected}. Received: {received!r}")


@dataclass(frozen=True)
class CtcHypothesis:
    """One text.

    tokens           token ids, without blanks
    score            value by which texts are ranked
    log_probability  natural logarithm of the total probability of its paths that the search kept
    language         log-probability of the text under the language model, the end included; 0 without one
    """

    tokens: tuple[int, ...]
    score: float
    log_probability: float
    language: float


@torch.no_grad()
def ctc_prefix_beam(
    log_probabilities_TV: Tensor,
    options: CtcBeamOptions,
    *,
    blank: int = 0,
    language: LanguageModelScorer | None = None,
) -> list[CtcHypothesis]:
    """Return the `options.n_best` best texts of one utterance, best first; fewer if no more exist.

    log_probabilities_TV  of each symbol at each frame: the log-softmax of the network's logits

    With enough beams and no `token_floor`, `log_probability` is the exact log-probability of the text.

    Raises ShapeError or ConfigError for invalid arguments, TrainingError for log-probabilities that are NaN or above 0.
    """
    shape = tuple(log_probabilities_TV.shape)
    if len(shape) != 2 or not shape[1]:
        raise ShapeError(f"expected log_probabilities_TV of frames and tokens. Received: shape {shape}")
    check_blank(blank, shape[1])
    frames: Array = log_probabilities_TV.detach().double().cpu().numpy()
    # Values slightly above 0 are rounding errors.
    if not (frames < 1e-3).all():
        worst = frames[~(frames < 1e-3)][0]
        raise TrainingError(f"expected logarithms of probabilities, 0 or less. Received: {worst}")
    weight = options.language_weight if language is not None else 0.0
    model = None if language is None or not weight else _Model(language, shape[1])
    texts = _Prefixes.empty(options.beams, weight, options.bonus, model)
    for frame in frames:
        tried: Numbers = np.flatnonzero((frame >= options.token_floor) & (frame > -np.inf))
        texts.extend(frame, tried[tried != blank], blank)
    return texts.best(options.n_best)


class _Model:
    """Output of the language model for each of the current prefixes."""

    def __init__(self, language: LanguageModelScorer, columns: int) -> None:
        self._columns, self._score_tokens = columns, language.extend
        self._output = self._checked(language.first, 1)
        self.log_probabilities: Array = self._output.log_probabilities_NV.double().cpu().numpy()

    def update(self, kept: Numbers, parents: Numbers, tokens: Numbers) -> None:
        """Keep the prefixes `kept`, and append the prefixes `parents` extended by `tokens`."""
        device = self._output.log_probabilities_NV.device
        parts = [self._rows(torch.from_numpy(kept).to(device))]
        if len(tokens):
            from_N = torch.from_numpy(parents).to(device)
            output = self._score_tokens(torch.from_numpy(tokens).to(device), take_rows(self._output.state, from_N))
            parts.append(self._checked(output, len(tokens)))
        output = parts[0] if len(parts) == 1 else _joined(parts[0], parts[1])
        self._output = output
        self.log_probabilities = output.log_probabilities_NV.double().cpu().numpy()

    def ends(self) -> Array | float:
        """Return the log-probability of the end after each prefix; 0 if the model has no end token."""
        ends_N = self._output.ends_N
        return 0.0 if ends_N is None else ends_N.double().cpu().numpy()

    def _rows(self, rows: Tensor) -> LanguageModelStep:
        ends_N = self._output.ends_N
        return LanguageModelStep(
            self._output.log_probabilities_NV[rows],
            take_rows(self._output.state, rows),
            None if ends_N is None else ends_N[rows],
        )

    def _checked(self, output: LanguageModelStep, rows: int) -> LanguageModelStep:
        found = tuple(output.log_probabilities_NV.shape)
        if found != (rows, self._columns):
            raise ShapeError(f"expected a language model's scores of {(rows, self._columns)}. Received: shape {found}")
        if bool(output.log_probabilities_NV.isnan().any()):
            raise TrainingError("expected log-probabilities from the language model. Received: nan")
        return output


def _joined(kept: LanguageModelStep, new: LanguageModelStep) -> LanguageModelStep:
    ends = None if kept.ends_N is None or new.ends_N is None else torch.cat([kept.ends_N, new.ends_N])
    state = map_leaves(lambda old, more: torch.cat([old, more]), kept.state, new.state)
    return LanguageModelStep(torch.cat([kept.log_probabilities_NV, new.log_probabilities_NV]), state, ends)


@dataclass
class _Prefixes:
    """The current prefixes, one per entry of every array, and the tree of all prefixes so far.

    beams     number of prefixes to keep
    weight    weight of the language model
    bonus     added for each token
    model     output of the language model; None without one
    nodes     index of each prefix in the tree; equal prefixes have the same index
    blanks    log-probability of the paths that end in a blank
    others    log-probability of the paths that do not
    language  log-probability of the prefix under the language model
    parents   index of the parent of each prefix in the tree
    tokens    last token of each prefix in the tree
    sizes     number of tokens of each prefix in the tree
    children  index of a prefix in the tree, by its parent and last token
    """

    beams: int
    weight: float
    bonus: float
    model: _Model | None
    nodes: Numbers
    blanks: Array
    others: Array
    language: Array
    parents: list[int]
    tokens: list[int]
    sizes: list[int]
    children: dict[tuple[int, int], int]

    @staticmethod
    def empty(beams: int, weight: float, bonus: float, model: _Model | None) -> _Prefixes:
        """Return the beam with the empty prefix only."""
        zero = np.zeros(1)
        nodes: Numbers = np.zeros(1, dtype=np.int64)
        return _Prefixes(beams, weight, bonus, model, nodes, zero, np.full(1, -np.inf), zero, [-1], [-1], [0], {})

    def extend(self, frame_V: Array, tried_C: Numbers, blank: int) -> None:
        """Extend every prefix by one frame, in which only the tokens `tried_C` may begin."""
        last_K: Numbers = np.array([self.tokens[node] for node in self.nodes], dtype=np.int64)
        sizes_K: Numbers = np.array([self.sizes[node] for node in self.nodes], dtype=np.int64)
        both_K = np.logaddexp(self.blanks, self.others)
        blanks_K = both_K + frame_V[blank]
        # A repeated token continues the run. The empty prefix has no run, and its `others` is -inf.
        others_K = self.others + frame_V[last_K]
        # A token that equals the last one begins a new run only after a blank.
        before_KC = np.where(tried_C == last_K[:, None], self.blanks[:, None], both_K[:, None])
        new_KC = before_KC + frame_V[tried_C]
        self._merge(others_K, new_KC, last_K, tried_C)

        language_KC = np.broadcast_to(self.language[:, None], new_KC.shape)
        if self.model is not None:
            language_KC = language_KC + self.model.log_probabilities[:, tried_C]
        old_K = np.logaddexp(blanks_K, others_K) + self.weight * self.language + self.bonus * sizes_K
        grown_KC = new_KC + self.bonus * (sizes_K[:, None] + 1)
        if self.model is not None:
            grown_KC = grown_KC + self.weight * language_KC
        ranks = np.concatenate([old_K, grown_KC.reshape(-1)])
        best = np.arange(len(ranks)) if len(ranks) <= self.beams else np.argpartition(-ranks, self.beams)[: self.beams]
        best = np.sort(best[ranks[best] > -np.inf])
        kept, grown = best[best < len(old_K)], best[best >= len(old_K)] - len(old_K)
        columns = max(len(tried_C), 1)
        from_N, tokens_N = grown // columns, tried_C[grown % columns] if len(grown) else tried_C[:0]
        if self.model is not None and (len(grown) or len(kept) < len(self.nodes)):
            self.model.update(kept, from_N, tokens_N)
        new_nodes = [self._child(int(self.nodes[k]), int(token)) for k, token in zip(from_N, tokens_N, strict=True)]
        self.nodes = np.concatenate([self.nodes[kept], np.array(new_nodes, dtype=np.int64)])
        self.blanks = np.concatenate([blanks_K[kept], np.full(len(grown), -np.inf)])
        self.others = np.concatenate([others_K[kept], new_KC.reshape(-1)[grown]])
        self.language = np.concatenate([self.language[kept], language_KC.reshape(-1)[grown]])

    def _merge(self, others_K: Array, new_KC: Array, last_K: Numbers, tried_C: Numbers) -> None:
        """Add the paths of an extended prefix to an equal prefix in the beam, if there is one."""
        parents_K: Numbers = np.array([self.parents[node] for node in self.nodes], dtype=np.int64)
        children, found = np.nonzero(parents_K[:, None] == self.nodes)
        places = np.searchsorted(tried_C, last_K[children])
        for child, parent, place in zip(children, found, places, strict=True):
            if place < len(tried_C) and tried_C[place] == last_K[child]:
                others_K[child] = np.logaddexp(others_K[child], new_KC[parent, place])
                new_KC[parent, place] = -np.inf

    def _child(self, node: int, token: int) -> int:
        child = self.children.setdefault((node, token), len(self.tokens))
        if child == len(self.tokens):
            self.parents.append(node)
            self.tokens.append(token)
            self.sizes.append(self.sizes[node] + 1)
        return child

    def best(self, n_best: int) -> list[CtcHypothesis]:
        """Return the best texts after the last frame."""
        totals = np.logaddexp(self.blanks, self.others)
        language = self.language if self.model is None else self.language + self.model.ends()
        sizes = np.array([self.sizes[node] for node in self.nodes])
        scores = totals + self.bonus * sizes
        if self.model is not None:
            scores = scores + self.weight * language
        order = [k for k in np.argsort(-scores, kind="stable")[:n_best] if scores[k] > -np.inf]
        return [
            CtcHypothesis(self._text(int(self.nodes[k])), float(scores[k]), float(totals[k]), float(language[k]))
            for k in order
        ]

    def _text(self, node: int) -> tuple[int, ...]:
        tokens = []
        while node:
            tokens.append(self.tokens[node])
            node = self.parents[node]
        return tuple(reversed(tokens))

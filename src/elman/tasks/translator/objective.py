"""What a translator is to get better at: the likelihood of the target's tokens, and figures of its translations."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from torch import Tensor

from elman.data.pairs import Pairs
from elman.data.pairs.encoded import EncodedPairs
from elman.metrics.translation import bleu_figures, exact_match, has_bleu
from elman.tasks.translator.network import TranslatorNetwork
from elman.tasks.translator.score import likelihoods, moved, tally
from elman.types import IGNORED, Batch, State

__all__ = ["HeldOut", "TargetLikelihood", "Translate", "text_figures"]

# Sentences to translations.
Translate = Callable[[list[str]], list[str]]


class HeldOut(NamedTuple):
    """Pairs to measure on: as text, and as numbers."""

    pairs: Pairs
    encoded: EncodedPairs


class TargetLikelihood:
    """Negative log-likelihood of the target's tokens, with smoothed labels in training and without in evaluation.

    Args:
        model: the network.
        held_out: the pairs of the evaluation; None when nothing is held out.
        translate: makes the translations that an evaluation measures; None to measure none.
        lowercase: compare them with the targets in lower case.
    """

    def __init__(
        self,
        model: TranslatorNetwork,
        held_out: HeldOut | None = None,
        translate: Translate | None = None,
        *,
        lowercase: bool = False,
    ) -> None:
        self.model = model
        self.held_out = held_out
        self.translate = translate
        self.lowercase = lowercase
        # Of the run, from 0 to 1: scheduled sampling rises with it.
        self.progress = 0.0

    def begin_step(self, progress: float) -> None:
        """Take note of how much of the run is done."""
        self.progress = progress

    def initial_state(self, batch_size: int) -> State:
        """None: every pair starts anew."""
        del batch_size
        return ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of nats over the tokens of the targets and their ends, their number, and the empty state."""
        model, config = self.model, self.model.config
        inputs, targets_BT = moved(batch, model)
        rate = config.scheduled_sampling * self.progress
        counted_BT = targets_BT != IGNORED
        r_BTR = model.read_sampled(*inputs, rate) if rate else model.read(*inputs)
        # What stands past a target's end needs no scores.
        targets_N = targets_BT[counted_BT]
        return model.nats(r_BTR[counted_BT], targets_N), len(targets_N), state

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Loss, perplexity and token accuracy on held-out pairs; of some of them also figures of their translations.

        With `limit`, of pairs at even distances with at most about so many target tokens in all. Empty without data.
        """
        if self.held_out is None:
            return {}
        pairs, encoded = self.held_out
        rows = _spread(len(encoded), _share(encoded, limit))
        figures = tally(likelihoods([self.model], [encoded], rows))
        config = self.model.config
        if self.translate is not None and config.translate_valid:
            chosen = rows[_spread(len(rows), config.translate_valid)]
            figures |= text_figures(pairs.take(encoded.rows[chosen].tolist()), self.translate, lowercase=self.lowercase)
        best_by = config.best_by
        selection = figures["loss"]
        if best_by != "loss":
            # Among equals, such as translations that are all wrong at the start, the loss decides.
            selection = -figures[best_by] + 1e-9 * min(figures["loss"], 1e3)
        return {**figures, "selection": selection}


def text_figures(pairs: Pairs, translate: Translate, *, lowercase: bool = False) -> dict[str, float]:
    """`bleu` and `chrf`, where sacrebleu is installed, and `exact` of the translations of pairs with targets."""
    texts = translate(pairs.sources)
    targets = pairs.targets or []
    figures = bleu_figures(texts, targets, lowercase=lowercase) if has_bleu() else {}
    if lowercase:
        texts, targets = [text.lower() for text in texts], [target.lower() for target in targets]
    return {**figures, "exact": exact_match(texts, targets)}


def _share(data: EncodedPairs, limit: int) -> int:
    """How many pairs have about `limit` target tokens together; all for 0."""
    tokens = int(data.lengths[:, 1].sum())
    return len(data) if not limit or tokens <= limit else max(1, len(data) * limit // tokens)


def _spread(count: int, most: int) -> np.ndarray:
    """At most `most` numbers below `count`, at even distances."""
    chosen = min(count, most)
    return np.arange(chosen) * count // max(chosen, 1)

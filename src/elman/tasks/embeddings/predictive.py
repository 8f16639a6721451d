"""Skip-gram and CBOW, with negative sampling or noise-contrastive estimation, by the compiled kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from elman.data.word_text.blocks import HeldOutWords, TextBlock, TextBlocks
from elman.data.word_text.sampling import kept_share, make_noise, noise_probabilities
from elman.data.word_text.subwords import parts_of_words
from elman.data.word_text.vocabulary import EmbeddingVocabulary
from elman.errors import DataError
from elman.kernels.word_vectors import Parts, Sums, WordVectorKernel
from elman.tasks.embeddings.config import EmbeddingsNetworkConfig
from elman.tasks.embeddings.in_place import InPlaceObjective
from elman.tasks.embeddings.network import EmbeddingsNetwork, Tables

if TYPE_CHECKING:
    from elman.tasks.embeddings.setup import EmbeddingsSetup

__all__ = ["PIECES", "PREDICTIVE", "HeldOutPairs", "PredictiveObjective", "make_kernel", "parts_of"]

# Objectives with a loss of pairs.
PREDICTIVE = ("skip-gram", "cbow")

# Pieces of a step. The result depends on them, so they are the same on every machine.
PIECES = 4
# Seed of the windows and the noise of a held-out text, which are the same in every evaluation.
_HELD_OUT_SEED = 20_130_116
# A short text is measured several times, with other windows and noise, until so many words are read.
_ENOUGH_WORDS, _MOST_PASSES = 20_000, 64


def make_kernel(
    config: EmbeddingsNetworkConfig, vocabulary: EmbeddingVocabulary, *, cbow: bool, seed: int = 0
) -> WordVectorKernel:
    """Return the kernel for a vocabulary."""
    offset_V = None
    if config.loss == "nce" and config.objective in PREDICTIVE:
        offset_V = log_noise(config, vocabulary).astype(np.float32)
    return WordVectorKernel(
        make_noise(vocabulary.counts_V, sample=config.sample, exponent=config.noise_exponent),
        window=config.window,
        negatives=config.negatives,
        cbow=cbow,
        mean=config.cbow_mean,
        offset_V=offset_V,
        parts=parts_of(config, vocabulary),
        seed=seed,
    )


def parts_of(config: EmbeddingsNetworkConfig, vocabulary: EmbeddingVocabulary) -> Parts | None:
    """Return the input rows of each word; None if each has its own only."""
    if not config.subwords:
        return None
    return parts_of_words(vocabulary.words, shortest=config.min_n, longest=config.max_n, buckets=config.buckets)


def log_noise(config: EmbeddingsNetworkConfig, vocabulary: EmbeddingVocabulary) -> npt.NDArray[np.float64]:
    """Return log(k p(v)) of each word v: how often it is expected among the k words of noise."""
    shares = noise_probabilities(vocabulary.counts_V, config.noise_exponent)
    return np.log(np.maximum(config.negatives * shares, 1e-30))


class PredictiveObjective(InPlaceObjective):
    """Logistic loss of each pair of an input and a true word, with the noise that is drawn for it."""

    def __init__(self, setup: EmbeddingsSetup, *, cbow: bool) -> None:
        self.model: EmbeddingsNetwork = setup.network
        config = setup.config.network
        self.mode = "shared" if config.fast else "repeatable"
        self.kernel = make_kernel(config, setup.words, cbow=cbow, seed=setup.training_config.seed)
        self.text = setup.text_blocks
        if not self.text().has_pairs():
            raise DataError(
                "expected words that are next to each other in a document, and in one of the pieces that the words of "
                f"a step (batch_size) are cut into. Received: none, with batch_size={config.batch_size}"
            )
        self.by_loss = bool(setup.training_config.patience)
        self.held_out = None if setup.held_out is None else HeldOutPairs(self.kernel, setup.held_out)

    def stream(self) -> TextBlocks:
        """Return the blocks of the training text."""
        return self.text()

    def update(self, batch: TextBlock, rate: float) -> tuple[float, int]:
        """Change the tables by the pairs of a block of text."""
        with torch.no_grad():
            tables = self.model.tables()
            sums = self.kernel.run(batch.words_T, batch.starts, *tables, mode=self.mode, step=batch.number, rate=rate)
        return float(sums.losses_N.sum()), int(sums.pairs_N.sum())

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Return the mean loss of a pair, and the share of noise with a lower score than the true word.

        The last weights are the best. A text has its books or topics one after the other, so that the loss is lower
        just after those that are like the held-out text, while the vectors of all words have not seen the text to its
        end. With patience the weights with the lowest loss are the best.
        """
        found = {} if self.held_out is None else self.held_out.metrics(self.model.tables(), limit)
        return found if self.by_loss or not found else {**found, "selection": -float(self.steps)}


class HeldOutPairs:
    """The pairs of a held-out text, always with the same windows and the same noise."""

    def __init__(self, kernel: WordVectorKernel, text: HeldOutWords) -> None:
        self.kernel = kernel
        self.text = text

    def sums(self, tables: Tables, limit: int = 0) -> Sums:
        """Return the sums over the pairs of each piece of the first `limit` tokens (0: all)."""
        text, starts = self.text.words_T, self.text.starts(limit)
        passes = min(_MOST_PASSES, max(1, _ENOUGH_WORDS // max(int(starts[-1]), 1)))
        used = int(starts[-1])
        again = np.concatenate([starts[:-1] + number * used for number in range(passes)] + [[passes * used]])
        found = self.kernel.run(
            np.tile(text[:used], passes), again, *tables, mode="measure", step=0, seed=_HELD_OUT_SEED
        )
        return Sums(*(each.reshape(passes, -1).sum(axis=0) for each in found))

    def metrics(self, tables: Tables, limit: int = 0) -> dict[str, float]:
        """Return the mean loss of a pair and the share of noise below the true word; empty without pairs."""
        sums = self.sums(tables, limit)
        pairs, noises = int(sums.pairs_N.sum()), int(sums.noises_N.sum())
        if not pairs:
            return {}
        return {
            "loss": float(sums.losses_N.sum()) / pairs,
            "above_noise": float(sums.ranked_N.sum()) / max(noises, 1),
            "pairs": pairs,
        }

    def frequency_tables(self, config: EmbeddingsNetworkConfig, vocabulary: EmbeddingVocabulary) -> Tables:
        """Return the tables of the rule that knows the frequencies of words and ignores the context.

        Its score of a word is the logarithm of how much more often it is a true word than a word of noise, which is
        never the true word.
        """
        used_V = vocabulary.counts_V * kept_share(vocabulary.counts_V, config.sample)
        share_V = used_V / used_V.sum()
        score_V = np.log(share_V) - log_noise(config, vocabulary) - np.log1p(-share_V)
        if self.kernel.offset_V is not None:
            score_V = score_V + self.kernel.offset_V
        buckets = config.buckets if config.subwords else 0
        empty = EmbeddingsNetwork(len(vocabulary), 1, buckets=buckets).tables()
        return empty._replace(bias_V=torch.from_numpy(score_V.astype(np.float32)))

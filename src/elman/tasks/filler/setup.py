"""`FillerSetup`: data, loss and metrics of a filler's training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from elman.data.segments import SegmentBatches, TokenSegments
from elman.data.token_counts import token_counts
from elman.data.token_file import TokenFile
from elman.data.vocabulary import END_ID, UNKNOWN_ID, Vocabulary
from elman.display import number_text
from elman.errors import DataError
from elman.metrics.perplexity import perplexity
from elman.nn.ensemble import members_of
from elman.nn.sampled_losses import Noise
from elman.state import IGNORE_INDEX, Batch, State
from elman.tasks.comparison import Comparison
from elman.tasks.corpus_setup import CorpusSetup
from elman.tasks.filler.baselines import comparison_of
from elman.tasks.filler.config import FillerConfig, check_options
from elman.tasks.filler.gaps import hidden_ids
from elman.tasks.filler.measure import measure
from elman.tasks.filler.network import FillerEnsemble, FillerNetwork
from elman.tasks.filler.sample import sample_of
from elman.tasks.filler.start import FILLER_STARTS, options_from_language_model
from elman.tasks.sequence_setup import SequenceObjective
from elman.tasks.start import StartModel
from elman.tasks.start_hooks import Entries

__all__ = ["FillObjective", "FillerSetup", "segments_of"]

# Power of the words' counts in the noise of the output layer `sampled` (Mikolov et al. 2013).
_NOISE_POWER = 0.75


def segments_of(tokens: TokenFile, config: FillerConfig, limit: int | None = None) -> TokenSegments:
    """Return the segments of a text for an evaluation, with as many words of context as a segment has."""
    length = config.network.bptt
    return TokenSegments(tokens, end_id=END_ID, length=length, context=length, limit=limit)


@dataclass(eq=False)
class FillObjective(SequenceObjective[TokenSegments]):
    """Negative log-likelihood of every word, given those before and after it.

    held_out      the validation text, or None
    word_dropout  share of the words that are read as unknown in training
    """

    model: FillerNetwork
    held_out: TokenSegments | None
    word_dropout: float

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the summed loss in nats, the number of words, and no state."""
        device = self.model.head.weight.device
        tokens_BT, targets_BT = batch.inputs_BT.to(device), batch.targets_BT.to(device)
        asked_BT = targets_BT != IGNORE_INDEX
        if self.model.training and self.word_dropout:
            dropped_BT = torch.rand(tokens_BT.shape, device=device) < self.word_dropout
            tokens_BT = tokens_BT.masked_fill(dropped_BT & asked_BT, UNKNOWN_ID)
        r_NY, targets_N = self.model.between(tokens_BT, batch.lengths_B, asked_BT), targets_BT[asked_BT]
        right: list[Tensor] = []
        nats = self.model.nats(r_NY, targets_N, right)
        if right:
            self.batch_sums.add("accuracy", right[0], len(targets_N))
        return nats, len(targets_N), state

    def training_metrics(self, means: Mapping[str, float]) -> dict[str, float]:
        """Return accuracy and perplexity; a loss on samples of the vocabulary has none."""
        if members_of(self.model)[0].noise is not None:
            return {}
        return {**super().training_metrics(means), "perplexity": perplexity(means["loss"])}

    def evaluate_part(self, held_out: TokenSegments, limit: int) -> dict[str, float]:
        """Return the metrics of the first `limit` words (0: all)."""
        return measure(self.model, held_out, limit).metrics()


class FillerSetup(CorpusSetup[FillerConfig, FillerNetwork]):
    """Setup of a filler."""

    task = "filler"
    config_class = FillerConfig
    starts_from = FILLER_STARTS
    unit = "word"

    @staticmethod
    def make_network(config: FillerConfig, vocabulary: Vocabulary) -> FillerNetwork:
        return _network(config, vocabulary.size)

    @classmethod
    def make_smallest_network(cls, config: FillerConfig) -> FillerNetwork:
        """Return a network with two tokens."""
        return _network(config, 2)

    @classmethod
    def check_options(cls, config: FillerConfig) -> None:
        super().check_options(config)
        check_options(config)

    @classmethod
    def options_from_other(cls, source: StartModel) -> dict[str, Any]:
        return options_from_language_model(source)

    @classmethod
    def entries_of(cls, config: FillerConfig, vocabulary: Vocabulary) -> Mapping[str, Entries]:
        """Return the words of the embedding and of the output layer."""
        del config
        return {"embed.weight": (vocabulary.entries(), None), "head.*": (vocabulary.entries(), None)}

    def encode(self) -> None:
        """Prepare the validation and test sets. Raises DataError for a text of line ends alone."""
        if self.vocabulary.size <= len(hidden_ids(self.vocabulary)):
            raise DataError("expected a text with at least one word to learn from. Received: line ends alone")
        limit = self.training_config.validation_limit
        valid, test = self.parts.valid, self.parts.test
        self._valid = None if valid is None else segments_of(valid, self.config, limit)
        self._test = None if test is None else segments_of(test, self.config)

    def init_network(self) -> None:
        """Set the bias of the output layer so that an untrained network predicts words by their frequencies.

        An output layer that samples words gets their noise.
        """
        counts_V, network = token_counts(self.parts.train, self.vocabulary.size), self.config.network
        shares_V = torch.from_numpy((counts_V + 1.0) / (counts_V + 1.0).sum())
        for member in members_of(self.network):
            with torch.no_grad():
                member.head.bias.copy_(shares_V.log())
            if network.head == "sampled":
                noise = Noise.of("unigram", counts_V, network.noise_samples, _NOISE_POWER)
                member.noise = noise.to(self.training_config.device)

    def stream(self) -> SegmentBatches:
        network = self.config.network
        return SegmentBatches(
            self.parts.train,
            end_id=END_ID,
            length=network.bptt,
            batch_size=network.batch_size,
            seed=self.training_config.seed,
        )

    def objective(self) -> FillObjective:
        """Return the loss of every word."""
        return FillObjective(self.network, self._valid, self.config.network.word_dropout)

    def test(self, limit: int) -> dict[str, float]:
        return {} if self._test is None else measure(self.network, self._test, limit).metrics()

    def comparison(self, limit: int) -> Comparison | None:
        name, held = self.compared_part()
        if held is None or not held.words:
            return None
        return comparison_of(self.network, self.parts.train, held, self.vocabulary.size, name, limit)

    def sample(self) -> str:
        """Return a held-out text with a gap, the most likely words of the gap, and the right one."""
        text = segments_of(self.parts.train if self.parts.valid is None else self.parts.valid, self.config)
        return sample_of(self.network, text, self.vocabulary, self.sample_number)

    @property
    def plotted_metrics(self) -> list[str]:
        return ["perplexity", "accuracy"]

    def describe(self, figures: Mapping[str, float]) -> str:
        shown = f"{number_text(figures['loss'])} nats per word, perplexity {number_text(figures['perplexity'], '.2f')}"
        return f"{shown}, accuracy {figures['accuracy']:.2%}, among the first five {figures['top5_accuracy']:.2%}"


def _network(config: FillerConfig, size: int) -> FillerNetwork:
    """Return a network, or an ensemble, for so many tokens."""
    return FillerEnsemble.of(config.network.members, lambda: FillerNetwork(size, config.network))

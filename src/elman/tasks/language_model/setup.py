"""`LanguageModelSetup`: data, loss and metrics of a language model's training run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from torch import Tensor

from elman.data.corpus import HeldOutText
from elman.data.stream import BPTTBatches
from elman.data.token_counts import token_counts
from elman.data.vocabulary import Vocabulary
from elman.decode import SamplingOptions
from elman.decode.generation import stream_texts
from elman.display import number_text
from elman.metrics.likelihood import measure
from elman.metrics.perplexity import perplexity
from elman.nn.adaptive_softmax import frequency_cutoffs
from elman.nn.ensemble import members_of
from elman.nn.recompute import is_recomputing, loss_in_segments, recomputes, token_segments
from elman.nn.sampled_losses import Noise
from elman.state import IGNORE_INDEX, Batch, State
from elman.tasks.automatic import Choices
from elman.tasks.comparison import Comparison
from elman.tasks.corpus_setup import CorpusSetup
from elman.tasks.language_model.automatic import choices_for
from elman.tasks.language_model.baselines import comparison_of
from elman.tasks.language_model.config import LanguageModelConfig, check_options
from elman.tasks.language_model.network import LanguageModelEnsemble, LanguageModelNetwork
from elman.tasks.start_hooks import Entries, token_entries
from elman.train.batch_sums import BatchSums
from elman.train.progress import TrainingProgress

__all__ = ["LanguageModelSetup", "NextTokenObjective", "context_start"]

# Tokens of a sample: characters, or words and parts of words.
_SAMPLED_CHARACTERS, _SAMPLED_WORDS = 200, 40


def context_start(vocabulary: Vocabulary, documents: int) -> list[int]:
    """Return the tokens that precede every text: an end token and, for a single training document, a newline."""
    start = [vocabulary.end_id]
    if documents == 1:
        newline = vocabulary.encode("\n").tolist()
        if newline and vocabulary.unknown_id not in newline:
            start += newline
    return start


class NextTokenObjective:
    """Cross-entropy of the next token.

    Args:
        model: the network.
        held_out: returns the batches of an evaluation, of at most so many tokens (0 for all), and the number of
            characters of their targets; None without validation data.

    Attributes:
        recompute: time steps of a segment whose activations are in memory at a time; 0 for all.
    """

    recompute = 0

    def __init__(
        self, model: LanguageModelNetwork, held_out: Callable[[int], tuple[Iterable[Batch], int]] | None = None
    ) -> None:
        self.model = model
        self.held_out = held_out
        self.batch_sums = BatchSums()

    def initial_state(self, batch_size: int) -> State:
        return self.model.initial_state(batch_size)

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the summed loss in nats, the number of targets, and the state after the batch."""
        if not recomputes(self.model, self.recompute, batch.targets_BT.shape[1]):
            return self._loss(batch, state)
        return loss_in_segments(self.model, self._loss, token_segments(batch, self.recompute), state)

    def _loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        device = self.model.head.weight.device
        count = int((batch.targets_BT != IGNORE_INDEX).sum())
        found = self.model.loss(batch.inputs_BT.to(device), batch.lengths_B, batch.targets_BT.to(device), state)
        if found.nats is not None and found.nats is not found.total and not is_recomputing():
            self.batch_sums.add("nats", found.nats, count)
        return found.total, count, found.state

    def training_metrics(self, means: Mapping[str, float]) -> dict[str, float]:
        """Return the perplexity, without penalties. (Accuracy would need the largest of all logits.)

        A loss on samples of the vocabulary has none.
        """
        if members_of(self.model)[0].head_kind in ("sampled", "nce"):
            return {}
        return {"perplexity": perplexity(means.get("nats", means["loss"]))}

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Return nats, bits, perplexity and accuracy on held-out text; empty without it."""
        if self.held_out is None:
            return {}
        batches, characters = self.held_out(limit)
        return measure(self.model, batches).metrics(characters)


class LanguageModelSetup(CorpusSetup[LanguageModelConfig, LanguageModelNetwork]):
    """Setup of a language model."""

    task = "language-model"
    config_class = LanguageModelConfig
    target_every_step = True
    in_bits = True

    @staticmethod
    def make_network(config: LanguageModelConfig, vocabulary: Vocabulary) -> LanguageModelNetwork:
        return _network(config, vocabulary.size)

    @classmethod
    def make_smallest_network(cls, config: LanguageModelConfig) -> LanguageModelNetwork:
        """Return a network with two tokens."""
        return _network(config, max([2, *(cutoff + 1 for cutoff in config.network.cutoffs)]))

    @classmethod
    def check_options(cls, config: LanguageModelConfig) -> None:
        super().check_options(config)
        check_options(config)

    def automatic_options(self, config: LanguageModelConfig) -> Choices:
        del config
        return choices_for(len(self.parts.train), self.parts.vocabulary)

    def resolve_config(self, config: LanguageModelConfig) -> LanguageModelConfig:
        """Choose the cutoffs of an adaptive softmax from the training text."""
        config = super().resolve_config(config)
        if config.network.head != "adaptive" or config.network.cutoffs:
            return config
        cutoffs = frequency_cutoffs(self._counts())
        return dataclasses.replace(config, network=dataclasses.replace(config.network, cutoffs=cutoffs))

    def init_network(self) -> None:
        """Give the network the noise that its output layer samples."""
        network = self.config.network
        if network.head not in ("sampled", "nce"):
            return
        noise = Noise.of(network.noise, self._counts(), network.noise_samples, network.noise_power)
        for member in members_of(self.network):
            member.noise = noise.to(self.training_config.device)

    def _counts(self) -> npt.NDArray[np.int64]:
        return token_counts(self.parts.train, self.parts.vocabulary.size)

    @classmethod
    def entries_of(cls, config: LanguageModelConfig, vocabulary: Vocabulary) -> Mapping[str, Entries]:
        entries = vocabulary.entries()
        head: dict[str, Entries] = {"head.*": (entries, None)}
        if config.network.head == "adaptive":
            head = _cluster_entries(entries, config.network.cutoffs)
        return token_entries(entries, one_hot=not config.network.embedding) | head

    def encode(self) -> None:
        """Prepare the validation and test sets."""
        limit = self.training_config.validation_limit
        valid, test = self.parts.valid, self.parts.test
        self._valid = None if valid is None else HeldOutText(valid, self.vocabulary, limit)
        self._test = None if test is None else HeldOutText(test, self.vocabulary)

    def stream(self) -> BPTTBatches:
        network = self.config.network
        return BPTTBatches(
            self.parts.train, batch_size=network.batch_size, length=network.bptt, end_id=self.vocabulary.end_id
        )

    def watch(self, *, quiet: bool = False) -> TrainingProgress:
        """Return the progress display, without bits where the training loss is no cross-entropy."""
        if self.config.network.head not in ("sampled", "nce"):
            return super().watch(quiet=quiet)
        seconds = self.training_config.max_seconds
        return TrainingProgress(self.unit, describe=self.describe, budget_seconds=seconds, quiet=quiet)

    def objective(self) -> NextTokenObjective:
        """Return the loss of the next token."""
        return NextTokenObjective(self.network, self._valid)

    @property
    def unit(self) -> str:
        return {"character": "char"}.get(self.vocabulary.unit, self.vocabulary.unit)

    def test(self, limit: int) -> dict[str, float]:
        if self._test is None:
            return {}
        batches, characters = self._test(limit)
        return measure(self.network, batches).metrics(characters)

    def comparison(self, limit: int) -> Comparison | None:
        name, held = self.compared_part()
        if held is None:
            return None
        return comparison_of(self.network, self.parts.train, held, self.vocabulary.size, self.unit, name, limit)

    @property
    def plotted_metrics(self) -> list[str]:
        return ["perplexity"]

    def sample(self) -> str:
        """Return text that the model generates from nothing, each sample with its own seed."""
        pieces = stream_texts(
            self.network,
            self.vocabulary,
            context_start(self.vocabulary, self.parts.scan.documents),
            length=_SAMPLED_CHARACTERS if self.vocabulary.per_character else _SAMPLED_WORDS,
            sampling=SamplingOptions(),
            samples=1,
            stops=(),
            seed=(self.training_config.seed + self.sample_number) % 2**63,
        )
        return "".join(piece for _, piece in pieces).strip("\n")

    def describe(self, figures: Mapping[str, float]) -> str:
        if "bits_per_char" in figures:
            bits = f"{number_text(figures['bits_per_char'])} bits per char"
        else:
            bits = f"{number_text(figures['loss'] / math.log(2))} bits"
        perplexity = number_text(figures["perplexity"], ".2f")
        text = f"{number_text(figures['loss'])} nats per {self.unit}, perplexity {perplexity}, {bits}"
        if unknown := figures.get("unknown_share"):
            known = number_text(figures["perplexity_known"], ".2f")
            text += f"; {unknown:.1%} of the {self.unit}s are unknown, perplexity of the others {known}"
        return text


def _cluster_entries(entries: Sequence[Hashable], cutoffs: Sequence[int]) -> dict[str, Entries]:
    """Return what the rows of an adaptive softmax stand for: tokens, and the clusters after the frequent ones."""
    borders = [*cutoffs, len(entries)]
    clusters = [("cluster", number) for number in range(len(cutoffs))]
    first: Entries = ([*entries[: borders[0]], *clusters], None)
    found = {"head.weight": first, "head.bias": first}
    for number, (before, after) in enumerate(pairwise(borders)):
        found[f"head.tails.{number}.output.*"] = (entries[before:after], None)
    return found


def _network(config: LanguageModelConfig, size: int) -> LanguageModelNetwork:
    """Return a network, or an ensemble, for so many tokens."""
    return LanguageModelEnsemble.of(config.network.members, lambda: LanguageModelNetwork(size, config.network))

"""A language model's run: the likelihood of the next token, and what a run is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from elman.data.corpus import HeldOut, prepare_corpus
from elman.data.sources import Sources
from elman.data.stream import Lanes
from elman.data.tokens import Corpus, Progress
from elman.data.vocabulary import Vocabulary, vocabulary_from_json
from elman.metrics.likelihood import measure
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.setup import Setup
from elman.types import IGNORED, Batch, State

__all__ = ["LanguageModelSetup", "NextToken"]


class NextToken:
    """Cross-entropy of the next token; `evaluate` runs over the batches that `held_out` makes.

    Args:
        model: the network.
        held_out: makes the evaluation's batches, of at most so many tokens (0 for all), and says how many characters
            their targets stand for; None when nothing is held out.
    """

    def __init__(
        self, model: LanguageModelNetwork, held_out: Callable[[int], tuple[Iterable[Batch], int]] | None = None
    ) -> None:
        self.model = model
        self.held_out = held_out

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token."""
        return self.model.initial_state(batch_size)

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of nats over the counted targets, their number, and the state after the batch."""
        device = self.model.head.weight.device
        targets_BT = batch.targets_BT.to(device)
        logits_BTV, state = self.model(batch.inputs_BT.to(device), batch.lengths_B, state)
        nats = F.cross_entropy(
            logits_BTV.flatten(0, 1).float(), targets_BT.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        return nats, int((batch.targets_BT != IGNORED).sum()), state

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Nats, bits, perplexity and accuracy on held-out text; empty when there is none."""
        if self.held_out is None:
            return {}
        batches, characters = self.held_out(limit)
        return measure(self.model, batches).metrics(characters)


class LanguageModelSetup(Setup[LanguageModelConfig, LanguageModelNetwork, Corpus, Vocabulary]):
    """A run of a language model. Its data is a corpus, which has the vocabulary that it was encoded with."""

    task = "language-model"
    config_class = LanguageModelConfig
    vocabulary_class = Vocabulary
    noun = "text"
    caches = True
    target_every_step = True
    in_bits = True

    @classmethod
    def read(
        cls,
        config: LanguageModelConfig,
        sources: Sources,
        *,
        vocabulary: Vocabulary | None = None,
        progress: Progress | None = None,
        cache: Path | None = None,
    ) -> Corpus:
        """The texts as tokens, of `vocabulary` or of one that is learnt from the training part."""
        return prepare_corpus(sources, config.text, vocabulary=vocabulary, cache=cache, progress=progress)

    @classmethod
    def vocabulary_from(cls, content: Mapping[str, Any], config: LanguageModelConfig, where: str) -> Vocabulary:
        """The vocabulary, of whatever tokens."""
        del config, where
        return vocabulary_from_json(content)

    @staticmethod
    def make_network(config: LanguageModelConfig, vocabulary: Vocabulary) -> LanguageModelNetwork:
        """A network of the vocabulary's tokens."""
        return LanguageModelNetwork(vocabulary.size, config.network)

    @classmethod
    def make_smallest_network(cls, config: LanguageModelConfig) -> LanguageModelNetwork:
        """A network of two tokens."""
        return LanguageModelNetwork(2, config.network)

    def learn_vocabulary(self) -> Vocabulary:
        """The corpus has it."""
        return self.parts.vocabulary

    def encode(self) -> None:
        """The held-out parts as what batches are made of."""
        limit = self.training_config.evaluate_tokens
        valid, test = self.parts.valid, self.parts.test
        self._valid = None if valid is None else HeldOut(valid, self.vocabulary, limit)
        self._test = None if test is None else HeldOut(test, self.vocabulary, limit)

    def stream(self) -> Lanes:
        """The endless stream of training batches."""
        network = self.config.network
        return Lanes(self.parts.train, lanes=network.lanes, length=network.chunk, end_id=self.vocabulary.end_id)

    def objective(self) -> NextToken:
        """The likelihood of the next token."""
        return NextToken(self.network, self._valid)

    @property
    def holds_out(self) -> bool:
        """Whether there is text for validation."""
        return self._valid is not None

    @property
    def unit(self) -> str:
        """What one token is called."""
        return {"character": "char"}.get(self.vocabulary.unit, self.vocabulary.unit)

    def test(self, limit: int) -> dict[str, float]:
        """Figures of the test part."""
        if self._test is None:
            return {}
        batches, characters = self._test(limit)
        return measure(self.network, batches).metrics(characters)

    def describe(self, figures: Mapping[str, float]) -> str:
        """Figures of an evaluation, in a line for people."""
        if "bits_per_char" in figures:
            bits = f"{figures['bits_per_char']:.4f} bits a char"
        else:
            bits = f"{figures['loss'] / math.log(2):.4f} bits"
        return f"{figures['loss']:.4f} nats a {self.unit}, perplexity {figures['perplexity']:.2f}, {bits}"

    def data_fingerprint(self) -> str:
        """The digest of texts, vocabulary and split."""
        return self.parts.fingerprint

    def data_facts(self) -> dict[str, Any]:
        """How long the text and its parts are."""
        corpus = self.parts
        return {
            "characters": corpus.scan.characters,
            "documents": corpus.scan.documents,
            **{f"{name}_tokens": size for name, size in self._sizes().items()},
        }

    def _sizes(self) -> dict[str, int]:
        """How many tokens each part has."""
        corpus = self.parts
        named = (("train", corpus.train), ("valid", corpus.valid), ("test", corpus.test))
        return {name: 0 if part is None else len(part) for name, part in named}

    def outline(self) -> list[tuple[str, str]]:
        """The text, its parts and its tokens."""
        scan, vocabulary, sizes = self.parts.scan, self.vocabulary, self._sizes()
        documents = f"{scan.documents:,} document" + ("" if scan.documents == 1 else "s")
        return [
            ("text", f"{scan.characters:,} characters in {documents}"),
            (
                "parts",
                f"{sizes['train']:,} {vocabulary.unit}s to train on, {sizes['valid']:,} validation, "
                f"{sizes['test']:,} test",
            ),
            ("vocabulary", f"{vocabulary.size:,} {vocabulary.unit}s"),
        ]

    def summary(self) -> str:
        """The network and the data, in a line."""
        tokens = f"{len(self.parts.train):,} {self.vocabulary.unit}s to train on"
        return f"{self.network_summary}; {tokens}, vocabulary of {self.vocabulary.size:,}"

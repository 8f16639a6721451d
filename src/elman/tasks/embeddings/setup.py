"""`EmbeddingsSetup`: data, loss and metrics of the training run of word vectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from elman.data.corpus import prepare_corpus
from elman.data.sources import Sources
from elman.data.tokens import Corpus
from elman.data.vocabulary.kinds.words import WordVocabulary
from elman.data.vocabulary.unknown import UnknownTokens
from elman.data.word_text.blocks import HeldOutWords, TextBlocks, automatic_batch_size
from elman.data.word_text.vocabulary import EmbeddingVocabulary, learn_embedding_vocabulary
from elman.display import Progress, number_text
from elman.errors import ConfigError
from elman.tasks.automatic import Choices
from elman.tasks.comparison import Comparison
from elman.tasks.corpus_setup import CorpusSetup
from elman.tasks.embeddings.baselines import comparison_of
from elman.tasks.embeddings.config import EmbeddingsConfig
from elman.tasks.embeddings.counting import OVERSAMPLED
from elman.tasks.embeddings.in_place import InPlaceObjective, InPlaceTraining
from elman.tasks.embeddings.network import EmbeddingsNetwork
from elman.tasks.embeddings.objectives import objective_module
from elman.tasks.embeddings.predictive import PIECES, PREDICTIVE, HeldOutPairs, make_kernel
from elman.tasks.embeddings.progress import WordProgress
from elman.tasks.start_hooks import Entries
from elman.train.trainer import Trainer

__all__ = ["EmbeddingsSetup"]


class EmbeddingsSetup(CorpusSetup[EmbeddingsConfig, EmbeddingsNetwork]):
    """Setup of word vectors. Its data is a text that has been encoded as words."""

    task = "embeddings"
    config_class = EmbeddingsConfig

    @property
    def words(self) -> EmbeddingVocabulary:
        """The vocabulary."""
        found: Any = self.vocabulary
        words: EmbeddingVocabulary = found
        return words

    @classmethod
    def vocabulary_from(cls, content: Mapping[str, Any], config: EmbeddingsConfig, where: str) -> Any:
        del config, where
        return EmbeddingVocabulary.from_json(content)

    @classmethod
    def check_options(cls, config: EmbeddingsConfig) -> None:
        super().check_options(config)
        training = config.training
        if training.device not in ("auto", "cpu") or training.precision == "bfloat16":
            raise ConfigError(
                "expected device=cpu and precision=float32 for word vectors, which the compiled engine trains. "
                f"Received: {training.device}, {training.precision}"
            )
        network = config.network
        if network.min_n > network.max_n:
            raise ConfigError(f"expected min_n of at most max_n. Received: {network.min_n}, {network.max_n}")
        if network.objective not in PREDICTIVE and (network.subwords or network.fast or network.loss == "nce"):
            raise ConfigError(
                f"expected objective=skip-gram or cbow with subwords, fast and loss=nce. Received: {network.objective}"
            )

    def automatic_options(self, config: EmbeddingsConfig) -> Choices:
        """Return the options that suit the length of the text, by the objective."""
        words = len(self.parts.train)
        suited = getattr(objective_module(config.network.objective), "automatic_options", None)
        return Choices() if suited is None else Choices(suited(words), f"{words:,} words")

    @classmethod
    def read(
        cls,
        config: EmbeddingsConfig,
        sources: Sources,
        *,
        vocabulary: Any = None,
        progress: Progress | None = None,
        cache: Path | None = None,
    ) -> Corpus:
        """Split the texts into words and encode them."""
        base = None if vocabulary is None else vocabulary.base
        return prepare_corpus(sources, config.text, vocabulary=base, cache=cache, progress=progress)

    def resolve_config(self, config: EmbeddingsConfig) -> EmbeddingsConfig:
        training = dataclasses.replace(config.training, device="cpu", precision="float32")
        config = super().resolve_config(dataclasses.replace(config, training=training))
        if config.network.objective not in PREDICTIVE:
            return config
        size = config.network.batch_size or automatic_batch_size(len(self.parts.train))
        return dataclasses.replace(config, network=dataclasses.replace(config.network, batch_size=size))

    def learn_vocabulary(self) -> Any:
        base, text = self.parts.vocabulary, self.config.text
        if not isinstance(base, WordVocabulary):
            raise ConfigError(f"expected tokens = words for word vectors. Received: {base.kind}")
        return learn_embedding_vocabulary(
            base,
            self.parts.train,
            min_count=text.min_count,
            passes=text.phrases,
            threshold=text.phrase_threshold,
        )

    def encode(self) -> None:
        """Prepare the validation and test sets."""
        limit = self.training_config.validation_limit
        valid, test = self.parts.valid, self.parts.test
        self._valid = None if valid is None else HeldOutWords(valid, self.words, limit)
        self._test = None if test is None else HeldOutWords(test, self.words)

    @staticmethod
    def make_network(config: EmbeddingsConfig, vocabulary: Any) -> EmbeddingsNetwork:
        return _network(config, len(vocabulary))

    @classmethod
    def make_smallest_network(cls, config: EmbeddingsConfig) -> EmbeddingsNetwork:
        """Return a network with two words."""
        return _network(config, 2)

    def init_network(self) -> None:
        self.network.initialise()

    def stream(self) -> Any:
        """Return the stream of the objective."""
        return self.objective().stream()

    def text_blocks(self) -> TextBlocks:
        """Return the blocks of the training text."""
        size = self.config.network.batch_size
        return TextBlocks(self.parts.train, self.words, batch_size=size, pieces=PIECES)

    def objective(self) -> InPlaceObjective:
        """Return the objective that the options name."""
        made: InPlaceObjective = objective_module(self.config.network.objective).make(self)
        return made

    def trainer(self) -> Trainer:
        objective = self.objective()
        return InPlaceTraining(
            objective, objective.stream(), self.training_config, evaluation_cost=self.evaluation_cost
        )

    @property
    def unit(self) -> str:
        return "pair"

    @property
    def loss_name(self) -> str:
        return "nats per pair" if self.config.network.objective in PREDICTIVE else "squared error per pair"

    @property
    def network_name(self) -> str:
        return self.config.network.objective

    @property
    def plotted_metrics(self) -> Sequence[str]:
        return ["above_noise"]

    def watch(self, *, quiet: bool = False) -> WordProgress:
        return WordProgress(
            len(self.parts.train),
            exact=not self.config.network.fast,
            describe=self.describe,
            budget_seconds=self.training_config.max_seconds,
            quiet=quiet,
        )

    def test(self, limit: int) -> dict[str, float]:
        held = self.pairs_of(self._test)
        found = {} if held is None else held.metrics(self.network.tables(), limit)
        if self.config.network.objective not in PREDICTIVE:
            found.pop("loss", None)
        return found

    def comparison(self, limit: int) -> Comparison | None:
        name, text = self.compared_part()
        held = self.pairs_of(text)
        if held is None:
            return None
        return comparison_of(self.network, held, self.config.network, self.words, name, limit)

    def pairs_of(self, held: HeldOutWords | None) -> HeldOutPairs | None:
        """Return the pairs of a held-out text, which the kernel measures; None without a text."""
        if held is None:
            return None
        cbow = self.config.network.objective == "cbow"
        return HeldOutPairs(make_kernel(self.config.network, self.words, cbow=cbow), held)

    def training_texts(self) -> Sequence[str]:
        return self.words.base.words

    @property
    def held_out(self) -> HeldOutWords | None:
        """The validation text."""
        found: HeldOutWords | None = self._valid
        return found

    def unknown_tokens(self) -> Iterator[tuple[UnknownTokens, str, str]]:
        """Rare words are left out on purpose."""
        yield from ()

    @classmethod
    def entries_of(cls, config: EmbeddingsConfig, vocabulary: Any) -> Mapping[str, Entries]:
        words = vocabulary.entries()
        buckets = range(config.network.buckets if config.network.subwords else 0)
        inputs = (*words, *(("bucket", number) for number in buckets))
        return {"input_vectors": (inputs, None), "output_vectors": (words, None), "*_bias": (words, None)}

    def describe(self, figures: Mapping[str, float]) -> str:
        parts = [f"{number_text(figures['loss'])} nats per pair"] if "loss" in figures else []
        if "above_noise" in figures:
            parts.append(f"true words above {figures['above_noise']:.1%} of the noise")
        return ", ".join(parts)

    def summary(self) -> str:
        network = self.config.network
        return (
            f"{network.objective}, vectors of {network.embedding} numbers for {len(self.words):,} words; "
            f"{len(self.parts.train):,} tokens to train on"
        )


def _network(config: EmbeddingsConfig, words: int) -> EmbeddingsNetwork:
    network = config.network
    predictive = network.objective in PREDICTIVE
    return EmbeddingsNetwork(
        words,
        network.embedding,
        bias=predictive and network.loss == "nce",
        buckets=network.buckets if network.subwords else 0,
        adagrad=network.objective == "glove",
        basis=network.embedding + OVERSAMPLED if network.objective == "lsa" else 0,
    )

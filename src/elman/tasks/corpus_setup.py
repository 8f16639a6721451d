"""`CorpusSetup`: base class of runs on running text, which is read once into token files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from elman.data.corpus import prepare_corpus
from elman.data.repeated_documents import repeated_documents
from elman.data.sources import Sources
from elman.data.suffixes import table_kind
from elman.data.text_config import TextConfig
from elman.data.tokens import Corpus
from elman.data.vocabulary import Vocabulary, WordVocabulary, vocabulary_from_json
from elman.data.vocabulary.unknown import UnknownTokens
from elman.display import Progress
from elman.nn import StoredModule
from elman.nn.ensemble import members_of
from elman.options import Sections, automatic_value
from elman.tasks.automatic import Choices
from elman.tasks.remarks import token_advice
from elman.tasks.setup import Setup
from elman.tasks.start import StartModel, current_start
from elman.tasks.vector_hooks import WordEmbedding, word_embedding

__all__ = ["CorpusSetup"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)

# Tokens of the text that remarks on it are made from.
_NOTED_TOKENS = 1 << 20

# Test tokens that may take longer to measure than a user expects.
_MANY = 2_000_000


def _cost_of_all_logits(options: Any, network: Any) -> float:
    """Return the cost of a token with the logits of all tokens, in that of one in training, by the products of both."""
    if getattr(options, "head", "") not in ("sampled", "nce"):
        return 1.0
    weight_VY = members_of(network)[0].head.weight
    V, Y = weight_VY.shape
    inner = max(sum(each.numel() for each in members_of(network)[0].parameters() if each.shape[:1] != (V,)), 1)
    return float((inner + V * Y) / (inner + min(options.noise_samples, V) * Y))


class CorpusSetup(Setup[C, N, Corpus, Vocabulary], Generic[C, N]):
    """A run on running text. Its data is a corpus that has been encoded already, with its vocabulary.

    The options have a section `text`, a `TextConfig`. A subclass sets `_valid` and `_test` in `encode`: what
    evaluates the validation and the test part, with the number of their tokens that are used as `limit`, or None.
    """

    vocabulary_class = Vocabulary
    noun = "text"
    caches = True

    _valid: Any
    _test: Any

    @classmethod
    def read(
        cls,
        config: C,
        sources: Sources,
        *,
        vocabulary: Vocabulary | None = None,
        progress: Progress | None = None,
        cache: Path | None = None,
    ) -> Corpus:
        """Encode the texts with `vocabulary`, or with one learnt from the training set that extends that of a start."""
        start = current_start() if vocabulary is None else None
        extend = None
        if start is not None:
            keeps = config.training.start_vocabulary == "keep"  # type: ignore[attr-defined]
            vocabulary, extend = (start.vocabulary, None) if keeps else (None, start.vocabulary)
        text: TextConfig = config.text  # type: ignore[attr-defined]
        return prepare_corpus(sources, text, vocabulary=vocabulary, extend=extend, cache=cache, progress=progress)

    @classmethod
    def automatic_reading(cls, config: Any, sources: Sources, progress: Progress | None) -> Choices:
        """Choose to cut a validation part too where there is a test text only."""
        del progress
        if sources.valid or not sources.test:
            return Choices()
        train, valid, test = automatic_value(config.text, "split")
        return Choices({"split": (train + test, valid, 0.0)})

    @property
    def _text(self) -> TextConfig:
        """The options of texts."""
        text: TextConfig = self.config.text  # type: ignore[attr-defined]
        return text

    @classmethod
    def vocabulary_from(cls, content: Mapping[str, Any], config: C, where: str) -> Vocabulary:
        del config, where
        return vocabulary_from_json(content)

    def learn_vocabulary(self) -> Vocabulary:
        return self.parts.vocabulary

    def vocabulary_from_start(self, learnt: Vocabulary, source: StartModel) -> Vocabulary:
        del source
        return learnt

    def text_vocabularies(self) -> list[Vocabulary]:
        return [self.vocabulary]

    def training_texts(self) -> Sequence[str]:
        """Return the words of the vocabulary, or the beginning of the text."""
        if isinstance(self.vocabulary, WordVocabulary):
            return self.vocabulary.words
        train = self.parts.train
        return [self.vocabulary.decode(train.read(0, min(len(train), _NOTED_TOKENS)).tolist())]

    @property
    def holds_out(self) -> bool:
        return self._valid is not None

    @property
    def evaluation_cost(self) -> float:
        """That of the tokens which are evaluated. They need the logits of all tokens, which a sampled loss spares."""
        if self._valid is None:
            return 0.0
        share: float = self._valid.limit / len(self.parts.train)
        return 0.5 * _cost_of_all_logits(self.config.network, self.network) * share  # type: ignore[attr-defined]

    def compared_part(self) -> tuple[str, Any]:
        """Return the name of the held-out part that simple rules are compared on, and what evaluates it, or None."""
        return ("validation", self._valid) if self._test is None else ("test", self._test)

    def word_embeddings(self) -> list[WordEmbedding]:
        """Return the embedding `embed`, for tasks with the option `vectors`."""
        return [word_embedding(self.vocabulary, self.parts.train.blocks)]

    def notes(self) -> list[str]:
        """Report texts that are in several parts, tables that are read as plain text, and a test part that may take
        longer than the budget.
        """
        notes = [*super().notes(), *self.parts.repeated, *self._tables_as_text()]
        if self._text.text_column:
            for part, tokens in (("validation", self.parts.valid), ("test", self.parts.test)):
                notes += repeated_documents(self.parts.train, tokens, self.vocabulary.end_id, part)
        count, training = self._sizes()["test"], self.training_config
        if not training.max_seconds or training.evaluate_tokens is not None or count <= _MANY:
            return notes
        return [
            *notes,
            f"all {count:,} {self.vocabulary.unit}s of the test part are measured after the last step, which adds to "
            "max_seconds; evaluate_tokens limits their number",
        ]

    def _tables_as_text(self) -> list[str]:
        """Return a remark on training files with the name of a table, if no column of texts is named."""
        paths = [] if self.sources is None or self._text.text_column else self.sources.train
        tables = [Path(path).name for path in paths if table_kind(Path(path))]
        if not tables:
            return []
        return [f"{tables[0]} is read as plain text, all columns and separators; text_column names that of the texts"]

    def unknown_tokens(self) -> Iterator[tuple[UnknownTokens, str, str]]:
        """Yield the counts of unknown tokens at the beginning of the parts."""
        advice = token_advice(self._text, self.vocabulary.kind)
        for name, counts in zip(("training", "validation"), self.parts.unknown, strict=False):
            if counts is not None:
                yield counts, f"{self.vocabulary.unit}s of the {name} text", advice

    def data_fingerprint(self) -> str:
        """Return the digest of texts, vocabulary and split."""
        return self.parts.fingerprint

    def data_facts(self) -> dict[str, Any]:
        """Return the size of the text and its splits."""
        corpus = self.parts
        return {
            "characters": corpus.scan.characters,
            "documents": corpus.scan.documents,
            **{f"{name}_tokens": size for name, size in self._sizes().items()},
        }

    def _sizes(self) -> dict[str, int]:
        """Return the number of tokens in each split."""
        corpus = self.parts
        named = (("train", corpus.train), ("valid", corpus.valid), ("test", corpus.test))
        return {name: 0 if part is None else len(part) for name, part in named}

    def outline(self) -> list[tuple[str, str]]:
        """Describe the text, its splits and its vocabulary."""
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
        tokens = f"{len(self.parts.train):,} {self.vocabulary.unit}s to train on"
        return f"{self.network_summary}; {tokens}, vocabulary of {self.vocabulary.size:,}"

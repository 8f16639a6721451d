"""The vocabularies of pairs: one for each side, or a shared one. Does not import torch."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elman.data.pairs.config import PairsConfig
from elman.data.pairs.pairs import Pairs, tidy
from elman.data.vocabulary import Vocabulary, WordVocabulary, learn_vocabulary, vocabulary_from_json
from elman.data.vocabulary.base import Ids, check_fields
from elman.data.vocabulary.options import vocabulary_options
from elman.data.vocabulary.spacing import Detokenizer
from elman.data.vocabulary.unicode_forms import in_form
from elman.errors import ArtifactError, DataError

__all__ = ["PairVocabulary"]


@dataclass(frozen=True)
class PairVocabulary:
    """Encodes sources and targets as token ids, and decodes targets.

    source, target  the vocabularies; one object for both if it is shared
    lowercase       whether sentences are made lower case

    Sentences have no line end. For subwords a space is put before each sentence, so that a word has the same tokens at
    the start of a sentence as within it. `bos_id`, the id after the last target token, starts the decoder's input.
    """

    source: Vocabulary
    target: Vocabulary
    lowercase: bool = False

    @classmethod
    def learn(cls, pairs: Pairs, config: PairsConfig) -> PairVocabulary:
        """Learn the vocabularies from training data.

        Raises ConfigError for options that contradict each other, DataError for pairs without targets.
        """
        if pairs.targets is None:
            raise DataError(f"{pairs.name}: expected sources with targets. Received: sources only")
        config.check()
        kind, target_kind = config.tokens, config.target_tokens or config.tokens

        def learnt(kind: str, *sides: Sequence[str]) -> Vocabulary:
            texts = (_read(text, kind, config.lowercase, config.unicode_form) for side in sides for text in side)
            return learn_vocabulary(_options(config, kind), texts)

        if config.shared:
            both = learnt(kind, pairs.sources, pairs.targets)
            return cls(both, both, config.lowercase)
        return cls(learnt(kind, pairs.sources), learnt(target_kind, pairs.targets), config.lowercase)

    @property
    def shared(self) -> bool:
        """Whether both sides share one vocabulary."""
        return self.source is self.target

    def describe(self) -> str:
        """Return the sizes of the vocabularies, for people."""
        if self.shared:
            return f"{self.source.size:,} tokens for both sides"
        return f"{self.source.size:,} source and {self.target.size:,} target tokens"

    @property
    def bos_id(self) -> int:
        """Id of the first decoder input; no token of the vocabulary has it."""
        return self.target.size

    def encode_sources(self, texts: Sequence[str]) -> list[Ids]:
        """Return the token ids of every source, without an end token."""
        return self._encode(self.source, texts)

    def encode_targets(self, texts: Sequence[str]) -> list[Ids]:
        """Return the token ids of every target, without an end token."""
        return self._encode(self.target, texts)

    def read_start(self, text: str) -> str:
        """Return the beginning of a target as its vocabulary reads it; white space at its end is kept."""
        kept = text.rstrip()
        read = _read(kept, self.target.kind, self.lowercase, self.target.unicode_form)
        return read + text[len(kept) :].replace("\n", " ") if read else ""

    def encode_target_start(self, text: str) -> list[int]:
        """Return the token ids of the beginning of a target."""
        ids: list[int] = self.target.encode_start(self.read_start(text)).tolist()
        return ids

    def encode_target_continuation(self, start: str, text: str) -> list[int]:
        """Return the token ids of a text that follows the beginning `start` of a target."""
        begun = self.read_start(start)
        text = in_form(text, self.target.unicode_form).replace("\n", " ")
        text = text.lower() if self.lowercase else text
        if self.target.kind == "subwords" and not begun:
            text = " " + text.lstrip()
        ids: list[int] = self.target.encode_continuation(begun, text).tolist()
        return ids

    def source_tokens(self, text: str) -> list[str]:
        """Return the tokens of a source as strings, one per id of `encode_sources`; unknown ones as in the text."""
        return self._tokens(self.source, text)

    def target_tokens(self, ids: Iterable[int]) -> list[str]:
        """Return the tokens of a target as strings, one per id, for display."""
        return [self.target.token(number) for number in ids]

    def decode_target(self, ids: Sequence[int], copies: Mapping[int, str] | None = None) -> str:
        """Return the sentence of token ids. End tokens give no text.

        Words are joined by the rules of `Detokenizer`, or with single spaces if the vocabulary splits at spaces only.
        `copies` maps indices of `ids` to texts that replace these tokens, such as unknown ones.
        """
        given = copies or {}
        vocabulary = self.target
        if vocabulary.kind != "words":
            pieces = list(vocabulary.generated_stream(ids))
            for place, text in given.items():
                pieces[place] = text
            joined = "".join(pieces)
            return joined.removeprefix(" ") if vocabulary.kind == "subwords" else joined
        words = [
            given.get(place) or vocabulary.token(number)
            for place, number in enumerate(ids)
            if number != vocabulary.end_id
        ]
        if _cut_at_spaces(vocabulary):
            return " ".join(words)
        return Detokenizer().join(words)

    def to_json(self) -> dict[str, Any]:
        """Return the vocabularies as JSON values; a shared one occurs once."""
        return {
            "kind": "pairs",
            "lowercase": self.lowercase,
            "source": self.source.to_json(),
            "target": {} if self.shared else self.target.to_json(),
        }

    @classmethod
    def from_json(cls, content: object) -> PairVocabulary:
        """Load what `to_json` returned. Raises ArtifactError for anything else."""
        fields = check_fields(
            content, {"kind": str, "lowercase": bool, "source": dict, "target": dict}, "a vocabulary of pairs"
        )
        if fields["kind"] != "pairs":
            raise ArtifactError(f"expected a vocabulary of pairs. Received: {fields['kind'][:40]!r}")
        source = vocabulary_from_json(fields["source"])
        target = vocabulary_from_json(fields["target"]) if fields["target"] else source
        return cls(source, target, fields["lowercase"])

    def fingerprint(self) -> str:
        """Return a hash of everything that affects how sentences are encoded."""
        parts = [self.lowercase, self.shared, self.source.fingerprint(), self.target.fingerprint()]
        return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()

    def _encode(self, vocabulary: Vocabulary, texts: Sequence[str]) -> list[Ids]:
        kind, form = vocabulary.kind, vocabulary.unicode_form
        return vocabulary.encode_many([_read(text, kind, self.lowercase, form) for text in texts])

    def _tokens(self, vocabulary: Vocabulary, text: str) -> list[str]:
        read = _read(text, vocabulary.kind, self.lowercase, vocabulary.unicode_form)
        if isinstance(vocabulary, WordVocabulary):
            return vocabulary.split(read)
        if vocabulary.per_character:
            return list(vocabulary.in_form(read))
        return [vocabulary.token(int(number)) for number in vocabulary.encode(read)]


def _options(config: PairsConfig, kind: str) -> dict[str, Any]:
    """Return the options of one side's vocabulary; `_read` makes sentences lower case, not the vocabulary."""
    options = vocabulary_options(dataclasses.replace(config, tokens=kind, lowercase=False))
    return {**options, "max_size": config.vocabulary_size} if kind == "characters" else options


def _read(text: str, kind: str, lowercase: bool, form: str) -> str:
    """Prepare a sentence for its vocabulary."""
    text = tidy(in_form(text, form))
    if lowercase:
        text = text.lower()
    return " " + text if kind == "subwords" and text else text


def _cut_at_spaces(vocabulary: Vocabulary) -> bool:
    return isinstance(vocabulary, WordVocabulary) and vocabulary.tokenizer == "whitespace"

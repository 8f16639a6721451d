"""The tokens of both sides of pairs: one vocabulary for each, or one for both. Imports no torch."""

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
from elman.data.vocabulary.spacing import Spacing
from elman.errors import ArtifactError, DataError

__all__ = ["PairVocabulary"]


@dataclass(frozen=True)
class PairVocabulary:
    """How sources and targets become numbers, and numbers become sentences.

    source, target  the vocabularies; the same one twice where it is shared
    lowercase       whether every sentence is read in lower case

    A sentence is encoded by itself, without its line end. Subwords read it after a space, so that a word has the same
    tokens at a sentence's beginning as within it. The number after a vocabulary's last, `go_id`, starts a target.
    """

    source: Vocabulary
    target: Vocabulary
    lowercase: bool = False

    @classmethod
    def learn(cls, pairs: Pairs, config: PairsConfig) -> PairVocabulary:
        """The vocabularies of training data.

        Raises ConfigError for options that do not fit, DataError for pairs without targets.
        """
        if pairs.targets is None:
            raise DataError(f"{pairs.name}: expected targets beside the sources. Received: sources alone")
        config.check()
        kind, target_kind = config.tokens, config.target_tokens or config.tokens

        def learnt(kind: str, *sides: Sequence[str]) -> Vocabulary:
            texts = (_read(text, kind, config.lowercase) for side in sides for text in side)
            return learn_vocabulary(_options(config, kind), texts)

        if config.shared:
            both = learnt(kind, pairs.sources, pairs.targets)
            return cls(both, both, config.lowercase)
        return cls(learnt(kind, pairs.sources), learnt(target_kind, pairs.targets), config.lowercase)

    @property
    def shared(self) -> bool:
        """Whether both sides have one vocabulary."""
        return self.source is self.target

    def told(self) -> str:
        """How many tokens there are, in words, for people."""
        if self.shared:
            return f"{self.source.size:,} tokens for both sides"
        return f"{self.source.size:,} source and {self.target.size:,} target tokens"

    @property
    def go_id(self) -> int:
        """The number that stands before the first token of a target: no token has it."""
        return self.target.size

    def encode_sources(self, texts: Sequence[str]) -> list[Ids]:
        """The token numbers of every source, without an end token."""
        return self._encode(self.source, texts)

    def encode_targets(self, texts: Sequence[str]) -> list[Ids]:
        """The token numbers of every target, without an end token."""
        return self._encode(self.target, texts)

    def source_tokens(self, text: str) -> list[str]:
        """The tokens of a source as they stand in it, one for each number of `encode_sources`; unknown ones as well."""
        return self._tokens(self.source, text)

    def target_tokens(self, ids: Iterable[int]) -> list[str]:
        """Tokens of a target for display, one for each number."""
        return [self.target.token(number) for number in ids]

    def decode_target(self, ids: Sequence[int], copies: Mapping[int, str] | None = None) -> str:
        """The sentence of token numbers. End tokens give no text.

        Words are put together by the rules of `Spacing`, or with single spaces where they are cut at spaces alone.
        `copies` gives, by place in `ids`, texts that take the places of tokens, such as of unknown ones.
        """
        given = copies or {}
        vocabulary = self.target
        if vocabulary.kind != "words":
            pieces = list(vocabulary.decode_stream(ids))
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
        spacing = Spacing()
        return "".join(map(spacing.place, words))

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values; a shared vocabulary stands there once."""
        return {
            "kind": "pairs",
            "lowercase": self.lowercase,
            "source": self.source.to_json(),
            "target": {} if self.shared else self.target.to_json(),
        }

    @classmethod
    def from_json(cls, content: object) -> PairVocabulary:
        """Raises ArtifactError for anything that `to_json` would not have made."""
        fields = check_fields(
            content, {"kind": str, "lowercase": bool, "source": dict, "target": dict}, "a vocabulary of pairs"
        )
        if fields["kind"] != "pairs":
            raise ArtifactError(f"expected a vocabulary of pairs. Received: {fields['kind'][:40]!r}")
        source = vocabulary_from_json(fields["source"])
        target = vocabulary_from_json(fields["target"]) if fields["target"] else source
        return cls(source, target, fields["lowercase"])

    def fingerprint(self) -> str:
        """A hash over everything that decides how sentences are encoded."""
        parts = [self.lowercase, self.shared, self.source.fingerprint(), self.target.fingerprint()]
        return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()

    def _encode(self, vocabulary: Vocabulary, texts: Sequence[str]) -> list[Ids]:
        return vocabulary.encode_many([_read(text, vocabulary.kind, self.lowercase) for text in texts])

    def _tokens(self, vocabulary: Vocabulary, text: str) -> list[str]:
        read = _read(text, vocabulary.kind, self.lowercase)
        if isinstance(vocabulary, WordVocabulary):
            return vocabulary.split(read)
        if vocabulary.per_character:
            return list(read)
        return [vocabulary.token(int(number)) for number in vocabulary.encode(read)]


def _options(config: PairsConfig, kind: str) -> dict[str, Any]:
    """The options of one side's vocabulary. Sentences are in lower case before it reads them."""
    options = vocabulary_options(dataclasses.replace(config, tokens=kind, lowercase=False))
    return {**options, "max_size": config.vocabulary_size} if kind == "characters" else options


def _read(text: str, kind: str, lowercase: bool) -> str:
    """A sentence as its vocabulary reads it."""
    text = tidy(text)
    if lowercase:
        text = text.lower()
    return " " + text if kind == "subwords" and text else text


def _cut_at_spaces(vocabulary: Vocabulary) -> bool:
    return isinstance(vocabulary, WordVocabulary) and vocabulary.tokeniser == "whitespace"

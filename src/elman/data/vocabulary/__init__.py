"""Vocabularies: characters, words or subwords, learnt from text or read from JSON. Knows nothing about files."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from elman.data.vocabulary.base import END_ID, MAX_SIZE, UNKNOWN_ID, Vocabulary, describe_unknown
from elman.data.vocabulary.characters import CharacterVocabulary
from elman.data.vocabulary.subwords import SubwordVocabulary
from elman.data.vocabulary.words import WordVocabulary
from elman.errors import ArtifactError, ConfigError

__all__ = [
    "END_ID",
    "KINDS",
    "MAX_SIZE",
    "UNKNOWN_ID",
    "CharacterVocabulary",
    "SubwordVocabulary",
    "Vocabulary",
    "WordVocabulary",
    "complete_options",
    "describe_unknown",
    "learn_vocabulary",
    "vocabulary_from_json",
]

KINDS: dict[str, Any] = {made.kind: made for made in (CharacterVocabulary, WordVocabulary, SubwordVocabulary)}


def complete_options(options: str | Mapping[str, Any]) -> dict[str, Any]:
    """A kind, or a mapping with `kind` and options of its `learn`, with every option left out at its default.

    Raises ConfigError for an unknown kind or option.
    """
    given: dict[str, Any] = {"kind": options} if isinstance(options, str) else dict(options)
    kind = given.pop("kind", None)
    if kind not in KINDS:
        raise ConfigError(f"expected the kind of a vocabulary to be one of {', '.join(KINDS)}; received {kind!r}")
    known = {
        name: parameter.default
        for name, parameter in inspect.signature(KINDS[kind].learn).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    for name in given:
        if name not in known:
            raise ConfigError(f"expected an option of {kind}, one of {', '.join(known)}; received {name!r}")
    return {"kind": kind, **known, **given}


def learn_vocabulary(options: str | Mapping[str, Any], pieces: Iterable[str]) -> Vocabulary:
    """Learn a vocabulary from a text that comes in pieces; `options` as in `complete_options`."""
    complete = complete_options(options)
    learnt: Vocabulary = KINDS[complete.pop("kind")].learn(pieces, **complete)
    return learnt


def vocabulary_from_json(content: object) -> Vocabulary:
    """The vocabulary that `to_json` described. Raises ArtifactError for anything else."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise ArtifactError(f"expected a vocabulary of the kind {', '.join(KINDS)}; received {str(kind)[:40]!r}")
    read: Vocabulary = KINDS[kind].from_json(content)
    return read

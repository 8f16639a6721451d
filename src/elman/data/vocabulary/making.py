"""Vocabularies of any kind: learnt from text as options say, or read from JSON. Knows nothing about files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from elman.data.vocabulary.base import Vocabulary
from elman.data.vocabulary.kinds import token_kinds, vocabulary_class
from elman.errors import ArtifactError, ConfigError

__all__ = ["complete_options", "learn_vocabulary", "vocabulary_from_json"]


def complete_options(options: str | Mapping[str, Any]) -> dict[str, Any]:
    """A kind, or a mapping with `kind` and options of its `learn`, with every option left out at its default.

    Raises ConfigError for an unknown kind or option.
    """
    given: dict[str, Any] = {"kind": options} if isinstance(options, str) else dict(options)
    kind = given.pop("kind", None)
    known = {
        name: parameter.default
        for name, parameter in inspect.signature(vocabulary_class(kind).learn).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    for name in given:
        if name not in known:
            raise ConfigError(f"expected an option of {kind}, one of {', '.join(known)}; received {name!r}")
    return {"kind": kind, **known, **given}


def learn_vocabulary(options: str | Mapping[str, Any], pieces: Iterable[str]) -> Vocabulary:
    """Learn a vocabulary from a text that comes in pieces; `options` as in `complete_options`."""
    complete = complete_options(options)
    learn: Callable[..., Vocabulary] = vocabulary_class(complete.pop("kind")).learn
    return learn(pieces, **complete)


def vocabulary_from_json(content: object) -> Vocabulary:
    """The vocabulary that `to_json` described. Raises ArtifactError for anything else."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in token_kinds():
        raise ArtifactError(
            f"expected a vocabulary of the kind {', '.join(token_kinds())}; received {str(kind)[:40]!r}"
        )
    return vocabulary_class(kind).from_json(content)

"""Learning of vocabularies of any kind from text, and reading of them from JSON."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from elman.data.vocabulary.base import Vocabulary
from elman.data.vocabulary.kinds import token_kinds, vocabulary_class
from elman.errors import ArtifactError, ConfigError
from elman.former import former_keywords

__all__ = ["complete_options", "learn_vocabulary", "vocabulary_from_json"]


def complete_options(options: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with `kind` and all options of its `learn`, with defaults for those not in `options`.

    `options` is a kind, or a mapping with `kind` and some of the options. Raises ConfigError for an unknown kind or
    option.
    """
    given: dict[str, Any] = {"kind": options} if isinstance(options, str) else dict(options)
    kind, given = given.pop("kind", None), _with_present_names(**given)
    known = {
        name: parameter.default
        for name, parameter in inspect.signature(vocabulary_class(kind).learn).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    for name in given:
        if name not in known:
            raise ConfigError(f"expected an option of {kind}, one of {', '.join(known)}. Received: {name!r}")
    return {"kind": kind, **known, **given}


@former_keywords({"tokeniser": "tokenizer"})
def _with_present_names(**options: Any) -> dict[str, Any]:
    return options


def learn_vocabulary(options: str | Mapping[str, Any], pieces: Iterable[str]) -> Vocabulary:
    """Learn a vocabulary from a text in pieces, with `options` as in `complete_options`.

    Raises ConfigError for an unknown kind or option or an option out of range, DataError if no token would be left.
    """
    complete = complete_options(options)
    learn: Callable[..., Vocabulary] = vocabulary_class(complete.pop("kind")).learn
    return learn(pieces, **complete)


def vocabulary_from_json(content: object) -> Vocabulary:
    """Create a vocabulary from the result of its `to_json`. Raises ArtifactError for other values."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in token_kinds():
        raise ArtifactError(
            f"expected a vocabulary of the kind {', '.join(token_kinds())}. Received: {str(kind)[:40]!r}"
        )
    return vocabulary_class(kind).from_json(content)

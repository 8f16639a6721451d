"""From options of any task to the options of a vocabulary. Imports neither numpy nor torch."""

from __future__ import annotations

from typing import Any

__all__ = ["vocabulary_options"]

# Of each option of a task: what the vocabularies call it, and which kinds of tokens take it.
_NAMES = (
    ("min_count", "min_count", ("characters", "words")),
    ("lowercase", "lowercase", ("characters", "words")),
    ("word_rule", "tokeniser", ("words",)),
    ("tokeniser", "tokeniser", ("words",)),
    ("punctuation", "punctuation", ("words",)),
    ("numbers", "numbers", ("words",)),
    ("urls", "urls", ("words",)),
)


def vocabulary_options(config: Any) -> dict[str, Any]:
    """The options that `learn_vocabulary` takes, from a section with `tokens` and some of the options of tokens.

    An option that the section does not have, or that its kind of tokens does not take, is left at its default.
    """
    kind = config.tokens
    options: dict[str, Any] = {"kind": kind}
    options |= {own: getattr(config, name) for name, own, kinds in _NAMES if kind in kinds and hasattr(config, name)}
    if kind != "characters" and config.vocabulary_size:
        options["max_size" if kind == "words" else "size"] = config.vocabulary_size
    return options

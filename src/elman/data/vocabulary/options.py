"""Conversion of the options of a task to the options of a vocabulary."""

from __future__ import annotations

from typing import Any

from elman.data.vocabulary.kinds import vocabulary_class

__all__ = ["vocabulary_options"]

# An option for which 0 means the default of the vocabulary.
_SIZE = "vocabulary_size"


def vocabulary_options(config: Any) -> dict[str, Any]:
    """Return options for `learn_vocabulary` from a section that has `tokens` and some of the options of tokens.

    Options that the section does not have, or that its kind of tokens does not take, keep their defaults.
    """
    options: dict[str, Any] = {"kind": config.tokens}
    for name, own in vocabulary_class(config.tokens).option_names.items():
        if hasattr(config, name) and (name != _SIZE or config.vocabulary_size):
            options[own] = getattr(config, name)
    return options

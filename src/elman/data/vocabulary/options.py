"""From options of any task to the options of a vocabulary."""

from __future__ import annotations

from typing import Any

from elman.data.vocabulary.kinds import vocabulary_class

__all__ = ["vocabulary_options"]

# The option whose 0 stands for the default of the vocabulary.
_SIZE = "vocabulary_size"


def vocabulary_options(config: Any) -> dict[str, Any]:
    """The options that `learn_vocabulary` takes, from a section with `tokens` and some of the options of tokens.

    An option that the section does not have, or that its kind of tokens does not take, is left at its default.
    """
    options: dict[str, Any] = {"kind": config.tokens}
    for name, own in vocabulary_class(config.tokens).option_names.items():
        if hasattr(config, name) and (name != _SIZE or config.vocabulary_size):
            options[own] = getattr(config, name)
    return options

"""Options of vectors that a task borrows from a file. Does not import torch."""

from __future__ import annotations

from typing import Any

from elman.options import option

__all__ = ["FREEZING", "freeze_vectors", "freeze_vectors_until", "vectors_option", "vectors_words"]

# The options that say how long borrowed vectors stay as they are.
FREEZING = ("freeze_vectors", "freeze_vectors_until")


def vectors_option(what: str = "the embedding") -> Any:
    """Return the option for a file of word vectors, which initialise `what`."""
    return option(
        "", f"file of word vectors, or model of word vectors, that initialise {what}; needs tokens that are words"
    )


def freeze_vectors(names: str = "vectors") -> Any:
    """Return the option that freezes the embeddings of the files that the options `names` name."""
    return option(False, f"do not train the embedding of {names}, or not in the first freeze_vectors_until epochs")


def freeze_vectors_until(names: str = "vectors") -> Any:
    """Return the option for the epoch from which on these embeddings are trained."""
    help = f"epochs after which a frozen embedding of {names} is trained, which implies freeze_vectors; 0 for never"
    return option(0.0, help, least=0.0, most=1e9)


def vectors_words() -> Any:
    """Return the option for words of the file that the training data lacks."""
    help = (
        "add up to so many words of the file of vectors, from its first, to the vocabulary, also those that the "
        "training data lacks; best with freeze_vectors"
    )
    return option(0, help, least=0)

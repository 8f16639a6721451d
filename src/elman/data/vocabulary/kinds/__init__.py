"""Kinds of vocabularies. The class of each kind is in a module with the name of the kind.

The kinds are choices of options, so they are taken from the names of the modules without importing them. Does not
import numpy.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError

if TYPE_CHECKING:
    from elman.data.vocabulary.base import Vocabulary

__all__ = ["token_kinds", "vocabulary_class"]

# Listed first in the help; other kinds follow in alphabetical order.
_FIRST = ("words", "characters", "subwords")


def token_kinds(default: str = "characters") -> tuple[str, ...]:
    """Return the kinds of tokens, with the default first."""
    found = {info.name for info in pkgutil.iter_modules(__path__)} - {default}
    return (default, *(name for name in _FIRST if name in found), *sorted(found - {*_FIRST}))


def vocabulary_class(kind: object) -> type[Vocabulary]:
    """Return the vocabulary class of a kind. Raises ConfigError for an unknown kind or a module without the class."""
    from elman.data.vocabulary.base import Vocabulary

    if kind not in token_kinds():
        raise ConfigError(
            f"expected the kind of a vocabulary to be one of {', '.join(token_kinds())}. Received: {kind!r}"
        )
    module = importlib.import_module(f"{__name__}.{kind}")
    for value in vars(module).values():
        if _is_vocabulary(value, Vocabulary) and value.kind == kind:
            found: type[Vocabulary] = value
            return found
    raise ConfigError(f"expected a vocabulary of the kind {kind!r} in {module.__name__}. Received: none")


def _is_vocabulary(value: Any, base: type) -> bool:
    return inspect.isclass(value) and issubclass(value, base) and not inspect.isabstract(value)

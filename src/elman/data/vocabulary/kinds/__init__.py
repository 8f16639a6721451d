"""Kinds of vocabularies: a module each, which has the name of its kind and defines the class. Imports no numpy.

The names are choices of options, so they come from the modules' names; a class is imported when it is asked for.
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

# What people are offered first; other kinds follow by their names.
_FIRST = ("words", "characters", "subwords")


def token_kinds(default: str = "characters") -> tuple[str, ...]:
    """The kinds of tokens, the default one first."""
    found = {info.name for info in pkgutil.iter_modules(__path__)} - {default}
    return (default, *(name for name in _FIRST if name in found), *sorted(found - {*_FIRST}))


def vocabulary_class(kind: object) -> type[Vocabulary]:
    """The class of a kind of vocabularies. Raises ConfigError for an unknown kind, or one whose module has no class."""
    from elman.data.vocabulary.base import Vocabulary

    if kind not in token_kinds():
        raise ConfigError(
            f"expected the kind of a vocabulary to be one of {', '.join(token_kinds())}; received {kind!r}"
        )
    module = importlib.import_module(f"{__name__}.{kind}")
    for value in vars(module).values():
        if _is_vocabulary(value, Vocabulary) and value.kind == kind:
            found: type[Vocabulary] = value
            return found
    raise ConfigError(f"expected a vocabulary of the kind {kind!r} in {module.__name__}. Received: none")


def _is_vocabulary(value: Any, base: type) -> bool:
    return inspect.isclass(value) and issubclass(value, base) and not inspect.isabstract(value)

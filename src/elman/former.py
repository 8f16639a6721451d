"""Earlier names of options, arguments, classes and methods: each use works, with a FormerNameWarning."""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from elman.errors import ConfigError, FormerNameWarning

__all__ = ["FormerView", "former_attributes", "former_keywords", "former_methods", "warn_of_former_name"]

F = TypeVar("F", bound=Callable[..., Any])
_PACKAGE = __name__.partition(".")[0]


def warn_of_former_name(former: str, name: str) -> None:
    """Issue a FormerNameWarning that points to the first caller outside this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(f"{former} is now called {name}", FormerNameWarning, stacklevel=level)


class FormerView:
    """An object of earlier versions, whose attributes are those of several objects now: of the first that has one."""

    def __init__(self, *parts: object) -> None:
        self._parts = parts

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            for part in self._parts:
                if hasattr(part, name):
                    return getattr(part, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def former_attributes(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the function `__getattr__` of a module whose attributes had other names.

    names  each earlier name, and the present one
    """

    def getattr_(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn_of_former_name(f"{module}.{name}", names[name])
        return getattr(importlib.import_module(module), names[name])

    return getattr_


def former_keywords(names: Mapping[str, str]) -> Callable[[F], F]:
    """Return a decorator of a function whose arguments had other names: `former_keywords({"earlier": "present"})`.

    The function raises ConfigError for an argument that is given under both names.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def renamed(*positional: Any, **given: Any) -> Any:
            for former in given.keys() & names.keys():
                name = names[former]
                if name in given:
                    raise ConfigError(f"expected the option {name} once. Received: {name} and {former}")
                warn_of_former_name(f"the option {former!r}", repr(name))
                given[name] = given.pop(former)
            return function(*positional, **given)

        return renamed  # type: ignore[return-value]

    return decorate


def former_methods(kind: type[Any], names: Mapping[str, str]) -> None:
    """Give methods that a new subclass defines under earlier names their present ones."""
    for former in vars(kind).keys() & names.keys():
        if names[former] not in vars(kind):
            warn_of_former_name(f"the method {former!r} of {kind.__name__}", repr(names[former]))
            setattr(kind, names[former], vars(kind)[former])

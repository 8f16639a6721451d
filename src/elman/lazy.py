"""Lazy attributes of a package: a module is imported when one of its names is first used (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from elman.former import former_attributes

__all__ = ["lazy_names"]


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]], former: Mapping[str, str] = MappingProxyType({})
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions `__getattr__` and `__dir__` for a package.

    homes   the names that each module defines, by the module's name: relative to the package (`.stack`) or absolute
    former  earlier names, each with the present one; using one issues a FormerNameWarning

    Any other name raises AttributeError.
    """
    former_getattr = former_attributes(package, former)
    home_of = {name: home for home, names in homes.items() for name in names}

    def getattr_(name: str) -> Any:
        home = home_of.get(name)
        if home is None and name in former:
            return former_getattr(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(home, package), name)

    def dir_() -> list[str]:
        return sorted(home_of)

    return getattr_, dir_

"""Readers of data by name: every module of a package of readers defines one `Reader` or several.

The names are choices of options, so the command line imports these modules: they import numpy, or anything else that
is heavy, inside the function that reads, or name that function as a text. Knows nothing about any reader.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from elman.data.suffixes import bare_suffix
from elman.errors import ConfigError

__all__ = ["Reader", "reader_of", "readers_in"]


@dataclass(frozen=True)
class Reader:
    """A form that data may have, and the function that reads it.

    name      what the form is called as the value of an option
    function  what reads it, or its name as "module:function"; the package of the reader says how it is called
    suffixes  those of files in this form, in lower case; a `.gz` after them is left out
    accepts   whether a path is in this form, where its suffix does not say it
    whole     it reads what is named as a whole, such as a folder, and not file by file
    labelled  whether data in this form may have labels
    rank      its place among the names; under "auto", the first reader that takes a path reads it
    """

    name: str
    function: Callable[..., Any] | str
    suffixes: tuple[str, ...] = ()
    accepts: Callable[[Path], bool] | None = None
    whole: bool = False
    labelled: bool = True
    rank: int = 100

    def takes(self, path: Path) -> bool:
        """Whether a path is in this form, by its name or its place."""
        return bare_suffix(path) in self.suffixes or (self.accepts is not None and self.accepts(path))

    @property
    def read(self) -> Callable[..., Any]:
        """The function that reads."""
        if not isinstance(self.function, str):
            return self.function
        module, _, name = self.function.partition(":")
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return found


@cache
def readers_in(package: str) -> Mapping[str, Reader]:
    """The readers that the modules of a package define, by their names, in the order of rank and name.

    Raises ConfigError for two readers of one name.
    """
    found: dict[str, Reader] = {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f"{package}.{info.name}")
        for reader in vars(module).values():
            if isinstance(reader, Reader) and found.setdefault(reader.name, reader) is not reader:
                raise ConfigError(
                    f"expected readers of different names in {package}. Received: {reader.name!r}, again in {info.name}"
                )
    ordered = sorted(found.values(), key=lambda reader: (reader.rank, reader.name))
    return MappingProxyType({reader.name: reader for reader in ordered})


def reader_of(known: Mapping[str, Reader], *paths: Path, whole: bool = False) -> Reader | None:
    """The first reader that takes all of `paths`, of those that read `whole` or of the others; None where none does."""
    if not paths:
        return None
    return next((each for each in known.values() if each.whole == whole and all(map(each.takes, paths))), None)

"""Registry of data readers: each module of a package of readers defines one or more `Reader` objects.

The names of the readers are choices of options, so the command line imports these modules. They must import numpy and
other slow modules inside the reader function, or give that function as a string.
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
    """A data format and the function that reads it.

    name      name of the format as the value of an option
    function  the function, or its name as "module:function"; its signature is defined by the package of the reader
    suffixes  suffixes of files in this format, in lower case and without `.gz`
    accepts   whether a path is in this format, for formats that the suffix does not show
    whole     whether the reader takes the whole input, such as a folder, and not file by file
    labelled  whether data in this format may have labels
    rank      position among the readers; with "auto", the first reader that takes a path is used
    """

    name: str
    function: Callable[..., Any] | str
    suffixes: tuple[str, ...] = ()
    accepts: Callable[[Path], bool] | None = None
    whole: bool = False
    labelled: bool = True
    rank: int = 100

    def takes(self, path: Path) -> bool:
        """Return whether a path is in this format, by its suffix or by `accepts`."""
        return bare_suffix(path) in self.suffixes or (self.accepts is not None and self.accepts(path))

    @property
    def read(self) -> Callable[..., Any]:
        """The reader function, imported if it was given by name."""
        if not isinstance(self.function, str):
            return self.function
        module, _, name = self.function.partition(":")
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return found


@cache
def readers_in(package: str) -> Mapping[str, Reader]:
    """Return the readers that the modules of a package define, by name, in the order of rank and name.

    Raises ConfigError for two readers with one name.
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
    """Return the first reader with this value of `whole` that takes all of `paths`; None if there is none."""
    if not paths:
        return None
    return next((each for each in known.values() if each.whole == whole and all(map(each.takes, paths))), None)

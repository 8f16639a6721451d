"""Look up cells by name: the built-in cells of this package, and cells that other installed packages register.

A package registers a cell with an entry point in the group `elman.cells`, named after the cell. An installed cell that
cannot be used raises an error only when it is requested by name.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.metadata import EntryPoint
from types import MappingProxyType, ModuleType
from typing import Any

from elman.cells.cell import Cell
from elman.errors import ConfigError
from elman.options import suggestion

__all__ = ["GROUP", "available", "built_in", "cell_class", "cell_modules", "make", "unusable"]

_PACKAGE = __name__.rpartition(".")[0]
# Group of the entry points, named after this package.
GROUP = _PACKAGE
# Class attributes that every cell must define, as text.
_REQUIRED_TEXTS = ("name", "summary", "equations", "paper")


def _is_cell(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Cell) and not inspect.isabstract(value)


def _cells_in(module: ModuleType) -> list[type[Cell]]:
    """Return the cells that a module defines, without those that it imports."""
    return [each for each in vars(module).values() if _is_cell(each) and each.__module__ == module.__name__]


def cell_modules() -> list[ModuleType]:
    """Return the modules of this package that define a cell, in alphabetical order."""
    # Taken from `sys.modules`: importing the package here would be a circular import.
    names = sorted(module.name for module in pkgutil.iter_modules(sys.modules[_PACKAGE].__path__))
    modules = [importlib.import_module(f"{_PACKAGE}.{name}") for name in names]
    return [module for module in modules if _cells_in(module)]


def built_in() -> MappingProxyType[str, type[Cell]]:
    """Return the cells of this package by name, in alphabetical order."""
    found = {cell.name: cell for module in cell_modules() for cell in _cells_in(module)}
    return MappingProxyType(dict(sorted(found.items())))


def _registered() -> dict[str, list[EntryPoint]]:
    """Return the entry points of installed packages by name, in alphabetical order, without importing the packages."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in metadata.entry_points(group=GROUP):
        found.setdefault(entry.name, []).append(entry)
    return dict(sorted(found.items()))


def _load(entries: Sequence[EntryPoint]) -> type[Cell] | str:
    """Return the cell that `entries`, which must be a single one, registers, or a sentence why it cannot be used."""
    entry = entries[0]
    subject = f"the installed cell {entry.name!r} ({', '.join(each.value for each in entries)})"
    if len(entries) > 1:
        return f"{subject} is registered more than once"
    try:
        cell = entry.load()
    except (Exception, SystemExit) as error:  # importing another package can raise anything
        return f"{subject} cannot be imported: {type(error).__name__}: {error}"
    if not _is_cell(cell):
        return f"{subject} is not a concrete subclass of elman.cells.Cell"
    without = [each for each in _REQUIRED_TEXTS if not isinstance(getattr(cell, each, None), str)]
    if without:
        return f"{subject} lacks {', '.join(without)}"
    return cell if cell.name == entry.name else f"{subject} has another name, {cell.name!r}"


def available() -> MappingProxyType[str, type[Cell]]:
    """Return all usable cells by name, built-in and installed, in alphabetical order."""
    found = dict(built_in())
    for name, entries in _registered().items():
        if name not in found and not isinstance(cell := _load(entries), str):
            found[name] = cell
    return MappingProxyType(dict(sorted(found.items())))


def unusable() -> list[str]:
    """Return a sentence for each installed cell that cannot be used."""
    builtin = built_in()
    sentences = []
    for name, entries in _registered().items():
        if name in builtin:
            places = ", ".join(each.value for each in entries)
            sentences.append(f"the installed cell {name!r} ({places}) has the name of a built-in cell")
        elif isinstance(problem := _load(entries), str):
            sentences.append(problem)
    return sentences


def cell_class(name: str) -> type[Cell]:
    """Return the class of a cell by name.

    An installed cell is imported only when it is requested. Raises ConfigError for an unknown name, and for an
    installed cell that cannot be used.
    """
    builtin = built_in()
    if name in builtin:
        return builtin[name]
    entries = _registered().get(name)
    if entries is None:
        known = available()
        raise ConfigError(f"expected a cell among {', '.join(known)}. Received: {name!r}.{suggestion(name, known)}")
    cell = _load(entries)
    if isinstance(cell, str):
        raise ConfigError(f"expected a cell that can be used: {cell}. Received: {name!r}")
    return cell


def make(cell: str | type[Cell], input_size: int, hidden_size: int, **options: Any) -> Cell:
    """Build a cell from its name or class.

    Raises ConfigError as `cell_class` does, for an option that the cell does not have, and for a value that it rejects.
    """
    if isinstance(cell, str):
        cell = cell_class(cell)
    try:
        return cell(input_size, hidden_size, **options)
    except TypeError as error:
        raise ConfigError(
            f"{cell.__name__} does not take these options: {error}. Received: {sorted(options)}"
        ) from error

"""The cells: one file each, nothing but equations and start values.

`available()` finds every cell in this folder; `make()` builds one by name. A new cell is one new file here.
Knows nothing about time, lengths, layers or direction.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from types import MappingProxyType
from typing import Any

from elman.cells.cell import Cell, ElementwiseCell, HiddenState, LinearCell
from elman.cells.elman import Elman
from elman.cells.gru import GRU
from elman.cells.gru_reset_before import GRUResetBefore
from elman.cells.initialisers import INITIALISERS
from elman.cells.lstm import LSTM, LSTMState
from elman.cells.mingru import MinGRU
from elman.errors import ConfigError
from elman.options import suggestion

__all__ = [
    "GRU",
    "INITIALISERS",
    "LSTM",
    "Cell",
    "ElementwiseCell",
    "Elman",
    "GRUResetBefore",
    "HiddenState",
    "LSTMState",
    "LinearCell",
    "MinGRU",
    "available",
    "make",
]


@cache
def available() -> MappingProxyType[str, type[Cell]]:
    """Every cell of this folder by its name, in alphabetical order."""
    found: dict[str, type[Cell]] = {}
    for module in pkgutil.iter_modules(__path__):
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        for member in members:
            if inspect.isclass(member) and issubclass(member, Cell) and not inspect.isabstract(member):
                found[member.name] = member
    return MappingProxyType(dict(sorted(found.items())))


def make(cell: str | type[Cell], input_size: int, hidden_size: int, **options: Any) -> Cell:
    """A cell by name or class. Raises ConfigError for an unknown name or an option that the cell does not have."""
    if isinstance(cell, str):
        cells = available()
        if cell not in cells:
            raise ConfigError(f"expected a cell among {', '.join(cells)}. Received: {cell!r}.{suggestion(cell, cells)}")
        cell = cells[cell]
    try:
        return cell(input_size, hidden_size, **options)
    except TypeError as error:
        raise ConfigError(
            f"{cell.__name__} does not take these options: {error}. Received: {sorted(options)}"
        ) from error

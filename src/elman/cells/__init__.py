"""Recurrent cells: the equations and initial values of each cell, in one file per cell.

To add a cell, add one file to this package, or register a cell from another package (see `discovery`). No other file
has to change. `available()` returns all cells and `make()` builds one by name. A cell computes single time steps:
sequences, lengths, layers and directions belong to `elman.nn`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elman.cells.cell import Cell, ElementwiseCell, HiddenState, LinearCell
from elman.cells.discovery import available, built_in, cell_class, cell_modules, make, unusable
from elman.cells.initialisers import INITIALISERS

if TYPE_CHECKING:
    from elman.cells.elman import Elman
    from elman.cells.gru import GRU
    from elman.cells.gru_reset_before import GRUResetBefore
    from elman.cells.lstm import LSTM, LSTMState
    from elman.cells.mingru import MinGRU

# The names of single cells are listed only for type checkers and star imports: `__getattr__` finds every cell's class.
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
    "built_in",
    "cell_class",
    "make",
    "unusable",
]


def __getattr__(name: str) -> Any:
    """Return a public name of one of the cells' modules, such as `LSTM`."""
    if not name.startswith("_"):
        for module in cell_modules():
            if name in getattr(module, "__all__", ()):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for module in cell_modules() for name in getattr(module, "__all__", ()))})

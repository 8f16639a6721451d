"""The cells: one file each, nothing but equations and start values.

A new cell is one new file here, or a cell that another package registers (see `discovery`); nothing else names it.
`available()` finds all of them, `make()` builds one by name. Knows nothing about time, lengths, layers or direction.
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

# Names of single cells stand here for type checkers and star imports alone: any cell's class is found without them.
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
    """A public name of one of the cells' modules, such as `LSTM`."""
    if not name.startswith("_"):
        for module in cell_modules():
            if name in getattr(module, "__all__", ()):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for module in cell_modules() for name in getattr(module, "__all__", ()))})

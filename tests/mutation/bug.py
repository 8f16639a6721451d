"""What a planted bug is."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from ..contract.cases import Case

Check = Callable[[Case, str], None]


class Bug(NamedTuple):
    """What is changed, in which function of which module, and the check that must notice."""

    what: str
    module: ModuleType
    function: str
    edits: tuple[tuple[str, str], ...]
    check: Check
    case: Case
    kernel: str = "reference"


def lstm_case(**options: Any) -> Case:
    return Case("lstm", options)


ELMAN, GRU, RESET_BEFORE, MINGRU = (Case(name, {}) for name in ("elman", "gru", "gru-reset-before", "mingru"))

"""Earlier name of the module `elman.state`, which programs of users may import."""

from __future__ import annotations

import warnings
from typing import Any

from elman import state
from elman.errors import FormerNameWarning

__all__: list[str] = []

_FORMER = {"IGNORED": "IGNORE_INDEX"}


def __getattr__(name: str) -> Any:
    present = _FORMER.get(name, name)
    if present not in state.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"elman.types.{name} is now called elman.state.{present}", FormerNameWarning, stacklevel=2)
    return getattr(state, present)

"""Earlier name of the module `elman.state`, which programs of users may import."""

from __future__ import annotations

from typing import Any

from elman import state
from elman.former import warn_of_former_name

__all__ = [*state.__all__]

_FORMER = {"IGNORED": "IGNORE_INDEX"}


def __getattr__(name: str) -> Any:
    present = _FORMER.get(name, name)
    if present not in state.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_of_former_name(f"elman.types.{name}", f"elman.state.{present}")
    return getattr(state, present)

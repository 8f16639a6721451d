"""Objectives of word vectors. The name of each is that of its module, with hyphens.

The names are choices of options, so they are taken from the modules' names without importing them. A module defines
DEFAULTS, the options in which it differs from the preset `base`, and `make(setup)`, which returns an
`InPlaceObjective`; it may define `automatic_options(words)`, the options that suit a text of so many words. Modules
import numpy and torch inside functions only.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from elman.errors import ConfigError

__all__ = ["objective_module", "objective_names"]

# Listed first in the help, the default before all others.
_FIRST = ("skip-gram", "cbow")


def objective_names() -> tuple[str, ...]:
    """Return the names of the objectives."""
    found = {info.name.replace("_", "-") for info in pkgutil.iter_modules(__path__)}
    return (*_FIRST, *sorted(found - {*_FIRST}))


def objective_module(name: str) -> Any:
    """Return the module of an objective. Raises ConfigError for an unknown name."""
    if name not in objective_names():
        raise ConfigError(f"expected an objective among {', '.join(objective_names())}. Received: {name!r}")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")

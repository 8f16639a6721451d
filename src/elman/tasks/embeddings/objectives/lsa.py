"""LSA: the singular vectors of the table of positive pointwise mutual information (Levy et al. 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elman.tasks.embeddings.in_place import InPlaceObjective
    from elman.tasks.embeddings.setup import EmbeddingsSetup

__all__ = ["DEFAULTS", "make"]

DEFAULTS: Mapping[str, Any] = MappingProxyType({"max_epochs": 5.0})


def make(setup: EmbeddingsSetup) -> InPlaceObjective:
    """Return the objective of a run."""
    from elman.tasks.embeddings.counting import LSAObjective

    return LSAObjective(setup)

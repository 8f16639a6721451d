"""GloVe: vectors whose products are the logarithms of the counts of pairs (Pennington et al. 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elman.tasks.embeddings.in_place import InPlaceObjective
    from elman.tasks.embeddings.setup import EmbeddingsSetup

__all__ = ["DEFAULTS", "make"]

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"window": 10, "learning_rate": 0.05, "schedule": "constant", "max_epochs": 25.0}
)


def make(setup: EmbeddingsSetup) -> InPlaceObjective:
    """Return the objective of a run."""
    from elman.tasks.embeddings.counting import GloVeObjective

    return GloVeObjective(setup)

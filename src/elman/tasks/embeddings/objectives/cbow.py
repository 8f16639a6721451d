"""CBOW: the mean of a context predicts the word that it surrounds (Mikolov et al. 2013)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elman.tasks.embeddings.in_place import InPlaceObjective
    from elman.tasks.embeddings.setup import EmbeddingsSetup

__all__ = ["DEFAULTS", "make"]

DEFAULTS: Mapping[str, Any] = MappingProxyType({})


def make(setup: EmbeddingsSetup) -> InPlaceObjective:
    """Return the objective of a run."""
    from elman.tasks.embeddings.predictive import PredictiveObjective

    return PredictiveObjective(setup, cbow=True)

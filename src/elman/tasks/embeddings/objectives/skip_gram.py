"""Skip-gram: each word of a context predicts the word that it surrounds (Mikolov et al. 2013)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elman.tasks.embeddings.in_place import InPlaceObjective
    from elman.tasks.embeddings.setup import EmbeddingsSetup

__all__ = ["DEFAULTS", "automatic_options", "make"]

DEFAULTS: Mapping[str, Any] = MappingProxyType({})
# Words of a text below which more passes than the usual five have a lower validation loss.
_SHORT, _LONG = 30_000, 2_000_000


def automatic_options(words: int) -> dict[str, Any]:
    """Return the options that suit a text of so many words."""
    return {"max_epochs": 20.0 if words < _SHORT else 10.0} if words < _LONG else {}


def make(setup: EmbeddingsSetup) -> InPlaceObjective:
    """Return the objective of a run."""
    from elman.tasks.embeddings.predictive import PredictiveObjective

    return PredictiveObjective(setup, cbow=False)

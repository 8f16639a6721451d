"""Several counters on the same text."""

from collections.abc import Sequence

import numpy as np

from elman.data.sources import Sources, as_paths
from elman.metrics.verdict import mean_of
from elman.tasks.paired import PairedItems, Request

from .model import Counter

__all__ = ["paired_items"]


def paired_items(models: Sequence[Counter], request: Request) -> PairedItems:
    """Nats of every known letter."""
    counts = []
    for model in models:
        text = model.setup_class.read(model.config, Sources(as_paths(request.without_targets())))[0][: request.limit]
        numbers = [model.vocabulary.letters.index(letter) for letter in text]
        counts.append(np.array([[model.network.nats([number]), 1.0] for number in numbers]))
    return PairedItems(mean_of("loss", "nats per letter"), "letters", counts)

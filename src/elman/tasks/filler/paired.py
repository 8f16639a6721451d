"""Several fillers on the same text, if they have the same words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elman.decode.evaluation_mode import evaluation_mode
from elman.errors import DataError
from elman.tasks.comparison import piece_counts
from elman.tasks.filler.baselines import FIGURE, ITEM, NOUN
from elman.tasks.filler.measure import word_nats
from elman.tasks.filler.model import Filler
from elman.tasks.filler.setup import segments_of
from elman.tasks.paired import PairedItems, Request, check_same

__all__ = ["paired_items"]


def paired_items(models: Sequence[Filler], request: Request) -> PairedItems:
    """Sum the losses of pieces of the text. Raises DataError for models with different vocabularies."""
    text = request.without_targets()
    first = models[0].vocabulary.fingerprint()
    for name, model in zip(request.names, models, strict=True):
        if model.vocabulary.fingerprint() != first:
            raise DataError(
                "expected fillers with the same words, since a word that is unknown costs less (--from MODEL keeps the "
                f"words of a model). Received: others in {name} than in {request.names[0]}"
            )
    words, counts = [], []
    for model in models:
        with model.encoded(text, progress=request.progress) as tokens, evaluation_mode(model.network):
            held_out = segments_of(tokens, model.config, request.limit)
            segments = held_out.segments()
            ranges = zip(segments.starts_N.tolist(), segments.stops_N.tolist(), strict=True)
            read = [tokens.read(start, stop) for start, stop in ranges]
            words.append(np.concatenate([np.zeros(0, np.int64), *read]).tolist())
            counts.append(piece_counts(word_nats(model.network, held_out), ITEM))
    check_same(request, words, "words")
    return PairedItems(FIGURE, NOUN, counts)

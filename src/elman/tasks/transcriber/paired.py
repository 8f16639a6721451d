"""Several transcribers on the same recordings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elman.metrics.transcription import character_errors
from elman.metrics.verdict import error_rate
from elman.tasks.paired import PairedItems, Request, check_same
from elman.tasks.transcriber.model import Transcriber

__all__ = ["paired_items"]


def paired_items(models: Sequence[Transcriber], request: Request) -> PairedItems:
    """Count wrong characters of greedy transcripts, in lower case if one of the models has no others."""
    read = []
    for model in models:
        with request.reading(model):
            read.append(request.limited(model.known(request.inputs, request.targets)))
    check_same(request, [each.texts or [] for each in read], "texts")
    lowercase = any(model.vocabulary.lowercase for model in models)

    def cased(texts: Sequence[str]) -> list[str]:
        return [text.lower() if lowercase else text for text in texts]

    truth = cased(models[0].vocabulary.compared(read[0].texts or []))
    counts = [
        np.array(character_errors(truth, cased(model.greedy_texts(each, request.progress))), dtype=np.float64)
        for model, each in zip(models, read, strict=True)
    ]
    return PairedItems(error_rate("cer", "character error rate"), "texts", [each.reshape(-1, 2) for each in counts])

"""Several taggers on the same sequences."""

from __future__ import annotations

from collections.abc import Sequence

from elman.metrics.verdict import F1, ratio
from elman.tasks.paired import PairedItems, Request, check_same
from elman.tasks.tagger.baselines import tag_counts
from elman.tasks.tagger.model import Tagger

__all__ = ["paired_items"]


def paired_items(models: Sequence[Tagger], request: Request) -> PairedItems:
    """Count right spans if all models have tags of spans, otherwise right tags."""
    spans = all(model.vocabulary.scheme is not None for model in models)
    read = []
    for model in models:
        with request.reading(model):
            read.append(request.limited(model.known(request.inputs, request.targets)))
    check_same(request, [each.tags or [] for each in read], "sequences")
    counts = [
        tag_counts(each.tags or [], model.tags_of(each, request.progress), spans=spans)
        for model, each in zip(models, read, strict=True)
    ]
    return PairedItems(F1 if spans else ratio("accuracy", "accuracy of tags"), "sequences", counts)

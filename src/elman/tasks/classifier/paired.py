"""Several classifiers on the same examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elman.data.examples.arguments import evaluation_examples
from elman.data.examples.targets import ClassTargets
from elman.errors import ConfigError
from elman.metrics.verdict import ratio, rmse_of
from elman.tasks.classifier.model import Classifier
from elman.tasks.paired import PairedItems, Request, check_same

__all__ = ["paired_items"]


def paired_items(models: Sequence[Classifier], request: Request) -> PairedItems:
    """Count right examples, or squared errors of a regression."""
    classes = [isinstance(model.vocabulary.targets, ClassTargets) for model in models]
    if len(set(classes)) > 1:
        raise ConfigError("expected models that all predict classes, or all numbers. Received: both")
    read = []
    for model in models:
        with request.reading(model):
            examples = evaluation_examples(request.inputs, request.targets, model.config.data)
            read.append(request.limited(examples))
    check_same(request, [examples.labels or [] for examples in read], "labels")
    counts = []
    for model, examples in zip(models, read, strict=True):
        truth_N, outputs_NC = model.labelled_outputs(examples, request.progress)
        targets = model.vocabulary.targets
        if isinstance(targets, ClassTargets):
            scored_N = (outputs_NC.argmax(axis=1) == truth_N).astype(np.float64)
        else:
            scored_N = (targets.decode(outputs_NC[:, 0]) - targets.decode(truth_N)) ** 2
        counts.append(np.stack([scored_N, np.ones(len(scored_N))], axis=1))
    return PairedItems(ratio("accuracy", "accuracy") if classes[0] else rmse_of(), "examples", counts)

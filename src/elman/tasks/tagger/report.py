"""Figures of every tag and of every type of span. Knows nothing about networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from elman.data.tagged import Tagged
from elman.data.tagged.spans import spans_of
from elman.errors import DataError
from elman.metrics.confusion import ClassFigures, class_report, confusion_matrix

__all__ = ["Report", "report_of"]


@dataclass(frozen=True)
class Report:
    """How good tags are, in full.

    figures  those of the whole: accuracy, f1, and so on
    names    every tag that is true or given
    matrix   how often each was true (row) and given (column)
    tags     precision, recall and F1 of every tag
    spans    those of every type of span; empty where the tags tell of none
    """

    figures: dict[str, float]
    names: list[str]
    matrix: npt.NDArray[np.int64]
    tags: list[ClassFigures]
    spans: list[ClassFigures]


def report_of(truth: Tagged, tags: Sequence[Sequence[str]], figures: dict[str, float], *, spans: bool) -> Report:
    """The report of the answers `tags` to `truth`. Raises DataError where the tags are not known."""
    if truth.tags is None:
        raise DataError(f"{truth.name}: expected a tag for every step. Received: none")
    flat_true = [tag for each in truth.tags for tag in each]
    flat_given = [tag for each in tags for tag in each]
    names = sorted({*flat_true, *flat_given})
    places = {name: place for place, name in enumerate(names)}
    matrix = confusion_matrix(
        np.array([places[tag] for tag in flat_true]), np.array([places[tag] for tag in flat_given]), len(names)
    )
    return Report(figures, names, matrix, class_report(matrix, names), _span_figures(truth.tags, tags) if spans else [])


def _span_figures(truth: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> list[ClassFigures]:
    """Precision, recall and F1 of every type of span, by nervaluate's strict rule: its type and both ends."""
    from nervaluate import Evaluator

    def as_dicts(sequences: Sequence[Sequence[str]]) -> list[list[dict[str, object]]]:
        return [
            [{"label": span.type, "start": span.first, "end": span.last} for span in spans_of(each)]
            for each in sequences
        ]

    true, given = as_dicts(truth), as_dicts(tags)
    types = sorted({str(span["label"]) for spans in (true, given) for each in spans for span in each})
    if not types:
        return []
    found = Evaluator(true, given, tags=types, loader="dict").evaluate()["entities"]
    return [
        ClassFigures(
            name,
            float(found[name]["strict"].precision),
            float(found[name]["strict"].recall),
            float(found[name]["strict"].f1),
            int(found[name]["strict"].possible),
        )
        for name in types
    ]

"""Metrics of tagging: accuracy of tags and sentence labels, F1 of spans, and metrics by tag and type of span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.tagged import TaggedDataset
from elman.data.tagged.spans import spans_of
from elman.display import aligned, number_text
from elman.errors import DataError
from elman.metrics.confusion import ClassMetrics, class_report, confusion_matrix

__all__ = ["Report", "figures_of", "report_of"]


@dataclass(frozen=True)
class Report:
    """Full report of tagging metrics.

    figures  overall metrics: accuracy, f1, and so on
    names    tags that occur in the truth or in the predictions
    matrix   confusion matrix: true tags in rows, predicted tags in columns
    tags     precision, recall and F1 of every tag
    spans    the same of every type of span; empty if the tags have no spans
    """

    figures: dict[str, float]
    names: list[str]
    matrix: npt.NDArray[np.int64]
    tags: list[ClassMetrics]
    spans: list[ClassMetrics]

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as JSON values: overall, of every type of span and of every tag."""
        return {**self.figures, "spans": _by_name(self.spans), "tags": _by_name(self.tags)}

    def to_text(self) -> str:
        """Format the metrics as tables."""
        tables = [
            aligned([(name.replace("_", " "), _shown(name, value)) for name, value in self.figures.items()], right=[1])
        ]
        for what, figures in (("span", self.spans), ("tag", self.tags)):
            if figures:
                rows = [(what, "precision", "recall", "F1", "count")]
                rows += [
                    (each.name, f"{each.precision:.2%}", f"{each.recall:.2%}", f"{each.f1:.2%}", f"{each.support:,}")
                    for each in figures
                ]
                tables.append(aligned(rows, right=[1, 2, 3, 4]))
        return "\n\n".join(tables)


def figures_of(
    truth: TaggedDataset, tags: Sequence[Sequence[str]], intents: Sequence[str] | None, *, spans: bool
) -> dict[str, float]:
    """Return metrics of the predictions `tags` and `intents` for `truth`.

    accuracy               fraction of time steps with the correct tag
    sentences              fraction of sequences with all tags correct
    precision, recall, f1  of spans (with `spans`); a span is correct if its type and both boundaries are
    intent_accuracy        fraction of correct sentence labels (if there are any)
    exact                  fraction of sequences with all tags and the label correct
    tokens                 number of time steps

    Raises DataError if `truth` has no tags.
    """
    if truth.tags is None:
        raise DataError(f"{truth.name}: expected a tag for every step. Received: none")
    right = [sum(map(str.__eq__, true, given)) for true, given in zip(truth.tags, tags, strict=True)]
    steps = int(truth.lengths.sum())
    whole = [hits == len(given) for hits, given in zip(right, tags, strict=True)]
    figures = {"accuracy": sum(right) / max(steps, 1), "sentences": sum(whole) / max(len(whole), 1)}
    if spans:
        true_spans = {(row, span) for row, each in enumerate(truth.tags) for span in spans_of(each)}
        found = {(row, span) for row, each in enumerate(tags) for span in spans_of(each)}
        hits = len(true_spans & found)
        figures |= {
            "precision": hits / max(len(found), 1),
            "recall": hits / max(len(true_spans), 1),
            "f1": 2 * hits / max(len(found) + len(true_spans), 1),
        }
    if intents is not None and truth.intents is not None:
        same = [true == given for true, given in zip(truth.intents, intents, strict=True)]
        figures["intent_accuracy"] = sum(same) / max(len(same), 1)
        figures["exact"] = sum(a and b for a, b in zip(whole, same, strict=True)) / max(len(same), 1)
    return {**figures, "tokens": steps}


def report_of(truth: TaggedDataset, tags: Sequence[Sequence[str]], figures: dict[str, float], *, spans: bool) -> Report:
    """Build the report of the predictions `tags` for `truth`. Raises DataError if `truth` has no tags."""
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


def _span_figures(truth: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> list[ClassMetrics]:
    """Return precision, recall and F1 of every type of span, in nervaluate's strict mode (type and both boundaries)."""
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
        ClassMetrics(
            name,
            float(found[name]["strict"].precision),
            float(found[name]["strict"].recall),
            float(found[name]["strict"].f1),
            int(found[name]["strict"].possible),
        )
        for name in types
    ]


def _shown(name: str, value: float) -> str:
    if name == "tokens":
        return f"{value:,.0f}"
    return number_text(value) if name == "loss" else f"{value:.2%}"


def _by_name(figures: Sequence[ClassMetrics]) -> dict[str, dict[str, float]]:
    """Return metrics by name, as JSON values."""
    return {
        each.name: {"precision": each.precision, "recall": each.recall, "f1": each.f1, "support": each.support}
        for each in figures
    }

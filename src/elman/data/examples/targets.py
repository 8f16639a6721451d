"""Targets of training: labels encoded as class indices or as standardised numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.bad_rows import usable
from elman.data.examples import Examples
from elman.data.labels import LABEL_TYPES, LabelIndex, names_in_files
from elman.errors import ArtifactError, DataError

__all__ = [
    "ClassTargets",
    "RegressionTarget",
    "Targets",
    "class_weights_of",
    "learn_targets",
    "targets_from_json",
    "with_numbers",
]

# Limits the memory of the confusion matrix.
_MAX_CLASSES = 5000
# In characters. A longer text is most likely not a label but the wrong column or file.
_LONGEST_LABEL = 1000
# With more examples than this, labels that are all different are refused.
_FEW = 9


@dataclass(frozen=True)
class ClassTargets:
    """Encodes labels as class indices.

    names     the text of every class, by index
    values    type of the labels before they became text, one of `LABEL_TYPES`
    """

    names: tuple[str, ...]
    values: str = "text"

    @property
    def outputs(self) -> int:
        """Number of logits of the network."""
        return len(self.names)

    def array(self) -> npt.NDArray[Any]:
        """Return the classes in their original type: scikit-learn's `classes_`."""
        return np.array([LABEL_TYPES[self.values](name) for name in self.names])

    def encode(self, examples: Examples) -> npt.NDArray[np.int64]:
        """Return the class index of each label. Raises DataError, with the place, for a label not seen in training."""
        known = LabelIndex(self.names)
        numbers = {label: known.find(label) for label in set(_labels(examples))}
        found = np.empty(len(examples), dtype=np.int64)
        for row, label in enumerate(_labels(examples)):
            number = numbers[label]
            if number is None:
                shown = ", ".join(map(repr, self.names[:10])) + (", ..." if len(self.names) > 10 else "")
                raise DataError(
                    f"{examples.places[row]}: expected a label seen in training, one of {shown}. Received: {label!r}"
                )
            found[row] = number
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the classes as JSON values."""
        return {"labels": list(self.names), "label_values": self.values, "target": None}


@dataclass(frozen=True)
class RegressionTarget:
    """Encodes labels of a regression as standardised numbers: (label - mean) / deviation."""

    mean: float
    deviation: float
    outputs: int = 1

    def encode(self, examples: Examples) -> npt.NDArray[np.float32]:
        """Return the standardised numbers. Raises DataError, with the place, for a label that is no finite number."""
        return ((_numbers(examples) - self.mean) / self.deviation).astype(np.float32)

    def decode(self, outputs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Convert outputs of the network to numbers."""
        return np.asarray(outputs, dtype=np.float64) * self.deviation + self.mean

    def to_json(self) -> dict[str, Any]:
        """Return the scale of the labels as JSON values."""
        return {
            "labels": None,
            "label_values": "number",
            "target": {"mean": self.mean, "deviation": self.deviation},
        }


Targets = ClassTargets | RegressionTarget


def learn_targets(examples: Examples, kind: str, names: Sequence[str] | None = None, values: str = "text") -> Targets:
    """Learn the targets of `examples`: `RegressionTarget` if `kind` is "regression", else `ClassTargets`.

    `names` gives the classes in order, and `values` their type. By default they are those of files: sorted, numbers by
    value and before other names, and integers if all of them are whole numbers. Raises
    DataError for missing labels, for a single class or a constant number, for more than 5000 classes, for a number that
    is not a number, and for more than 9 labels that are all different classes.
    """
    if kind == "regression":
        numbers = _numbers(examples)
        deviation = float(numbers.std()) if len(numbers) else 0.0
        if deviation == 0.0:
            received = f"{numbers[0]:g} in all of {len(numbers):,} examples" if len(numbers) > 1 else "one sample"
            received = received if len(numbers) else "no examples"
            raise DataError(f"expected numbers that differ, to learn from. Received: {received}")
        return RegressionTarget(float(numbers.mean()), deviation)
    labels = _labels(examples)
    for label, place in zip(labels, examples.places, strict=True):
        if len(label) > _LONGEST_LABEL:
            raise DataError(
                f"{place}: expected a label of at most {_LONGEST_LABEL:,} characters. "
                f"Received: one of {len(label):,}, {label[:40]!r}..."
            )
    different, in_files = names_in_files(labels)
    if names is None:
        names, values = sorted(different, key=_rank), in_files
    found = tuple(names)
    if len(found) < 2:
        raise DataError(
            f"expected examples of at least two classes to learn from. Received: one class only, "
            f"{', '.join(map(repr, found))}, in {len(examples)} examples"
        )
    if len(found) > _MAX_CLASSES:
        raise DataError(
            f"expected at most {_MAX_CLASSES:,} classes; labels that are real numbers need kind=regression. "
            f"Received: {len(found):,} different labels"
        )
    if len(found) == len(labels) > _FEW:
        raise DataError(
            f"expected classes with several examples each; is the label where the text should be (label_first, "
            f"label_column), or a number to learn (kind=regression)? Received: {len(labels):,} labels, all different, "
            f"such as {labels[0][:40]!r}"
        )
    return ClassTargets(found, values)


def with_numbers(examples: Examples) -> Examples:
    """Return the examples whose labels are finite numbers, as those of a regression must be."""
    if examples.labels is None:
        return examples
    problems = {
        row: DataError(f"{examples.places[row]}: expected a finite number as the label. Received: {label!r}")
        for row, label in enumerate(examples.labels)
        if not math.isfinite(_number(label))
    }
    kept = usable(len(examples), problems)
    return examples if kept is None else examples.take(kept)


def _number(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return math.nan


def class_weights_of(truth_N: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
    """Return a weight per class, inverse to its number of examples; the mean weight over all examples is 1.

    A class without examples has the weight 0.
    """
    counts_C = np.bincount(truth_N, minlength=classes)
    present = counts_C > 0
    weights_C = np.zeros(classes)
    weights_C[present] = len(truth_N) / (present.sum() * counts_C[present])
    return weights_C


def targets_from_json(content: Mapping[str, Any], kind: str, where: str) -> Targets:
    """Load what `to_json` returned. Raises ArtifactError for anything else."""
    labels, values, scale = content.get("labels"), content.get("label_values"), content.get("target")
    if kind == "regression":
        numbers: list[Any] = [scale.get(name) for name in ("mean", "deviation")] if isinstance(scale, dict) else []
        if not (numbers and all(type(n) in (int, float) and math.isfinite(n) for n in numbers) and numbers[1] > 0.0):
            raise ArtifactError(f"{where}: expected the mean and deviation of the labels. Received: {str(scale)[:60]}")
        return RegressionTarget(float(numbers[0]), float(numbers[1]))
    if (
        not isinstance(labels, list)
        or not 2 <= len(labels) <= _MAX_CLASSES
        or not all(isinstance(name, str) for name in labels)
        or len(set(labels)) != len(labels)
    ):
        raise ArtifactError(f"{where}: expected the names of two or more classes. Received: {str(labels)[:60]}")
    classes = ClassTargets(tuple(labels), values if isinstance(values, str) else "")
    try:
        classes.array()
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"{where}: expected labels of the kind {str(values)[:20]!r}. Received: {error}") from error
    return classes


def _labels(examples: Examples) -> list[str]:
    if examples.labels is None:
        place = examples.places[0] if len(examples) else "the data"
        raise DataError(f"{place}: expected a label for every example. Received: none")
    return examples.labels


def _numbers(examples: Examples) -> npt.NDArray[np.float64]:
    numbers = np.empty(len(examples))
    for row, label in enumerate(_labels(examples)):
        numbers[row] = _number(label)
        if not math.isfinite(numbers[row]):
            raise DataError(f"{examples.places[row]}: expected a finite number as the label. Received: {label!r}")
    return numbers


def _rank(name: str) -> tuple[bool, float, str]:
    """Sort key: numbers by value, before all other names in alphabetical order."""
    try:
        number = float(name)
    except ValueError:
        number = math.nan
    return (math.isnan(number), 0.0 if math.isnan(number) else number, name)

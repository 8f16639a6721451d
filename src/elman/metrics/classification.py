"""Metrics of classification (accuracy, F1, calibration) and of regression (errors of predicted numbers)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.examples.targets import ClassTargets
from elman.data.examples.vocabulary import ClassifierVocabulary
from elman.display import aligned, number_text, plain
from elman.metrics.calibration import calibration
from elman.metrics.confusion import class_report, confusion_matrix, confusion_text, summary

__all__ = [
    "class_evaluation",
    "class_metrics",
    "evaluation",
    "evaluation_text",
    "log_softmax",
    "regression_metrics",
    "weighted_mean",
    "weighted_score",
]

Floats = npt.NDArray[np.float64]


def log_softmax(logits_NC: Floats) -> Floats:
    """Return the log-probabilities of the classes."""
    shifted_NC = logits_NC - logits_NC.max(axis=1, keepdims=True)
    return shifted_NC - np.log(np.exp(shifted_NC).sum(axis=1, keepdims=True))


def class_metrics(logits_NC: Floats, truth_N: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return cross-entropy in nats, accuracy, and macro F1 over the classes that occur."""
    log_probs_NC = log_softmax(logits_NC)
    predicted_N = logits_NC.argmax(axis=1)
    matrix_CC = confusion_matrix(truth_N, predicted_N, logits_NC.shape[1])
    return {
        "loss": abs(float(log_probs_NC[np.arange(len(truth_N)), truth_N].mean())),  # no -0.0
        "accuracy": float((predicted_N == truth_N).mean()),
        "macro_f1": summary(matrix_CC).macro_f1,
    }


def class_evaluation(
    logits_NC: Floats, truth_N: npt.NDArray[Any], names: Sequence[str], temperature: float
) -> dict[str, Any]:
    """Return all metrics of classification: overall, by class, the confusion matrix, and calibration.

    Probabilities are those of `logits_NC / temperature`; "ece_before" is the calibration error at temperature 1.
    """
    matrix_CC = confusion_matrix(truth_N, logits_NC.argmax(axis=1), len(names))
    calibrated = calibration(np.exp(log_softmax(logits_NC / temperature)), truth_N)
    before = calibration(np.exp(log_softmax(logits_NC)), truth_N)
    return {
        "examples": len(truth_N),
        "accuracy": float(np.trace(matrix_CC) / max(len(truth_N), 1)),
        "macro_f1": summary(matrix_CC).macro_f1,
        "log_loss": calibrated.log_loss,
        "brier": calibrated.brier,
        "ece": calibrated.ece,
        "ece_before": before.ece,
        "temperature": temperature,
        "classes": [each._asdict() for each in class_report(matrix_CC, names)],
        "confusion": matrix_CC.tolist(),
    }


def regression_metrics(predicted_N: Floats, truth_N: Floats) -> dict[str, float]:
    """Return root mean squared error, mean absolute error, and R2 (coefficient of determination).

    If all true numbers are equal, R2 is 1 for exact predictions and 0 otherwise.
    """
    errors_N = predicted_N - truth_N
    squares = float((errors_N**2).sum())
    spread = float(((truth_N - truth_N.mean()) ** 2).sum())
    return {
        "rmse": float(np.sqrt(squares / len(truth_N))),
        "mae": float(np.abs(errors_N).mean()),
        "r2": 1.0 - squares / spread if spread > 0.0 else float(squares == 0.0),
    }


def weighted_mean(values_N: npt.NDArray[Any], weights_N: npt.NDArray[Any]) -> float:
    """Return the mean of values with these weights; their plain mean if all weights are 0."""
    return float(np.average(values_N, weights=weights_N if weights_N.any() else None))


def weighted_score(
    outputs_NC: Floats, truth_N: npt.NDArray[Any], vocabulary: ClassifierVocabulary, weights_N: npt.NDArray[Any]
) -> float:
    """Return the accuracy, or R2 for a regression, of examples with weights, as scikit-learn's scores do."""
    targets = vocabulary.targets
    if isinstance(targets, ClassTargets):
        return weighted_mean(outputs_NC.argmax(axis=1) == truth_N, weights_N)
    predicted_N, numbers_N = targets.decode(outputs_NC[:, 0]), targets.decode(truth_N)
    squares = weighted_mean((predicted_N - numbers_N) ** 2, weights_N)
    spread = weighted_mean((numbers_N - np.average(numbers_N, weights=weights_N)) ** 2, weights_N)
    return 1.0 - squares / spread if spread > 0.0 else float(squares == 0.0)


def evaluation(outputs_NC: Floats, truth_N: npt.NDArray[Any], vocabulary: ClassifierVocabulary) -> dict[str, Any]:
    """Return all metrics of the outputs: `class_evaluation` for classes, `regression_metrics` for a regression."""
    targets = vocabulary.targets
    if isinstance(targets, ClassTargets):
        return class_evaluation(outputs_NC, truth_N, targets.names, vocabulary.temperature)
    metrics = regression_metrics(targets.decode(outputs_NC[:, 0]), targets.decode(truth_N))
    return {"examples": len(truth_N), **metrics}


def evaluation_text(metrics: Mapping[str, Any]) -> str:
    """Format the metrics of `evaluation` as text; for classes with a table of the classes and the confusion matrix."""
    if "classes" not in metrics:
        rows_of_metrics = [
            (name, f"{value:,}" if name == "examples" else f"{value:.6g}") for name, value in metrics.items()
        ]
        return aligned(rows_of_metrics, right=[1])
    shown = ("accuracy", "macro_f1", "log_loss", "brier", "ece", "ece_before", "temperature")
    rows = [
        ("examples", f"{metrics['examples']:,}"),
        *((name.replace("_", " "), number_text(metrics[name])) for name in shown),
    ]
    head = ("class", "precision", "recall", "f1", "support")
    table = [
        (plain(each["name"]), *(f"{each[name]:.4f}" for name in head[1:4]), f"{each['support']:,}")
        for each in metrics["classes"]
    ]
    matrix = confusion_text(np.array(metrics["confusion"]), [plain(each["name"]) for each in metrics["classes"]])
    return "\n\n".join([aligned(rows, right=[1]), aligned([head, *table], right=[1, 2, 3, 4]), matrix])

"""Metrics of classes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elman.metrics.calibration import calibration
from elman.metrics.classification import class_metrics


def test_a_loss_is_never_a_negative_zero() -> None:
    logits_NC, truth_N = np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([0, 1])
    probabilities_NC = np.array([[1.0, 0.0], [0.0, 1.0]])
    for loss in (class_metrics(logits_NC, truth_N)["loss"], calibration(probabilities_NC, truth_N).log_loss):
        assert (loss, math.copysign(1.0, loss)) == (0.0, 1.0)


def test_the_loss_is_the_mean_of_the_negative_logarithms() -> None:
    shares_NC = np.array([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25]])
    found = class_metrics(np.log(shares_NC) + 3.0, np.array([0, 2]))
    assert found["loss"] == pytest.approx(-(math.log(0.7) + math.log(0.25)) / 2, rel=1e-12)
    assert found["accuracy"] == 0.5

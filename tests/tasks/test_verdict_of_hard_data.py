"""Runs on data from which little can be learnt end with a verdict that says so, or with one clear error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import elman
from elman.errors import DataError

TINY: dict[str, Any] = {
    "max_steps": 6,
    "hidden_size": 4,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
    "warmup_steps": 2,
}


def classifier(texts: list[str], labels: list[str], valid: Any = None, **options: Any) -> elman.Classifier:
    model = elman.Classifier(embedding=3, **TINY | options)
    return model.fit(texts, labels, valid=valid, progress=False, tune=False)


def checked(verdict: dict[str, Any]) -> dict[str, Any]:
    numbers = [verdict[name] for name in ("network", "difference", "low", "high", "chance")]
    assert all(math.isfinite(value) for value in (*numbers, *verdict["rules"].values()))
    return verdict


def test_one_example_a_class() -> None:
    texts = [f"text number {number}" for number in range(8)]
    labels = [f"class {number}" for number in range(8)]
    found = checked(classifier(texts, labels, valid=(texts, labels)).metrics["verdict"])
    assert found["items"] == 8
    assert found["rules"]["the commonest class"] == 1 / 8
    assert found["outcome"] != "better"


def test_all_texts_are_equal() -> None:
    labels = ["a"] * 30 + ["b"] * 10
    found = checked(classifier(["the same"] * 40, labels, valid=(["the same"] * 40, labels)).metrics["verdict"])
    assert set(found["rules"].values()) == {0.75}
    assert found["outcome"] != "better"


def test_labels_that_contradict_each_other() -> None:
    texts = [f"text {number // 2}" for number in range(60)]
    labels = ["a", "b"] * 30
    found = checked(classifier(texts, labels, valid=(texts, labels)).metrics["verdict"])
    assert max(found["rules"].values()) == 0.5
    assert found["outcome"] == "even"


def test_a_training_part_smaller_than_a_batch() -> None:
    texts = ["good film", "bad film", "good play"]
    found = classifier(texts, ["+", "-", "+"], valid=(texts, ["+", "-", "+"]), batch_size=64).metrics["verdict"]
    assert checked(found)["outcome"] == "even"
    assert "3 validation examples are too few to say which is better" in found["sentence"]


def test_a_validation_part_that_is_in_the_training_part(caplog: pytest.LogCaptureFixture) -> None:
    texts = [f"{word} {number}" for number in range(20) for word in ("good", "bad")]
    labels = ["+", "-"] * 20
    found = checked(classifier(texts, labels, valid=(texts, labels), preset="base").metrics["verdict"])
    assert "40 of 40 items of the validation data are also in the training data" in caplog.text
    assert found["rules"]["naive Bayes over words and word pairs"] == 1.0
    assert found["outcome"] == "worse"


@pytest.mark.parametrize("classes", [6_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_very_many_classes_are_refused(classes: int) -> None:
    texts = [f"text {number}" for number in range(2 * classes)]
    labels = [f"class {number // 2}" for number in range(2 * classes)]
    with pytest.raises(DataError, match=rf"expected at most 5,000 classes.* Received: {classes:,} different labels"):
        classifier(texts, labels)


@pytest.mark.parametrize(
    "values", [np.arange(5.0), np.full(60, 3.0), np.zeros(60)], ids=["five values", "constant", "zero"]
)
def test_series_of_which_little_is_known(values: np.ndarray) -> None:
    model = elman.Forecaster(horizon=2, **TINY).fit(values, progress=False, tune=False)
    found = model.metrics.get("verdict")
    assert found is None or checked(found)["outcome"] == "even"
    forecast = model.forecast()
    low, high = forecast.intervals[80.0]
    assert np.isfinite(forecast.mean).all()
    assert (low <= forecast.mean).all()
    assert (forecast.mean <= high).all()


def test_runs_without_anything_held_out_have_no_verdict() -> None:
    model = classifier(["good film", "bad film"] * 10, ["+", "-"] * 10, split=(1.0, 0.0, 0.0))
    assert "verdict" not in model.metrics

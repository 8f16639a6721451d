"""sktime's own checks on the adapter, and that it answers as the classifier that it wraps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import elman
from elman.errors import ConfigError

pytest.importorskip("sktime")
from sktime.utils.estimator_checks import check_estimator

from elman.adapters.sktime import ElmanClassifier

QUICK: dict[str, Any] = {
    "device": "cpu", "threads": 1, "precision": "float32", "hidden_size": 4, "max_steps": 3, "cell": "gru",
}  # fmt: skip


def panel() -> tuple[np.ndarray, np.ndarray]:
    """Series of two channels, in sktime's order: instance, channel, time."""
    draw = np.random.default_rng(0)
    return draw.normal(size=(12, 2, 5)), np.array(["up", "down"] * 6)


SOME_CHECKS = ["test_constructor", "test_set_params", "test_fit_does_not_overwrite_hyper_params",
               "test_classifier_output", "test_handles_single_class", "test_persistence_via_pickle"]  # fmt: skip


@pytest.mark.filterwarnings("default")  # sktime's suite is run as it is: its own warnings are its own
def test_some_of_sktimes_checks() -> None:
    results = check_estimator(ElmanClassifier, raise_exceptions=False, verbose=False, tests_to_run=SOME_CHECKS)
    assert {name: result for name, result in results.items() if result != "PASSED"} == {}
    assert {name.partition("[")[0] for name in results} == set(SOME_CHECKS)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # as above
@pytest.mark.timeout(600)  # 258 checks, most of which train
def test_sktimes_checks() -> None:
    results = check_estimator(ElmanClassifier, raise_exceptions=False, verbose=False)
    assert {name: result for name, result in results.items() if result != "PASSED"} == {}
    assert len(results) >= 204


def test_it_answers_as_the_classifier_that_it_wraps(tmp_path: Path) -> None:
    X, y = panel()
    adapter = ElmanClassifier("small", options=QUICK).fit(X, y)
    model = elman.Classifier("small", **QUICK).fit(X.swapaxes(1, 2), y, progress=False)
    assert np.array_equal(adapter.predict_proba(X), model.predict_proba(X.swapaxes(1, 2)))
    assert np.array_equal(adapter.predict(X), model.predict(X.swapaxes(1, 2)))
    assert adapter.classes_.tolist() == model.classes_.tolist() == ["down", "up"]
    adapter.model_.save(tmp_path / "model")
    again = elman.load(tmp_path / "model")
    assert np.array_equal(again.predict_proba(X.swapaxes(1, 2)), adapter.predict_proba(X))


def test_series_of_unequal_length() -> None:
    X, y = panel()
    ragged = [pd.DataFrame(series.T[: 2 + row % 4]) for row, series in enumerate(X)]
    adapter = ElmanClassifier("small", options=QUICK).fit(ragged, y)
    alone = np.concatenate([adapter.predict_proba([series]) for series in ragged])
    assert np.allclose(adapter.predict_proba(ragged), alone, atol=1e-6)


def test_a_wrong_option_is_reported_in_fit() -> None:
    X, y = panel()
    with pytest.raises(ConfigError, match="Did you mean 'hidden_size'"):
        ElmanClassifier(options={"hiden": 4}).fit(X, y)

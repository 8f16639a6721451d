"""Weights of examples: what they multiply, what they select, and which are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics

from elman import Classifier
from elman.data.examples import examples_from
from elman.data.examples.parts import make_parts
from elman.data.examples.weights import with_weights
from elman.errors import ConfigError, DataError
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.setup import ClassifierSetup

from .labelled import OPTIONS, fitted, series, texts, write_csv

DRAW = np.random.default_rng(0)
WEIGHTS = DRAW.uniform(0, 3, 45).astype(np.float32)


def setup_of(weights: Any = None, **options: Any) -> ClassifierSetup:
    X, y = series()
    given = {name: value for name, value in OPTIONS.items() if name != "preset"}
    config = ClassifierConfig.make("small", {**given, "split": (1.0, 0.0, 0.0), **options})
    examples = with_weights(examples_from(X, y), weights, classes="kind" not in options)
    regression = options.get("kind") == "regression"
    return ClassifierSetup(config, make_parts(examples, config.data, seed=0, regression=regression))


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, {"class_weights": "balanced", "label_smoothing": 0.1}, {"kind": "regression"}])
def test_weights_multiply_the_losses_of_their_examples(options: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    plain, weighted = setup_of(**options), setup_of(WEIGHTS, **options)
    weighted.network.load_state_dict(plain.network.state_dict())
    rows = np.array([3, 10, 44])
    plain.network.eval(), weighted.network.eval()
    alone = [float(plain.objective().loss(plain._train.rows.batch(rows[[k]]), ())[0]) for k in range(3)]
    total, count, _ = weighted.objective().loss(weighted._train.rows.batch(rows), ())
    assert count == 3
    assert float(total) == pytest.approx(float(np.dot(alone, WEIGHTS[rows])), rel=1e-5)


def test_equal_weights_change_nothing_and_examples_of_weight_0_are_not_learnt() -> None:
    X, y = series()
    plain = fitted(X, y)
    np.testing.assert_allclose(
        Classifier(**OPTIONS).fit(X, y, np.ones(45), progress=False, tune=False).predict_proba(X),
        plain.predict_proba(X),
        atol=1e-5,
    )
    wrong = [label if row % 4 else (label + 1) % 3 for row, label in enumerate(y)]
    right = [float(row % 4 != 0) for row in range(45)]
    options = {**OPTIONS, "max_steps": 80, "hidden_size": 12, "clip_norm": 0.0}
    model = Classifier(**options).fit(X, wrong, right, progress=False, tune=False)
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_an_example_of_weight_0_is_the_same_as_none(kind: str) -> None:
    X, y = series()
    kept = np.arange(len(y)) % 4 > 0
    options = OPTIONS | {"kind": kind, "split": (0.7, 0.3, 0.0)}
    # Far from the other values, so that it would change their scale.
    X = [row if keep else 1e3 * row for row, keep in zip(X, kept, strict=True)]
    weighted = Classifier(**options).fit(X, y, kept.astype(float), progress=False, tune=False)
    few, labels = [X[row] for row in np.flatnonzero(kept)], np.asarray(y)[kept]
    without = Classifier(**options).fit(few, labels, progress=False, tune=False)
    ones = Classifier(**options).fit(few, labels, np.ones(len(few)), progress=False, tune=False)
    assert weighted.data["train"] + weighted.data["valid"] == kept.sum()
    assert np.array_equal(weighted.predict(X), ones.predict(X))
    np.testing.assert_allclose(weighted.network.head.weight.detach(), without.network.head.weight.detach(), atol=1e-5)
    assert weighted.fit(X, y, progress=False, tune=False).data["train"] > without.data["train"]


def test_a_class_whose_examples_have_weight_0_stays_a_class() -> None:
    X, y = series()
    model = Classifier(**OPTIONS).fit(X, y, np.not_equal(y, 2).astype(float), progress=False, tune=False)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(X).shape == (45, 3)


def test_a_snapshot_of_a_weighted_run_continues_it_bit_for_bit() -> None:
    whole = setup_of(WEIGHTS).trainer()
    for _ in whole.fit():
        pass
    stopped = setup_of(WEIGHTS).trainer()
    for event in stopped.fit():
        if getattr(event, "step", 0) == 3:
            break
    tensors, facts = stopped.snapshot()
    resumed = setup_of(WEIGHTS).trainer()
    resumed.restore({name: tensor.clone() for name, tensor in tensors.items()}, facts)
    for _ in resumed.fit():
        pass
    for first, second in zip(whole.objective.model.parameters(), resumed.objective.model.parameters(), strict=True):
        assert torch.equal(first, second)


def test_weights_belong_to_the_data() -> None:
    one, other = (setup_of(weights).fingerprint for weights in (WEIGHTS, 2 * WEIGHTS))
    assert len({one, other, setup_of().fingerprint}) == 3


def test_scores_with_weights_are_those_of_scikit_learn() -> None:
    X, y = series()
    model = fitted(X, y)
    expected = metrics.accuracy_score(y, model.predict(X), sample_weight=WEIGHTS)
    assert model.score(X, y, WEIGHTS) == pytest.approx(expected)
    numbers = DRAW.normal(size=45)
    model = fitted(X, numbers, kind="regression")
    expected = metrics.r2_score(numbers, model.predict(X), sample_weight=WEIGHTS)
    assert model.score(X, numbers, sample_weight=WEIGHTS.tolist()) == pytest.approx(expected)


def test_the_best_weights_are_selected_by_weighted_errors() -> None:
    objective = setup_of().objective()
    logits, truth = np.array([[2.0, 0, 0], [2.0, 0, 0], [0, 2.0, 0]]), np.array([0, 1, 1])
    loss = objective.figures(logits, truth)["loss"]
    assert objective.figures(logits, truth)["selection"] == pytest.approx(1 / 3 + 1e-3 * loss)
    assert objective.figures(logits, truth, np.float32([1, 0, 1]))["selection"] == pytest.approx(1e-3 * loss)
    assert objective.figures(logits, truth, np.zeros(3))["selection"] == pytest.approx(1 / 3 + 1e-3 * loss)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.ones(44), r"expected a number for each of the 45 examples. Received: float64 of shape \(44,\)"),
        (np.ones((45, 1)), r"Received: float64 of shape \(45, 1\)"),
        (1.0, r"of shape \(\)"),
        (["a"] * 45, "Received: list"),
        ([1, [2]], "Received: list"),
        ([1.0] * 44 + [-0.5], "index 44: expected a finite weight of at least 0. Received: -0.5"),
        ([1.0] * 44 + [np.nan], "index 44: .*Received: nan"),
        ([1e300] * 45, "index 0: .*Received: 1e.300"),
        (np.zeros(45), "above zero. Received: weights that are all zero"),
        ([1.0, 0, 0] * 15, "at least two classes with a weight above 0. Received: one class only, 0"),
    ],
)
def test_other_weights_are_refused(weights: Any, said: str) -> None:
    X, y = series()
    model = Classifier(**OPTIONS)
    with pytest.raises(DataError, match=said):
        model.fit(X, y, sample_weight=weights, progress=False)
    if "classes" not in said:
        with pytest.raises(DataError, match=said):
            fitted(X, y, max_steps=1).score(X, y, weights)


def test_files_have_no_weights(tmp_path: Any) -> None:
    path = write_csv(tmp_path / "reviews.csv", *texts())
    with pytest.raises(ConfigError, match="expected sample_weight with examples in memory"):
        Classifier(**OPTIONS).fit(path, sample_weight=np.ones(60))

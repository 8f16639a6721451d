"""Linear models of features of series, judged by ridge regressions that are fitted without the predicted examples."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import elman
from elman.baselines.series_features import RandomConvolutions, summary_features
from elman.errors import ArtifactError
from elman.state import Batch
from elman.tasks.classifier import linear_series
from elman.tasks.classifier.linear_series import LINEAR_MODELS, SeriesLinear
from elman.tasks.classifier.objectives import ClassObjective, RegressionObjective

from .labelled import fitted, series
from .test_classifier_network import network

HOW = [how for how in LINEAR_MODELS if how != "none"]


def small_series(count: int = 24, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    X, y = series(count, seed=seed)
    return [((x_TI - 100) / 5).astype(np.float32) for x_TI in X], np.array(y)


def features(how: str, train: list[np.ndarray], asked: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The features of both for each model; those that hardly vary are constant."""
    found = []
    if how in ("summaries", "both"):
        found.append((summary_features(train), summary_features(asked)))
    if how in ("convolutions", "both"):
        convolutions = RandomConvolutions(kernels=500).fit(train)
        found.append((convolutions.transform(train), convolutions.transform(asked)))
    for known, new in found:
        constant = known.std(0) <= 1e-5 * (1 + np.abs(known).max(0))
        known[:, constant] = new[:, constant] = 0
    return found


def ridge(X: np.ndarray, Y: np.ndarray, asked: np.ndarray, penalty: float) -> np.ndarray:
    """Normal equations of centred targets; the features are standardised already."""
    mean, centre = Y.mean(0), X.mean(0)
    dual = (X - centre) @ (X - centre).T + penalty * np.eye(len(X))
    return mean + (asked - centre) @ (X - centre).T @ np.linalg.solve(dual, Y - mean)


def by_hand(how: str, train: list[np.ndarray], targets: np.ndarray, asked: list[np.ndarray], loss: Any) -> Any:
    """Predictions for left-out training examples and for others: the best penalty, and then the best factors."""
    left_out, others = [], []
    for known, new in features(how, train, asked):
        scale = np.where(known.std(0) > 0, known.std(0), 1)
        known, new = (known - known.mean(0)) / scale, (new - known.mean(0)) / scale
        rows = np.arange(len(train))

        def without(row: int, penalty: float, known: np.ndarray = known, rows: np.ndarray = rows) -> np.ndarray:
            return ridge(known[rows != row], targets[rows != row], known[row : row + 1], penalty)[0]

        tried = {p: np.array([without(row, p) for row in rows]) for p in np.logspace(-3, 3, 13)}
        penalty = min(sorted(tried, reverse=True), key=lambda p: ((tried[p] - targets) ** 2).sum())
        left_out.append(tried[penalty])
        others.append(ridge(known, targets, new, penalty))
    steps = (0, 0.25, 0.5, 1, 2, 4, 8) if targets.shape[1] > 1 else (0, 0.25, 0.5, 0.75, 1)
    choices = list(product(steps, repeat=len(left_out)))
    best = min(choices, key=lambda s: loss(sum(f * each for f, each in zip(s, left_out, strict=True))))
    return (sum(f * each for f, each in zip(best, each_of, strict=True)) for each_of in (left_out, others))


def started(how: str, X: list[np.ndarray], y: np.ndarray, classes: int) -> tuple[SeriesLinear, np.ndarray]:
    start = linear_series.learn_linear(how, X, y, classes)
    linear = SeriesLinear(how, 2, classes or 1)
    linear.start(start.buffers)
    return linear, start.offsets_NC


def outputs(linear: SeriesLinear, asked: list[np.ndarray], padding: float = math.nan) -> np.ndarray:
    """The outputs for one padded batch."""
    lengths_B = torch.tensor([len(x_TI) for x_TI in asked])
    x_BTI = torch.full((len(asked), int(lengths_B.max()) + 2, 2), padding)
    for row, x_TI in enumerate(asked):
        x_BTI[row, : len(x_TI)] = torch.from_numpy(x_TI)
    return linear(x_BTI, lengths_B).numpy()


@pytest.mark.parametrize("how", HOW)
def test_classes_are_predicted_as_by_ridge_regressions(how: str) -> None:
    (X, y), (asked, _) = small_series(18), small_series(9, seed=1)
    linear, offsets = started(how, X, y, 3)

    def loss(outputs: np.ndarray) -> float:
        logits = torch.from_numpy(np.asarray(outputs))
        return float(F.cross_entropy(logits, torch.from_numpy(y), label_smoothing=1 / (len(y) + 1)))

    left_out, others = by_hand(how, X, 2.0 * (y[:, None] == np.arange(3)) - 1, asked, loss)
    np.testing.assert_allclose(offsets, left_out, atol=1e-4)
    np.testing.assert_allclose(outputs(linear, asked), others, atol=0.02)


def test_numbers_are_predicted_as_by_ridge_regressions() -> None:
    (X, y), (asked, _) = small_series(18), small_series(9, seed=1)
    truth = y - 1.0 + 0.1 * np.random.default_rng(0).normal(size=len(y))
    linear, offsets = started("both", X, truth, 0)
    left_out, others = by_hand("both", X, truth[:, None], asked, lambda p: float(((p[:, 0] - truth) ** 2).mean()))
    np.testing.assert_allclose(offsets, left_out, atol=1e-4)
    np.testing.assert_allclose(outputs(linear, asked), others, atol=0.02)


def test_models_of_random_labels_add_little() -> None:
    draw = np.random.default_rng(1)
    X = [draw.normal(size=(8, 2)).astype(np.float32) for _ in range(40)]
    linear, offsets = started("both", X, draw.permutation(np.arange(40) % 4), 4)
    assert np.abs(offsets).max() < 0.6
    assert np.abs(outputs(linear, X)).max() < 0.6


def test_padding_and_the_other_rows_of_a_batch_do_not_matter() -> None:
    (X, y), (asked, _) = small_series(18), small_series(9, seed=1)
    linear, _ = started("both", X, y, 3)
    together = outputs(linear, asked)
    np.testing.assert_array_equal(together, outputs(linear, asked, padding=5.0))
    for row, x_TI in enumerate(asked):
        np.testing.assert_allclose(linear(torch.from_numpy(x_TI)[None], None)[0], together[row], atol=1e-5)


def test_the_network_of_classes_is_trained_as_if_it_were_alone() -> None:
    X, y = series(40)
    both, alone = (fitted(X, y, linear=how, split=(1.0, 0.0, 0.0)) for how in ("both", "none"))
    trained = dict(both.network.named_parameters())
    for name, weights in alone.network.named_parameters():
        torch.testing.assert_close(trained[name], weights, rtol=0, atol=0)


def test_the_network_of_a_regression_gets_the_predictions_for_left_out_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    loss = RegressionObjective.loss
    monkeypatch.setattr(RegressionObjective, "loss", lambda *given: seen.append(given[1]) or loss(*given))
    X, y = series(30)
    fitted(X, [float(label) for label in y], linear="both", kind="regression", batch_size=64, max_steps=1)
    (batch,) = seen
    assert batch.targets_BT.offsets_BC.shape == (27, 1)
    assert np.corrcoef(batch.targets_BT.offsets_BC[:, 0], batch.targets_BT.targets_B)[0, 1] > 0.5


def test_offsets_are_added_to_the_outputs_in_training() -> None:
    net = network(channels=2, linear="summaries").train()
    x_BTI, targets, offsets = torch.randn(4, 3, 2), np.array([0, 2, 1, 1]), np.random.default_rng(0).normal(size=(4, 3))
    rows = elman.data.rows.SequenceRows(list(x_BTI.numpy()), targets, np.array([1, 2, 0.5, 1], np.float32))
    rows.offsets_NC = offsets.astype(np.float32)
    order = np.array([2, 0, 3])
    total, count, _ = ClassObjective(net, None).loss(rows.batch(order), ())
    logits = net(x_BTI[order], None) + torch.tensor(offsets[order]).float()
    expected = F.cross_entropy(logits, torch.tensor(targets[order]), reduction="none")
    torch.testing.assert_close(total, (expected * torch.tensor([0.5, 1, 1])).sum())
    assert count == 3
    rows.weights_N = None
    torch.testing.assert_close(ClassObjective(net, None).loss(rows.batch(order), ())[0], expected.sum())
    plain = Batch(x_BTI[order], torch.tensor(targets[order]))
    without = F.cross_entropy(net(plain.inputs_BT, None), plain.targets_BT, reduction="sum")
    torch.testing.assert_close(ClassObjective(net, None).loss(plain, ())[0], without)


@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_a_model_answers_with_both_and_is_loaded_with_both(kind: str, tmp_path: Any) -> None:
    X, y = series(60)
    options: dict[str, Any] = {"kind": kind, "max_steps": 1, "learning_rate": 1e-9, "members": 2}
    labels = [float(label) for label in y] if kind == "regression" else y
    both, alone = (fitted(X, labels, linear=how, **options) for how in ("both", "none"))
    asked, truth = series(90, seed=1)
    assert both.score(asked, truth) > 0.8
    assert alone.score(asked, truth) < 0.7
    both.save(tmp_path / "m")
    np.testing.assert_array_equal(elman.load(tmp_path / "m").predict(asked), both.predict(asked))
    with torch.no_grad():
        x_TI = torch.from_numpy(both.vocabulary.encoder.encode(elman.data.examples.examples_from(asked[:1]))[0])[None]
        for one in both.network.members:
            linear = one.linear(x_TI, None)
            share = 0.5 if kind == "classes" else 1.0
            torch.testing.assert_close(one(x_TI, None), share * one.from_features(x_TI, None) + linear)


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("length_1", 0, 10**12, "linear.length_1 from 1 to 1,024. Received: 1000000000000"),
        ("length_1", 0, 0, "linear.length_1 from 1 to 1,024. Received: 0"),
        ("shapes_K4", (3, 0), 2, "a scale from 0 to 1. Received: 0 to 2"),
        ("shapes_K4", (3, 1), 12, "a length from 1 to 11. Received: 7 to 12"),
        ("shapes_K4", (3, 2), 0, r"a dilation from 1 to \d+. Received: 0 to"),
        ("shapes_K4", (3, 2), 10**9, r"a dilation from 1 to \d+. Received: 1 to 1000000000"),
        ("shapes_K4", (3, 3), -1, "a padding from 0 to 1. Received: -1 to"),
    ],
)
def test_kernels_of_a_file_that_cannot_be_are_refused(
    tmp_path: Path, name: str, place: Any, value: int, message: str
) -> None:
    X, y = series(12, seed=0)
    model = fitted(X, y, linear="convolutions", max_steps=1)
    model.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").predict(X).tolist() == model.predict(X).tolist()
    getattr(model.network.linear, name)[place] = value
    model.save(tmp_path / "broken")
    with pytest.raises(ArtifactError, match=message):
        elman.load(tmp_path / "broken")

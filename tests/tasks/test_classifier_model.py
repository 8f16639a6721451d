"""What a classifier answers: classes, probabilities, scores, metrics, explanations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.base import clone, is_classifier, is_regressor

import elman
from elman import Classifier, artifact
from elman.data.examples import examples_from, split_rows
from elman.data.examples.encode import TextEncoder
from elman.data.examples.targets import RegressionTarget
from elman.data.rows import SequenceRows
from elman.errors import ConfigError, DataError
from elman.metrics.classification import class_evaluation, class_metrics, regression_metrics
from elman.nn.attribution import step_weights
from elman.tasks.classifier.config import ClassifierConfig, TargetConfig
from elman.tasks.classifier.objectives import ClassObjective
from elman.tasks.registry import built_in

from .labelled import OPTIONS, WORDS, fitted, series, texts, write_csv


@pytest.fixture(scope="module")
def of_texts() -> Classifier:
    torch.set_num_threads(1)
    return fitted(max_steps=100, embedding_dropout=0.0)


@pytest.fixture(scope="module")
def of_series() -> Classifier:
    torch.set_num_threads(1)
    return fitted(*series(), max_steps=60, cell="lstm", pool="last-attention")


def test_it_learns_texts_and_series(of_texts: Classifier, of_series: Classifier) -> None:
    assert of_texts.score(*texts(seed=5)) >= 0.95
    assert of_series.score(*series(seed=5)) >= 0.8
    assert of_series.predict(series(seed=5)[0]).dtype.kind == "i"


def test_classes_are_given_back_as_they_were_given() -> None:
    X, y = texts(20)
    for labels in (np.array(y), np.array(y, dtype=object), [label == "pos" for label in y]):
        model = fitted(X, labels, max_steps=1)
        assert model.classes_.dtype == np.unique(np.asarray(labels)).dtype
        assert set(model.predict(X).tolist()) <= set(model.classes_.tolist())
    assert fitted(X, [2.5 if label == "pos" else 1 for label in y], max_steps=1).classes_.tolist() == [1.0, 2.5]


def test_probabilities_sum_to_one_and_the_largest_is_the_answer(of_series: Classifier) -> None:
    X, _ = series(seed=2)
    probabilities = of_series.predict_proba(X)
    assert probabilities.shape == (len(X), 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-9)
    assert (of_series.classes_[probabilities.argmax(axis=1)] == of_series.predict(X)).all()


@pytest.mark.parametrize("which", ["of_texts", "of_series"])
def test_an_answer_does_not_depend_on_the_other_rows(which: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which)
    X = (texts if which == "of_texts" else series)(40, seed=3)[0]
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba(X[row : row + 1]) for row in range(len(X))])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(model.predict_proba([X[row] for row in order]), together[order], atol=1e-6)


def test_forms_of_series_that_are_the_same_give_the_same_answers() -> None:
    X_NT, y = np.random.default_rng(0).normal(size=(20, 5)), [0, 1] * 10
    model = fitted(X_NT, y)
    expected = model.predict_proba(X_NT)
    for form in (X_NT[:, :, None], list(X_NT), [row[:, None] for row in X_NT], X_NT.tolist()):
        np.testing.assert_allclose(fitted(form, y).predict_proba(form), expected, atol=1e-7)


def test_the_same_seed_gives_the_same_model() -> None:
    X, _ = texts(seed=1)
    first, second, third = (fitted(output_dropout=0.3, seed=seed).predict_proba(X) for seed in (0, 0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_figures_of_an_evaluation_are_those_of_scikit_learn(of_series: Classifier) -> None:
    X, y = series(seed=4)
    figures = of_series.evaluate(X, y)
    probabilities, predicted = of_series.predict_proba(X), of_series.predict(X)
    assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(y, predicted))
    assert figures["macro_f1"] == pytest.approx(metrics.f1_score(y, predicted, average="macro"))
    assert figures["log_loss"] == pytest.approx(metrics.log_loss(y, probabilities))
    assert figures["brier"] == pytest.approx(((probabilities - np.eye(3)[y]) ** 2).sum(axis=1).mean())
    assert figures["confusion"] == metrics.confusion_matrix(y, predicted).tolist()
    report = metrics.classification_report(y, predicted, output_dict=True, zero_division=0)
    for each in figures["classes"]:
        expected = report[each["name"]]
        assert each["precision"] == pytest.approx(expected["precision"])
        assert each["f1"] == pytest.approx(expected["f1-score"])
        assert each["support"] == expected["support"]


def test_figures_of_classes_by_hand() -> None:
    logits, truth = np.log(np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]])), np.array([0, 0, 0])
    figures = class_metrics(logits, truth)
    assert figures["loss"] == pytest.approx(-(math.log(0.7) + math.log(0.4) + math.log(0.9)) / 3)
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["macro_f1"] == pytest.approx((2 * 2 / 5 + 0) / 2)
    warm = class_evaluation(logits, truth, ["a", "b"], 2.0)
    expected = [p**0.5 / (p**0.5 + (1 - p) ** 0.5) for p in (0.7, 0.4, 0.9)]
    assert warm["log_loss"] == pytest.approx(-sum(map(math.log, expected)) / 3)
    assert warm["ece_before"] != warm["ece"]


def test_figures_of_scores_are_those_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    truth, predicted = draw.normal(size=30), draw.normal(size=30)
    figures = regression_metrics(predicted, truth)
    assert figures["rmse"] == pytest.approx(metrics.root_mean_squared_error(truth, predicted))
    assert figures["mae"] == pytest.approx(metrics.mean_absolute_error(truth, predicted))
    assert figures["r2"] == pytest.approx(metrics.r2_score(truth, predicted))
    assert regression_metrics(np.ones(3), np.ones(3))["r2"] == 1.0
    assert regression_metrics(np.zeros(3), np.ones(3))["r2"] == 0.0


def test_a_score_is_learnt_in_its_own_units() -> None:
    X, _ = series(60, channels=1)
    y = [1000 + float(x[-1, 0]) for x in X]
    model = fitted(X, y, kind="regression", max_steps=150, hidden_size=12, pool="last-mean")
    figures = model.evaluate(X, y)
    assert figures["r2"] == model.score(X, y) > 0.8
    assert set(figures) == {"examples", "rmse", "mae", "r2"}
    assert model.predict(X).dtype == np.float64
    np.testing.assert_allclose(metrics.r2_score(y, model.predict(X)), figures["r2"], rtol=1e-4)
    assert model.metrics["valid"]["rmse"] > 0.02  # of the scores themselves, which spread over many units
    assert is_regressor(model)
    with pytest.raises(ConfigError, match="expected a model of classes"):
        model.predict_proba(X)


def test_the_scale_of_a_score_is_that_of_the_training_part() -> None:
    X, _ = series(40, channels=1)
    y = np.arange(40.0) ** 3
    targets = fitted(X, y, kind="regression", max_steps=1, split=(0.5, 0.25, 0.25)).vocabulary.targets
    assert isinstance(targets, RegressionTarget)
    train, _, _ = split_rows(None, len(X), (0.5, 0.25, 0.25), seed=0, stratify=False)
    assert (targets.mean, targets.deviation) == pytest.approx((y[train].mean(), y[train].std()))


def test_the_temperature_makes_probabilities_likelier() -> None:
    draw = np.random.default_rng(0)
    X, y = texts(400)
    noisy = [label if draw.random() < 0.8 else "pos" for label in y]
    options = {"max_steps": 60, "split": (0.5, 0.5, 0.0), "hidden_size": 12}
    model, plain = fitted(X, noisy, **options), fitted(X, noisy, **options, calibrate=False)
    figures = model.metrics["calibration"]
    assert figures["temperature"] != 1.0
    assert figures["log_loss"] < plain.metrics["calibration"]["log_loss"]
    assert plain.metrics["calibration"]["temperature"] == 1.0
    assert plain.metrics["calibration"]["ece"] == plain.metrics["calibration"]["ece_before"] == figures["ece_before"]
    assert (model.predict(X) == plain.predict(X)).all()
    mean = np.log(model.predict_proba(X)) * figures["temperature"]
    again = np.exp(mean) / np.exp(mean).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(again, plain.predict_proba(X), atol=1e-9)
    assert fitted(X[:60], noisy[:60], max_steps=3).metrics["calibration"]["temperature"] == 1.0  # too few to calibrate


def test_balanced_weights_find_the_rare_class() -> None:
    draw = np.random.default_rng(0)
    X = draw.normal(size=(200, 4, 1))
    y = [int(row < 20) for row in range(200)]
    X[:20] += 0.8
    options = {"max_steps": 60, "pool": "mean", "split": (0.8, 0.2, 0.0), "hidden_size": 4}
    plain, balanced = (fitted(X, y, class_weights=weights, **options) for weights in ("none", "balanced"))
    recall = [metrics.recall_score(y, model.predict(X)) for model in (plain, balanced)]
    assert recall[1] > recall[0] + 0.2


def test_label_smoothing_keeps_probabilities_from_one() -> None:
    X, y = texts()
    sharp, smooth = (
        fitted(X, y, label_smoothing=share, max_steps=150, calibrate=False).predict_proba(X).max(axis=1).mean()
        for share in (0.0, 0.4)
    )
    assert sharp > 0.97
    assert 0.7 < smooth < 0.9


def test_the_best_weights_are_those_that_are_right_most_often(monkeypatch: pytest.MonkeyPatch) -> None:
    wild = {"max_steps": 40, "learning_rate": 1.0, "clip_norm": 0.0, "schedule": "constant", "evaluate_every": 1}
    held = texts(40, seed=9)
    evaluate, found = ClassObjective.evaluate, []

    def spoilt(self: ClassObjective, limit: int = 0) -> dict[str, float]:
        found.append(evaluate(self, limit))
        return {**found[-1]} if len(found) <= 30 else {**found[-1], "selection": 9.0}

    monkeypatch.setattr(ClassObjective, "evaluate", spoilt)
    model = Classifier(**OPTIONS | wild).fit(*texts(), valid=held, progress=False, tune=False)
    best = min(range(30), key=lambda step: found[step]["selection"])
    assert model.metrics["best_step"] == best + 1
    assert found[best]["accuracy"] == max(each["accuracy"] for each in found[:30]) > 0.6
    assert model.metrics["valid"]["accuracy"] == model.score(*held) == found[best]["accuracy"]
    assert model.evaluate(*held)["log_loss"] != pytest.approx(found[-1]["loss"], rel=1e-3)


def test_weights_of_steps_are_gradient_times_input_by_finite_differences(of_series: Classifier) -> None:
    network = of_series.network
    X = of_series.vocabulary.encoder.encode(examples_from(series(3, seed=7)[0]))
    rows, chosen = SequenceRows(X), np.array([2, 0, 1])
    found = step_weights(network, rows, chosen)
    for row, x_TI in enumerate(X):
        expected = np.zeros_like(x_TI, dtype=np.float64)
        for t in range(x_TI.shape[0]):
            for i in range(x_TI.shape[1]):
                values = []
                for sign in (1, -1):
                    moved = torch.tensor(x_TI)[None].clone()
                    moved[0, t, i] += sign * 1e-2
                    with torch.no_grad():
                        logits = network(moved, None)[0].double()
                    values.append(float(logits[chosen[row]] - logits.mean()))
                expected[t, i] = (values[0] - values[1]) / 2e-2 * x_TI[t, i]
        np.testing.assert_allclose(found[row], expected, atol=2e-3, rtol=2e-2)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())


def test_explanations_name_the_words_that_decide(of_texts: Classifier) -> None:
    found = of_texts.explain(["the film was great", "a poor film"])
    assert [each.label for each in found] == ["pos", "neg"]
    assert found[0].pieces == ("the", "film", "was", "great")
    X, y = texts(40, seed=8)
    decisive = []
    for each, label in zip(of_texts.explain(X), y, strict=True):
        assert len(each.weights) == len(each.pieces)
        decisive.append(each.pieces[int(np.argmax(each.weights))] in WORDS[label])
    assert np.mean(decisive) > 0.8
    against = of_texts.explain(["the film was great"], label="neg")[0]
    np.testing.assert_allclose(against.weights, -found[0].weights, atol=1e-6)
    with pytest.raises(DataError, match="expected a label seen in training, one of 'neg', 'pos'"):
        of_texts.explain(["good"], label="great")


def test_explanations_of_series_have_a_weight_a_step_and_channel(of_series: Classifier) -> None:
    X, _ = series(4)
    for given, each in zip(X, of_series.explain(X), strict=True):
        assert each.weights.shape == given.shape
        np.testing.assert_allclose(each.values, given, rtol=1e-6)
        assert each.pieces == ()


def test_paths_and_values_give_the_same_model(tmp_path: Path) -> None:
    X, y = texts()
    path = write_csv(tmp_path / "t.csv", X, y)
    by_path = Classifier(**OPTIONS).fit(path, progress=False, tune=False)
    assert np.array_equal(by_path.predict_proba(X), fitted(X, y).predict_proba(X))
    assert np.array_equal(by_path.predict(path), by_path.predict(X))
    assert by_path.evaluate(str(path)) == by_path.evaluate(X, y)
    other = write_csv(tmp_path / "u.csv", *texts(20, 1))
    two = Classifier(**OPTIONS).fit([path, other], valid=path, test=[path], progress=False, tune=False)
    assert [two.data[part] for part in ("train", "valid", "test")] == [80, 60, 60]
    assert two.data["files"] == ["t.csv", "u.csv", "t.csv", "t.csv"]
    assert two.metrics["test"]["accuracy"] == two.score(path)


def test_valid_and_test_as_pairs() -> None:
    X, y = texts()
    model = Classifier(**OPTIONS).fit(X, y, valid=texts(20, 1), test=texts(30, 2), progress=False, tune=False)
    assert (model.data["train"], model.data["valid"], model.data["test"]) == (60, 20, 30)
    assert model.metrics["test"]["accuracy"] == pytest.approx(model.score(*texts(30, 2)))


def test_texts_that_are_cut_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    Classifier(**OPTIONS | {"max_length": 3, "max_steps": 1}).fit(*texts(), tune=False)
    assert "texts are longer than max_length and are truncated" in caplog.text


def test_nothing_held_out_keeps_the_last_weights() -> None:
    model = fitted(split=(1.0, 0.0, 0.0))
    assert model.metrics == {}
    with pytest.raises(ConfigError, match="expected validation data for patience"):
        fitted(split=(1.0, 0.0, 0.0), patience=2)


def test_conventions_of_scikit_learn() -> None:
    model = Classifier("small", hidden_size=5, seed=3)
    assert model.get_params()["hidden_size"] == 5
    assert model.get_params()["cell"] is None
    assert repr(model) == "Classifier(preset='small', hidden_size=5, seed=3)"
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert is_classifier(model)
    model.set_params(hidden_size=7, cell="lstm")
    assert (model.config.network.hidden_size, model.config.network.cell, model.config.training.seed) == (7, "lstm", 3)
    assert vars(Classifier(hidden_size=-1))["hidden_size"] == -1  # checked by fit, not before
    with pytest.raises(ConfigError, match=r"expected hidden_size to be at least 1\. Received: -1"):
        Classifier(hidden_size=-1).fit(*texts())
    with pytest.raises(ConfigError, match="Did you mean 'hidden_size'"):
        Classifier(hiden=3)
    with pytest.raises(ConfigError, match="Did you mean 'base'"):
        Classifier("bas").fit(*texts())


def test_a_second_fit_forgets_the_first() -> None:
    model = fitted(*series(12), max_steps=1)
    assert len(model.classes_) == 3
    model.fit(*texts(), progress=False, tune=False)
    assert model.classes_.tolist() == ["neg", "pos"]
    with pytest.raises(DataError):
        model.fit(["a"], ["b", "c"], progress=False, tune=False)
    with pytest.raises(ConfigError, match="expected a model that is trained"):
        model.predict(["a"])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["a b", "c"], None, "there is no such file or folder. Received: a b"),
        (["a b", "c"], ["x"], "expected a label for each of the 2 examples"),
        (["a b", "c"], ["x", "x"], "expected examples of at least two classes"),
        (["a b", ""], ["x", "y"], "X, index 1: expected a text. Received: an empty one"),
        ([[1.0, math.nan], [2.0, 3.0]], ["x", "y"], "X, index 0"),
        ([[1.0, 2.0], [math.inf, 3.0]], ["x", "y"], "X, index 1"),
        ([[[1.0], [2.0, 3.0]], [[1.0]]], ["x", "y"], "X, index 0"),
        ([np.ones((2, 2)), np.ones((2, 3))], ["x", "y"], "X, index 1: expected 2 channels"),
        ([np.ones((0, 2)), np.ones((2, 2))], ["x", "y"], "X, index 0"),
    ],
)
def test_examples_that_cannot_be_used(X: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        fitted(X, y)
    assert message in str(caught.value)


def test_a_label_that_was_not_seen_is_named_with_its_place(of_texts: Classifier, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", ["a b", "c"], ["pos", "nuetral"])
    with pytest.raises(DataError, match=r"t\.csv, line 3: expected a label seen in training, .* Received: 'nuetral'"):
        of_texts.evaluate(path)
    with pytest.raises(DataError, match=r"X, index 0: expected a label seen in training, .* Received: 'x'"):
        fitted(*texts(), max_steps=1).evaluate(["a"], ["x"])
    with pytest.raises(DataError, match="expected a label seen in training"):
        Classifier(**OPTIONS).fit(*texts(), valid=(["a"], ["x"]), progress=False, tune=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss_from": 2}, "expected loss_from and loss_to for tasks with a target at every step"),
        ({"kind": "regression", "class_weights": "balanced"}, "for classes only. Received: kind=regression"),
        ({"label_smoothing": 1.0}, "expected label_smoothing from 0 up to, but not including, 1"),
        ({"pool": "best"}, "expected pool to be one of last, mean, max, attention"),
        ({"word_dropout": 1.0}, "expected word_dropout from 0 up to"),
        ({"output_dropout": 1.5}, "expected output_dropout from 0 up to"),
        ({"monitor": "loss", "kind": "regression"}, "expected monitor for classes only. Received: monitor=loss"),
        ({"bag_leave_one_out": True}, "expected bag or bag_characters above 0 for bag_leave_one_out"),
        (
            {"bag": 1, "bag_leave_one_out": True, "kind": "regression"},
            "expected bag_leave_one_out for classes only. Received: kind=regression",
        ),
        (
            {"bag_characters": 3, "tokens": "subwords", "vocabulary_size": 270},
            "expected tokens=words or tokens=characters for bag_characters. Received: tokens=subwords",
        ),
        ({"noise": 0.1}, "expected noise with series only. Received: noise=0.1 for texts"),
        ({"crop": 0.5}, "expected crop with series only. Received: crop=0.5 for texts"),
        ({"input_kernel": 3}, "expected input_kernel with series only. Received: input_kernel=3 for texts"),
        (
            {"stride": 2},
            "expected an input_kernel of at least stride=2 steps, so that the convolution reads all of them. "
            "Received: input_kernel=0",
        ),
        ({"split": (0.5, 0.1)}, "split"),
        ({"max_steps": 0}, None),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert ClassifierConfig.make("small", options).training.max_steps == 0
        message = "expected a budget"
    with pytest.raises(ConfigError) as caught:
        fitted(**options)
    assert message in str(caught.value)


def test_options_of_texts_are_refused_for_series() -> None:
    for name, value in (("bag", 2), ("bag_characters", 3), ("word_dropout", 0.1)):
        with pytest.raises(ConfigError, match=f"expected {name} with texts only. Received: {name}={value} for series"):
            fitted(*series(), **{name: value})


def test_a_folder_needs_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected data in files when training in a folder"):
        Classifier(**OPTIONS).fit(*texts(), folder=tmp_path / "m")
    assert elman.Classifier is Classifier


def test_a_preset_s_budget_gives_way_to_any_other() -> None:
    assert ClassifierConfig.make("small").training.max_steps == 1000
    for name, value in (("max_epochs", 3.0), ("max_seconds", 5.0)):
        training = ClassifierConfig.make("small", {name: value}).training
        assert (training.max_steps, getattr(training, name)) == (0, value)
    assert ClassifierConfig.make("small", {"max_steps": 7}).training.max_steps == 7
    assert ClassifierConfig.make("base", {"max_seconds": 5.0}, {"max_steps": 9}).training.max_seconds == 5.0
    with pytest.raises(ConfigError, match="Did you mean 'pool'"):
        ClassifierConfig.make("small", {"pol": "mean"})
    assert TargetConfig().kind == "classes"


def test_what_takes_time_says_how_far_it_is(of_series: Classifier) -> None:
    X, y = series(300)
    captured: list[tuple[str, float]] = []

    def on_event(stage: str, share: float) -> None:
        captured.append((stage, share))

    def judge(X: Any, **more: Any) -> Any:
        return of_series.evaluate(X, y, **more)

    for call in (of_series.predict, of_series.predict_proba, of_series.explain, judge):
        captured.clear()
        call(X, progress=on_event)
        assert [stage for stage, _ in captured] == ["predicting"] * 2
        assert 0.0 < captured[0][1] < captured[1][1] == 1.0


def test_examples_that_are_read_already_are_answered_as_they_are(of_series: Classifier) -> None:
    X, y = series(9)
    assert np.array_equal(of_series.predict(examples_from(X)), of_series.predict(X))
    assert of_series.evaluate(examples_from(X, y)) == of_series.evaluate(X, y)


def test_what_elman_info_adds_of_texts_and_of_series(
    of_texts: Classifier, of_series: Classifier, tmp_path: Path
) -> None:
    facts = built_in()["classifier"].load(built_in()["classifier"].facts)
    for name, model in (("texts", of_texts), ("series", of_series)):
        model.save(tmp_path / name)
    encoder = of_texts.vocabulary.encoder
    assert isinstance(encoder, TextEncoder)
    assert facts(artifact.read(tmp_path / "texts")) == {"vocabulary": encoder.vocabulary.size}
    assert facts(artifact.read(tmp_path / "series")) == {}

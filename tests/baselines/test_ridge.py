"""Ridge regression and classification: scikit-learn's, and unusual features."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge as JudgeRidge
from sklearn.linear_model import RidgeClassifier as JudgeClassifier
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from elman.baselines import ridge
from elman.baselines.ridge import Ridge, RidgeClassifier
from elman.errors import ConfigError, DataError, ShapeError

PENALTIES = tuple(np.logspace(-3, 3, 13))
SHAPES = [(60, 5), (20, 50), (30, 30)]


def data(examples: int, features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(examples, features)) * rng.uniform(0.1, 1e4, features) + rng.normal(size=features) * 100
    x[:, -1] = 2 * x[:, 0]
    weights = np.random.default_rng(99).normal(size=(features, 2)) / x.std(0)[:, None]
    return x, 3 + x @ weights + rng.normal(size=(examples, 2)) * 2


@pytest.mark.parametrize(("examples", "features"), SHAPES)
@pytest.mark.parametrize("penalty", [0.01, 10.0])
def test_predictions_are_scikit_learns(examples: int, features: int, penalty: float) -> None:
    x, y = data(examples, features)
    test, _ = data(10, features, seed=1)
    judge = make_pipeline(StandardScaler(), JudgeRidge(penalty)).fit(x, y)
    np.testing.assert_allclose(Ridge((penalty,)).fit(x, y).predict(test), judge.predict(test), rtol=1e-6)
    found = Ridge((penalty,)).fit(x, y[:, 0]).predict(test)
    np.testing.assert_allclose(found, judge.predict(test)[:, 0], rtol=1e-6)


@pytest.mark.parametrize(("examples", "features"), SHAPES)
@pytest.mark.parametrize("noise", [0.1, 5.0, 1000.0])
def test_the_penalty_is_scikit_learns(examples: int, features: int, noise: float) -> None:
    x, y = data(examples, features)
    y = y[:, 0] + np.random.default_rng(5).normal(size=examples) * noise
    judge = RidgeCV(PENALTIES).fit(StandardScaler().fit_transform(x), y)
    assert Ridge().fit(x, y).penalty == pytest.approx(judge.alpha_)


def test_the_error_is_that_of_examples_left_out() -> None:
    x, y = data(15, 4)
    y = y[:, 0]
    standard = StandardScaler().fit_transform(x)
    errors = {}
    for penalty in PENALTIES:
        left_out = [np.arange(15) != i for i in range(15)]
        models = [JudgeRidge(penalty).fit(standard[rows], y[rows]) for rows in left_out]
        errors[penalty] = sum((model.predict(standard[i : i + 1])[0] - y[i]) ** 2 for i, model in enumerate(models))
    assert Ridge().fit(x, y).penalty == pytest.approx(min(errors, key=errors.__getitem__))


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize(("examples", "features"), SHAPES)
def test_classes_are_scikit_learns(classes: int, examples: int, features: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = data(examples, features)
    shares = np.argsort(np.argsort(y[:, 0])) / examples
    labels = (shares**2 * classes).astype(np.int64)  # the first classes are larger
    test, _ = data(25, features, seed=1)
    judge = make_pipeline(StandardScaler(), JudgeClassifier(alpha=1.0)).fit(x, labels)
    model = RidgeClassifier((1.0,)).fit(x, labels, classes + 2)
    assert model.predict(test).tolist() == judge.predict(test).tolist()
    signs = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0)
    expected = RidgeCV(PENALTIES).fit(StandardScaler().fit_transform(x), signs).alpha_
    whole = RidgeClassifier().fit(x, labels, classes + 2)
    assert whole.penalty == pytest.approx(expected)
    monkeypatch.setattr(ridge, "_MOST_NUMBERS", 100)
    in_blocks = RidgeClassifier().fit(x, labels, classes + 2)
    assert in_blocks.penalty == whole.penalty
    assert in_blocks.predict(test).tolist() == whole.predict(test).tolist()


def test_very_many_classes() -> None:
    labels = np.arange(400)
    x = np.random.default_rng(0).normal(size=(400, 20))
    model = RidgeClassifier((1e-3,)).fit(x, labels, 50_000)
    assert model.predict(x[:50]).max() < 400
    assert RidgeClassifier().fit(x[:200], labels[:200] // 2, 50_000).predict(x).max() < 100


@pytest.mark.parametrize(
    "features",
    [
        np.zeros((4, 0)),
        np.full((4, 2), 0.1),
        np.full((4, 2), np.nan),
        [[1.0, np.nan], [2.0, np.inf], [3.0, 1.0], [4.0, 2.0]],
        np.eye(4),
        np.array([[1e-200], [2e-200], [3e-200], [4e-200]]) * 0 + 1,
    ],
)
def test_unusual_features(features) -> None:
    x = np.asarray(features)
    found = Ridge().fit(x, [1.0, 2.0, 3.0, 4.0]).predict(x)
    assert np.isfinite(found).all()
    if not np.ptp(np.nan_to_num(x), axis=0).any():
        np.testing.assert_allclose(found, 2.5)
    labels = RidgeClassifier().fit(x, [3, 3, 3, 1], 5).predict(np.zeros((2, x.shape[1])))
    assert set(labels.tolist()) <= {1, 3}


def test_one_example() -> None:
    assert Ridge().fit([[1.0, 2.0]], [5.0]).predict([[0.0, 0.0], [9.0, np.nan]]).tolist() == [5, 5]
    assert RidgeClassifier().fit([[1.0, 2.0]], [2], 4).predict([[0.0, 7.0]]).tolist() == [2]
    assert Ridge().fit([[1.0]], [5.0]).predict(np.zeros((0, 1))).shape == (0,)
    assert RidgeClassifier().fit([[1.0]], [0], 1).predict(np.zeros((0, 1))).shape == (0,)


def test_unusable_arguments() -> None:
    with pytest.raises(ConfigError, match=r"Received: \(\)$"):
        Ridge(())
    with pytest.raises(ConfigError, match=r"Received: \(0,\)$"):
        RidgeClassifier((0,))
    with pytest.raises(ShapeError, match=r"shape NF\. Received: \(2,\)$"):
        Ridge().fit([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"of 2 examples\. Received: shape \(1,\)$"):
        Ridge().fit([[1.0], [2.0]], [1.0])
    with pytest.raises(DataError, match=r"finite targets\. Received: nan or inf$"):
        Ridge().fit([[1.0], [2.0]], [1.0, np.nan])
    with pytest.raises(DataError, match=r"at least one example\. Received: none$"):
        Ridge().fit(np.zeros((0, 2)), [])
    with pytest.raises(ConfigError, match=r"expected fit\(\) before predict\(\)"):
        Ridge().predict([[1.0]])
    with pytest.raises(ConfigError, match=r"expected fit\(\) before predict\(\)"):
        RidgeClassifier().predict([[1.0]])
    with pytest.raises(ShapeError, match=r"expected 1 features, as fitted\. Received: 2$"):
        Ridge().fit([[1.0], [2.0]], [1.0, 2.0]).predict([[1.0, 2.0]])


@pytest.mark.parametrize(("examples", "features"), [(12, 5), (9, 30)])
def test_left_out_examples_are_those_of_a_fit_without_them(examples: int, features: int) -> None:
    draw = np.random.default_rng(examples)
    X = draw.normal(size=(examples, features)) * np.arange(1, features + 1) + 7
    Y = draw.normal(size=(examples, 3)) + 5
    found = Ridge().fit(X, Y)
    standard = (X - X.mean(0)) / X.std(0)
    for row in range(examples):
        others = np.arange(examples) != row
        judge = JudgeRidge(alpha=found.penalty).fit(standard[others], Y[others])
        np.testing.assert_allclose(found.left_out()[row], judge.predict(standard[row : row + 1])[0], atol=1e-9)


def test_coefficients_apply_to_features_as_they_are() -> None:
    draw = np.random.default_rng(0)
    X, others = draw.normal(3, 2, size=(2, 20, 6))
    X[:, 2] = 4.0
    for Y in (draw.normal(size=(20, 2)), draw.normal(size=20)):
        found = Ridge().fit(X, Y)
        coefficients, intercepts = found.coefficients()
        np.testing.assert_allclose(
            (others @ coefficients + intercepts).reshape(found.predict(others).shape), found.predict(others), atol=1e-9
        )


def test_nothing_is_known_before_a_fit() -> None:
    for method in (Ridge().left_out, Ridge().coefficients):
        with pytest.raises(ConfigError, match=r"expected fit\(\) before"):
            method()

"""Naive Bayes: scikit-learn's on its own counts, the choice of what is added, unusual texts and many classes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from elman.baselines import naive_bayes
from elman.baselines.naive_bayes import NaiveBayes
from elman.errors import ConfigError, DataError

VECTORIZERS = {
    "words": lambda: CountVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2)),
    "characters": lambda: CountVectorizer(analyzer="char_wb", ngram_range=(1, 5)),
}


def corpus(texts: int, classes: int, seed: int = 0, extra: str = "") -> tuple[list[str], NDArray[np.int64]]:
    """Texts whose words depend on their class in part."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, texts)
    words = [*(f"w{i}é" for i in range(60)), "The", "a", "!", "x-y", "don't", *([extra] if extra else [])]
    return [
        " ".join(words[i] for i in (rng.geometric(0.05, rng.integers(0, 12)) + 7 * label) % len(words))
        for label in labels
    ], labels


@pytest.mark.parametrize("features", ["words", "characters"])
@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("added", [1.0, 0.1])
def test_log_probabilities_are_scikit_learns(features, classes: int, added: float) -> None:
    train, labels = corpus(80, classes)
    test, _ = corpus(40, classes, seed=1, extra="unseen")
    counts = VECTORIZERS[features]()
    judge = MultinomialNB(alpha=added).fit(counts.fit_transform(train), labels)
    expected = judge.predict_log_proba(counts.transform(test))
    model = NaiveBayes(features, added).fit(train, labels, classes)
    np.testing.assert_allclose(model.log_scores(test), expected, rtol=1e-8, atol=1e-8)
    assert model.predict(test).tolist() == expected.argmax(1).tolist()


def test_predictions_in_blocks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels = corpus(60, 3)
    test, _ = corpus(31, 3, seed=1)
    expected = NaiveBayes("characters", 1).fit(train, labels, 3).log_scores(test)
    monkeypatch.setattr(naive_bayes, "_MOST_SCORES", 12)
    monkeypatch.setattr("elman.baselines.sparse._MOST_PRODUCTS", 50)
    monkeypatch.setattr("elman.baselines.sparse._MOST_DENSE", 7)
    model = NaiveBayes("characters", 1).fit(train, labels, 3)
    np.testing.assert_allclose(model.log_scores(test), expected, rtol=1e-9)
    assert model.predict(test).tolist() == expected.argmax(1).tolist()


def test_what_is_added_is_chosen_on_texts_held_out() -> None:
    """Among frequent noise, a class is known by rare words: a small number added to counts lets them decide."""
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 2
    noise = [" ".join(f"n{i}" for i in rng.integers(0, 3000, 15)) for _ in labels]
    texts = [f"{text} r{rng.integers(25)}{'ab'[label]}" for text, label in zip(noise, labels, strict=True)]
    chosen = NaiveBayes().fit(texts, labels, 2)
    held_out = np.random.default_rng(0).permutation(600)[:60]
    fitted = np.setdiff1d(np.arange(600), held_out)
    correct = {}
    for added in (1.0, 0.3, 0.1):
        model = NaiveBayes(added=added).fit([texts[i] for i in fitted], labels[fitted], 2)
        correct[added] = int((model.predict([texts[i] for i in held_out]) == labels[held_out]).sum())
    best = max(correct, key=correct.__getitem__)
    assert len(set(correct.values())) > 1
    expected = NaiveBayes(added=best).fit(texts, labels, 2).log_scores(texts[:20])
    np.testing.assert_array_equal(chosen.log_scores(texts[:20]), expected)


def test_few_texts_add_one() -> None:
    train, labels = corpus(49, 2)
    expected = NaiveBayes(added=1).fit(train, labels, 2).log_scores(train)
    np.testing.assert_array_equal(NaiveBayes().fit(train, labels, 2).log_scores(train), expected)


@pytest.mark.parametrize("features", ["words", "characters"])
@pytest.mark.parametrize(
    ("texts", "labels", "expected"),
    [
        (["a"], [1], 1),
        (["a", "b", "c"], [0, 1, 2], 0),
        (["a"] * 60, [0, 1, 1] * 20, 1),
        ([""] * 3, [2, 2, 0], 2),
        (["", "a a"], [0, 1], 1),
        (["\ud800", "a"], [0, 1], 1),
    ],
)
def test_unusual_texts(features, texts: list[str], labels: list[int], expected: int) -> None:
    model = NaiveBayes(features).fit(texts, labels, 4)
    scores = model.log_scores(["a", "", "zzz 世界", " \n"])
    assert not np.isnan(scores).any()
    np.testing.assert_allclose(np.exp(scores).sum(1), 1)
    assert (scores[:, 3] == -np.inf).all()
    assert model.predict(["a"]).tolist() == [expected]
    assert model.predict([]).shape == (0,)
    assert model.log_scores([]).shape == (0, 4)


def test_very_many_classes() -> None:
    classes = 20_000
    texts = [f"the word{i} of it" for i in range(classes)]
    model = NaiveBayes(added=1).fit(texts, np.arange(classes), classes)
    assert model.predict([texts[0], texts[12_345], "the word777 and"]).tolist() == [0, 12_345, 777]


def test_unusable_arguments() -> None:
    with pytest.raises(ConfigError, match=r"Received: 'letters'$"):
        NaiveBayes("letters")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"Received: 0$"):
        NaiveBayes(added=0)
    with pytest.raises(ConfigError, match=r"Received: a naive Bayes model without counts$"):
        NaiveBayes().predict(["a"])
    with pytest.raises(DataError, match=r"Received: \(0,\) for 0 items$"):
        NaiveBayes().fit([], [], 2)
    with pytest.raises(DataError, match=r"Received: \(1,\) for 2 items$"):
        NaiveBayes().fit(["a", "b"], [0], 2)

"""The most similar text: scikit-learn's tf-idf, texts without spaces, equal texts, blocks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from elman.baselines import nearest_text
from elman.baselines.nearest_text import NearestText
from elman.errors import ConfigError, DataError


def sentences(count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(f"w{i}" for i in rng.geometric(0.02, rng.integers(1, 14))) for _ in range(count)]


@pytest.mark.parametrize("dense", [0, 3, 512])
def test_indices_are_scikit_learns(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.baselines.sparse._MOST_DENSE", dense)
    monkeypatch.setattr(nearest_text, "_MOST_SCORES", 1000)
    train, test = sentences(300, 0), [*sentences(50, 1), "", "unknown words"]
    judge = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]")
    similar = (judge.fit_transform(train) @ judge.transform(test).T).toarray().T
    found = NearestText().fit(train).nearest(test)
    assert found.tolist() == np.round(similar, 9).argmax(1).tolist()
    assert len(set(found.tolist())) > 30


def test_texts_without_spaces() -> None:
    train = ["我喜欢猫", "今天天气很好", "他喜欢狗", "明天下雨"]
    judge = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3))
    test = ["天气好", "我喜欢狗", "雨", "喜欢猫吗"]
    similar = (judge.fit_transform(train) @ judge.transform(test).T).toarray().T
    found = NearestText().fit(train).nearest(test)
    assert found.tolist() == similar.argmax(1).tolist()
    assert found.tolist()[0] == 1


def test_equal_texts_give_the_first() -> None:
    train = [f"{word} of the day {word}" for word in "abcabc" for _ in range(50)]
    assert NearestText().fit(train).nearest(["c of the day", "A day"]).tolist() == [100, 0]


@pytest.mark.parametrize("train", [["a b"], [""], ["", "a b"], ["same text"] * 3])
def test_unusual_texts(train: list[str]) -> None:
    model = NearestText().fit(train)
    assert model.nearest(["", "zzz", "\ud800"]).tolist() == [0, 0, 0]
    assert model.nearest([]).shape == (0,)


def test_unusable_use() -> None:
    with pytest.raises(DataError, match=r"Received: none$"):
        NearestText().fit([])
    with pytest.raises(ConfigError, match=r"Received: an index without texts$"):
        NearestText().nearest(["a"])

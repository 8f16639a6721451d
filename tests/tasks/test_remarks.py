"""Remarks on the data of a run: unknown tokens, labels that cannot be learnt, constant series, repeated items."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from elman.data.examples.config import InputConfig
from elman.data.pairs.config import PairsConfig
from elman.data.sources import Sources
from elman.data.vocabulary import WordVocabulary
from elman.data.vocabulary.unknown import UnknownTokens, unknown_in_ids, unknown_in_texts
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.setup import ClassifierSetup
from elman.tasks.remarks import (
    constant_columns,
    constant_series,
    labels_not_learnt,
    remark_on_unknown,
    token_advice,
    too_long,
)


def test_unknown_tokens_are_counted_in_texts() -> None:
    vocabulary = WordVocabulary.learn(["the cat sat on the mat"])
    counts = unknown_in_texts(vocabulary, ["the dog sat", "the dog, the cow"])
    assert counts == UnknownTokens(8, 4, Counter({"dog": 2, ",": 1, "cow": 1}))
    assert unknown_in_texts(vocabulary, ["THE CAT"], lowercase=True).unknown == 0
    assert unknown_in_texts(vocabulary, []).tokens == 0
    many = unknown_in_texts(vocabulary, ["the dog"] * 10_000)
    assert many.tokens == 1000
    assert unknown_in_ids([np.array([0, 1, 2]), np.array([0])]).unknown == 2


def test_more_than_a_tenth_of_unknown_tokens_is_remarked() -> None:
    counts = UnknownTokens(100, 31, Counter({"dog": 20, "cow": 8, "pig": 2, "hen": 1}))
    assert remark_on_unknown(counts, "words of the validation texts", "min_count=1") == (
        "31% of the words of the validation texts are unknown, mostly 'dog' (20 times), 'cow' (8 times), "
        "'pig' (2 times): try min_count=1"
    )
    assert remark_on_unknown(counts, "words", "") is not None
    assert remark_on_unknown(UnknownTokens(100, 10, Counter()), "words", "") is None
    assert remark_on_unknown(UnknownTokens(0, 0, Counter()), "words", "") is None


def test_the_advice_names_options_that_help() -> None:
    assert token_advice(InputConfig(), "words") == "tokens=subwords or tokens=characters"
    assert token_advice(InputConfig(vocabulary_size=500, min_count=2), "words") == (
        "min_count=1 or vocabulary_size above 500 or tokens=subwords or tokens=characters"
    )
    assert token_advice(InputConfig(), "characters") == ""
    assert token_advice(PairsConfig(min_count=1), "words", "target_tokens") == (
        "vocabulary_size above 6,000 or target_tokens=subwords or target_tokens=characters"
    )


def test_classes_that_cannot_be_learnt() -> None:
    names = ["a", "b", "c", "d"]
    train = np.array([0, 0, 0, 1])
    held_out = [("validation", np.array([0, 2, 2, 3])), ("test", np.array([0, 1]))]
    once, lacking, unmeasured = labels_not_learnt([*names, "e"], np.append(train, [4, 4]), held_out, "balanced")
    assert unmeasured == "1 of 5 classes is not in the validation data, 'e', so its figures say nothing about them"
    once, lacking = labels_not_learnt(names, train, held_out, "class_weights=balanced")
    assert once.startswith("1 of 4 classes occurs once in the training data, 'b', ")
    assert "class_weights=balanced" in once
    assert lacking.startswith("3 of 4 validation examples have classes that the training data lacks, 'c', 'd', ")
    assert labels_not_learnt(names[:1], np.array([0, 0]), [], "") == []


def test_constant_series() -> None:
    rising, still = np.arange(5.0)[:, None], np.array([[2.0], [np.nan], [2.0]])
    returns = np.array([[1.0], [3.0], [1.0]])
    assert constant_series(["x"], [rising], "") == []
    assert constant_series(["x", "y", "z"], [rising, still, returns], "leave it out") == [
        "1 of 3 series is constant in the training data, 'y': leave it out"
    ]


def test_constant_columns() -> None:
    one, two = np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[1.0, 5.0], [1.0, 5.0]])
    assert constant_columns(["a", "b"], [one, two], "channels", "leave it out") == [
        "1 of 2 channels is constant in the training data, 'b': leave it out"
    ]
    assert constant_columns(["a", "b"], [one, one[:, ::-1]], "channels", "") == []
    assert constant_columns(["a", "b"], [two], "channels", "") == [], "the series is constant as a whole"


def test_the_share_of_texts_that_are_too_long() -> None:
    assert too_long(0, 8, "texts", "cut", "") == []
    assert too_long(3, 80, "training texts", "longer than max_length and are truncated", "max_length=0 reads all") == [
        "3 of 80 (3.8%) training texts are longer than max_length and are truncated: max_length=0 reads all"
    ]


def test_a_run_on_files_has_the_remarks(tmp_path: Path) -> None:
    train, valid = tmp_path / "train.csv", tmp_path / "valid.csv"
    rows = [f"film {word} seen,{label}" for word, label in (("one", "pos"), ("two", "neg")) for _ in range(8)]
    train.write_text("\n".join(["text,label", *rows, "a rare film,odd"]) + "\n", "utf-8")
    valid.write_text("text,label\nfilm one seen,pos\nentirely other words,neg\nfilm two,pos\n", "utf-8")
    config = ClassifierConfig.make("small", {"max_steps": 2, "device": "cpu", "threads": 1, "precision": "float32"})
    notes = ClassifierSetup.open(config, Sources([str(train)], [str(valid)])).notes()
    text = "\n".join(notes)
    assert "1 of 3 items of the validation data are also in the training data" in text
    assert f"({valid}, line 2)" in text
    assert "1 of 3 classes occurs once in the training data, 'odd'" in text
    assert "38% of the words of the validation texts are unknown, mostly 'entirely' (1 times)" in text

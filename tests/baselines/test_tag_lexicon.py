"""The tag of a word: counts by hand, a slow version, endings of unknown words, unusual sentences."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from elman.baselines.tag_lexicon import TagLexicon
from elman.errors import ConfigError, DataError

VERB, NOUN, NAME, NUMBER = range(4)


def tags_of(model: TagLexicon, *sentences: str) -> list[list[int]]:
    return [tags.tolist() for tags in model.predict([sentence.split() for sentence in sentences])]


def test_the_most_frequent_tag_of_a_word() -> None:
    sentences = [["run", "home"], ["a", "run"], ["run"], ["home"]]
    model = TagLexicon().fit(sentences, [[VERB, NOUN], [NUMBER, NOUN], [VERB], [NOUN]])
    assert tags_of(model, "a home run", "", "Run") == [[NUMBER, NOUN, VERB], [], [VERB]]


def test_ties_are_decided_by_all_tags() -> None:
    model = TagLexicon().fit([["set", "set", "play", "b"]], [[VERB, NOUN, NAME, NOUN]])
    assert tags_of(model, "set") == [[NOUN]]
    model = TagLexicon().fit([["set", "set"]], [[NOUN, VERB]])
    assert tags_of(model, "set") == [[VERB]]


def test_unknown_words_are_guessed_by_shape_and_ending() -> None:
    words = ["walking", "talking", "nation", "station", "Berlin", "Dublin", "1990", "3rd"]
    tags = [VERB, VERB, NOUN, NOUN, NAME, NAME, NUMBER, NUMBER]
    model = TagLexicon().fit([words], [tags])
    assert tags_of(model, "x barking ration Kremlin 77 4x") == [[VERB, VERB, NOUN, NAME, NUMBER, NUMBER]]
    assert tags_of(model, "we Xx -") == [[VERB, NAME, VERB]]


def test_endings_are_learnt_from_rare_words_only() -> None:
    sentences = [["thing"] * 11, ["walking"], ["talking"]]
    model = TagLexicon().fit(sentences, [[NOUN] * 11, [VERB], [VERB]])
    assert tags_of(model, "thing sing") == [[NOUN, VERB]]
    frequent = TagLexicon().fit(sentences[:1], [[NOUN] * 11])
    assert tags_of(frequent, "a sing") == [[NOUN, NOUN]]


def test_tags_are_those_of_a_slow_version() -> None:
    rng = np.random.default_rng(0)
    sentences = [[f"{'Ww'[rng.integers(2)]}{rng.integers(300)}" for _ in range(rng.integers(0, 9))] for _ in range(300)]
    tags = [rng.integers(0, 5, len(sentence)) for sentence in sentences]
    every = Counter(int(tag) for each in tags for tag in each)
    counts: dict[str, Counter[int]] = {}
    for sentence, each in zip(sentences, tags, strict=True):
        for word, tag in zip(sentence, each, strict=True):
            counts.setdefault(word, Counter())[int(tag)] += 1
    predicted = TagLexicon().fit(sentences, tags).predict(sentences)
    for sentence, each in zip(sentences, predicted, strict=True):
        best = [min(counts[word], key=lambda tag: (-counts[word][tag], -every[tag], tag)) for word in sentence]
        assert each.tolist() == best


def test_words_without_a_tag_are_left_out() -> None:
    model = TagLexicon().fit([["a", "b", "a"], []], [[-100, 1, 0], []])
    assert tags_of(model, "a b") == [[0, 1]]


@pytest.mark.parametrize("word", ["", "ß", "İ", "\ud800", "😀", "ǅ"])
def test_unusual_words(word: str) -> None:
    model = TagLexicon().fit([[word, "a"]], [[1, 0]])
    assert model.predict([[word, f"x{word}"], ["other"]])[0][0] == 1


def test_unusable_data() -> None:
    with pytest.raises(ConfigError, match=r"Received: a lexicon without words$"):
        TagLexicon().predict([["a"]])
    with pytest.raises(DataError, match=r"each of 2 sentences\. Received: 1$"):
        TagLexicon().fit([["a"], ["b"]], [[0]])
    with pytest.raises(DataError, match=r"2 words of sentence 1\. Received: shape \(1,\)$"):
        TagLexicon().fit([[], ["a", "b"]], [[], [0]])
    with pytest.raises(DataError, match=r"Received: float64 in sentence 0$"):
        TagLexicon().fit([["a"]], [[0.5]])
    with pytest.raises(DataError, match=r"Received: 1 words without tags$"):
        TagLexicon().fit([["a"]], [[-1]])

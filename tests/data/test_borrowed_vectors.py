"""Vectors of a vocabulary's words, in whatever case the file has them, and how many words have one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from elman.data.borrowed_vectors import HOW, borrow, vector_size, with_words, words_of
from elman.data.vocabulary import SubwordVocabulary, WordVocabulary, learn_vocabulary
from elman.data.word_vectors import WordTable, read_table, write_table
from elman.errors import ConfigError, DataError

FILE = "the 1 0\nThe 2 0\nparis 3 0\nParis 4 0\nNASA 5 0\nIBM 6 0\nibm 7 0\n## 8 0\n000 9 0\n<unk> 10 0\n</s> 11 0\n"


def written(tmp_path: Path, content: str) -> str:
    path = tmp_path / "vectors.txt"
    path.write_text(content, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("word", "number", "how"),
    [
        ("the", 1, "exact"),
        ("The", 2, "exact"),
        ("THE", 1, "lower"),  # lower case comes before a capital letter
        ("PARIS", 3, "lower"),
        ("nasa", 5, "other_case"),
        ("Nasa", 5, "other_case"),
        ("Ibm", 7, "lower"),
        ("42", 8, "digits"),
        ("123", 9, "digits"),
        ("[UNK]", 10, "special"),
        ("[EOS]", 11, "special"),
        ("[NUM]", 0, None),
        ("cat", 0, None),
        ("", 0, None),
        ("7", 0, None),
    ],
)
def test_a_word_is_looked_up_as_it_is_then_in_other_spellings(
    tmp_path: Path, word: str, number: int, how: str | None
) -> None:
    vectors = borrow(read_table(written(tmp_path, FILE)), ["paris", word])
    assert vectors.matrix_VE.tolist() == [[3, 0], [number, 0]]
    assert vectors.how_V.tolist() == [0, -1 if how is None else HOW.index(how)]


def test_the_coverage_counts_words_and_their_occurrences(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    words = ["[UNK]", "[EOS]", "the", "PARIS", "cat", "dog", "", "nasa", "fox"]
    counts_V = np.array([3, 50, 20, 4, 7, 9, 100, 1, 0])
    coverage = borrow(read_table(path), words).coverage(path, words, counts_V)
    assert (coverage.types, coverage.found) == (5, 3)
    assert dict(coverage.how) == {"exact": 1, "lower": 1, "other_case": 1, "digits": 0, "special": 2, "composed": 0}
    # Ends of texts and parts of words are no words; an unknown word has the vector of the unknown token.
    assert (coverage.tokens, coverage.tokens_found) == (44, 28)
    assert coverage.missing == (("dog", 9), ("cat", 7))
    assert str(coverage) == (
        f"{path}: vectors of 3 of 5 different words of the training data (1 by their lower case, 1 by another case, "
        "2 special), with 63.6% of their occurrences; the most frequent without one: 'dog' (9 times), 'cat' (7 times)"
    )
    stored = json.loads(json.dumps(coverage.to_json()))
    assert stored["words_found"] == 3
    assert stored["found_lower"] == 1
    assert stored["missing"] == ["dog 9", "cat 7"]


def test_a_table_may_compose_the_vectors_of_words_that_it_lacks() -> None:
    rows = np.ones((1, 2), np.float32)
    table = WordTable(["cat"], rows, composer=lambda word: None if word == "q" else np.full(2, len(word), np.float32))
    vectors = borrow(table, ["CAT", "cats", "q", "[UNK]", ""])
    assert vectors.matrix_VE.tolist() == [[1, 1], [4, 4], [0, 0], [0, 0], [0, 0]]
    assert vectors.how_V.tolist() == [HOW.index("lower"), HOW.index("composed"), -1, -1, -1]


def test_a_table_without_any_of_the_words() -> None:
    table = WordTable(["cat"], np.ones((1, 2), np.float32), name="v.txt")
    with pytest.raises(DataError, match=r"v\.txt: expected at least one of the 2 words.*'fox'\. Received: 1 others"):
        borrow(table, ["dog", "fox"])


def test_words_of_a_vocabulary() -> None:
    words = learn_vocabulary("words", ["the cat saw 3 cats"])
    assert isinstance(words, WordVocabulary)
    assert words_of(words, "vectors")[:3] == ["[UNK]", "[EOS]", "3"]
    subwords = learn_vocabulary({"kind": "subwords", "size": 270}, ["the cat saw the cat"] * 20)
    assert isinstance(subwords, SubwordVocabulary)
    found = words_of(subwords, "vectors")
    assert "cat" in found
    assert found[subwords.encode("c")[0]] == ""
    with pytest.raises(ConfigError, match=r"expected tokens=words.* with source_vectors\. Received: tokens=characters"):
        words_of(learn_vocabulary("characters", ["a cat"]), "source_vectors")


def test_a_vocabulary_gets_further_words_as_it_spells_them() -> None:
    known = learn_vocabulary({"kind": "words", "lowercase": True, "numbers": True}, ["the cat saw"])
    words = ["The", "DOG", "dog", "new york", "don't", "42", "<unk>", "[UNK]", "fox"]
    found = with_words(known, words)
    assert found.entries() == (*known.entries(), "dog", "don't", "fox")
    assert found.encode("the dog").tolist() == [*known.encode("the").tolist(), known.size]
    assert with_words(known, []) is known
    with pytest.raises(ConfigError, match=r"expected tokens=words with vectors_words\. Received: tokens=subwords"):
        with_words(learn_vocabulary({"kind": "subwords", "size": 270}, ["the cat saw"] * 20), words)


@pytest.mark.parametrize(("content", "size"), [("3 4\nthe 1 2 3 4\n", 4), ("the 1 2 3 \ncat 4 5 6\n", 3)])
def test_the_size_of_the_vectors_is_that_of_the_first_line(tmp_path: Path, content: str, size: int) -> None:
    assert vector_size(written(tmp_path, content)) == size


@pytest.mark.parametrize("format", ["word2vec", "word2vec-binary", "glove", "fasttext"])
def test_the_size_in_every_format(tmp_path: Path, format: str) -> None:
    path = tmp_path / "vectors"
    write_table(WordTable(["the", "cat"], np.ones((2, 5), np.float32)), path, format=format)
    assert vector_size(str(path)) == 5


def test_the_first_line_may_be_long(tmp_path: Path) -> None:
    assert vector_size(written(tmp_path, "the" + " 0.123456789" * 3000 + "\n")) == 3000


def test_files_without_vectors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: expected a word and 1 to 65536 numbers\. Received: 'the"):
        vector_size(written(tmp_path, "the\n"))
    with pytest.raises(DataError, match=r"Received: an empty file"):
        vector_size(written(tmp_path, ""))
    with pytest.raises(DataError, match="no such file"):
        vector_size(str(tmp_path / "none.txt"))
    with pytest.raises(ConfigError, match=r"Received: - \(standard input\)"):
        vector_size("-")


def test_a_table_with_tabs_has_the_size_that_it_is_read_with(tmp_path: Path) -> None:
    path = written(tmp_path, "the\t1\t2\t3\nking\t4\t5\t6\n")
    assert vector_size(path) == read_table(path).size == 3


def test_accents_may_be_composed_or_apart() -> None:
    table = WordTable(["caf\u00e9", "u\u0308ber", "Stra\u00dfe"], np.eye(3, dtype=np.float32))
    found = borrow(table, ["cafe\u0301", "\u00fcber", "CAFE\u0301", "\u00dcber", "strasse"])
    assert [HOW[how] if how >= 0 else "" for how in found.how_V] == ["exact", "exact", "lower", "lower", ""]
    assert found.matrix_VE.argmax(axis=1)[:4].tolist() == [0, 1, 0, 1]

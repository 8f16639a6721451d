"""Tables of words and their vectors in memory."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.word_vectors import WordTable
from elman.errors import DataError

WORDS = ["the", "king", "queen", "Paris", "New_York"]
MATRIX = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def test_words_their_rows_and_vectors() -> None:
    table = WordTable(WORDS, MATRIX)
    assert (len(table), table.size) == (5, 4)
    assert [table.index(word) for word in WORDS] == [0, 1, 2, 3, 4]
    assert [each in table for each in ("king", "kings", 3)] == [True, False, False]
    np.testing.assert_array_equal(table.vector("queen"), MATRIX[2])
    table.vector("queen")[:] = 0
    np.testing.assert_array_equal(table.matrix_VE, MATRIX)  # a vector is a copy


def test_lengths_in_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.data.word_vectors.table.BLOCK_ROWS", 2)
    large = np.vstack([MATRIX, np.full((1, 4), 3e38, dtype=np.float32)])  # a length that is no float32
    norms = WordTable([*WORDS, "large"], large).norms()
    np.testing.assert_allclose(norms, np.linalg.norm(large.astype(float), axis=1), 1e-12)


@pytest.mark.parametrize(
    ("word", "near"), [("kng", "'king'"), ("PARIS", "'Paris'"), ("New York", "'New_York'"), ("quen", "'queen'")]
)
def test_an_unknown_word_with_near_spellings(word: str, near: str) -> None:
    table = WordTable(WORDS, MATRIX, name="w.txt")
    with pytest.raises(DataError, match=rf"expected one of the 5 words of w.txt; near spellings: {near}.*{word}"):
        table.vector(word)
    with pytest.raises(DataError, match=r"words of w.txt\. Received: 'xylophone'"):
        table.index("xylophone")


def test_unseen_words_are_composed() -> None:
    table = WordTable(WORDS, MATRIX, composer=lambda word: MATRIX[1] * 2 if word.startswith("king") else None)
    np.testing.assert_array_equal(table.vector("king"), MATRIX[1])
    np.testing.assert_array_equal(table.vector("kingly"), MATRIX[1] * 2)
    assert [table.knows(word) for word in ("king", "kingly", "ship")] == [True, True, False]
    assert "kingly" not in table
    with pytest.raises(DataError, match="expected one of the 5 words"):
        table.vector("ship")
    with pytest.raises(DataError, match="expected one of the 5 words"):
        table.index("kingly")


@pytest.mark.parametrize(
    ("words", "shape", "message"),
    [
        ([], (0, 3), "at least one word"),
        (["a"], (1, 0), "at least one word"),
        (["a"], (2, 3), "1 words and an array of shape"),
        (["a", "b", "a"], (3, 2), "different words. Received: 'a' twice"),
    ],
)
def test_tables_that_are_none(words: list[str], shape: tuple[int, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        WordTable(words, np.zeros(shape, dtype=np.float32))
    with pytest.raises(DataError, match="expected 5 counts"):
        WordTable(WORDS, MATRIX, np.zeros(4, dtype=np.int64))

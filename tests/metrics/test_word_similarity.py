"""Correlations with people's scores, compared with scipy and gensim, and the formats of files of pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elman.data.word_vectors import WordTable, read_table
from elman.errors import DataError
from elman.metrics.word_similarity import WordPair, evaluate_pairs, pearson, read_pairs, spearman

PAIRS = [WordPair("love", "sex", 6.77), WordPair("tiger", "cat", 7.35)]


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n# another\nlove\tsex\t6.77\ntiger\tcat\t7.35\n",
        "love,sex,6.77\ntiger,cat,7.35",
        "Word 1,Word 2,Human (mean)\nlove,sex,6.77\ntiger,cat,7.35\n",
        "word1\tword2\tPOS\tSimLex999\tconc\nlove\tsex\tN\t6.77\t3\ntiger\tcat\tN\t7.35\t4\n",
        "love sex 6.77\n\ntiger  cat 7.35\n",
        "love; sex; 6.77\r\ntiger; cat; 7.35\r\n",
    ],
)
def test_formats_of_pairs(tmp_path: Path, text: str) -> None:
    (tmp_path / "pairs").write_bytes(text.encode())
    assert read_pairs(tmp_path / "pairs") == PAIRS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\t1\nc\td\n", "line 2: expected two words and a score.*Received: "),
        ("a\tb\t1\nc\td\tmuch\n", "line 2: expected two words and a score"),
        ("a\tb\t1\n\td\t2\n", "line 2: expected two words and a score"),
        ("a\tb\tc\nd\te\tf\n", "line 2: expected two words and a score"),
        ("a\tb\t1\nc\td\tnan\n", "line 2: expected two words and a score"),
        ("a\n", "line 1: expected two words and a score"),
        ("a\tb\tnan\nc\td\t2\n", "line 1: expected two words and a score"),
        ("a,b,\nc,d,2\n", "line 1: expected two words and a score"),
        ("a\tb\tscore\n", "expected pairs of words with scores.*Received: none"),
        ("", "expected pairs of words with scores.*Received: none"),
    ],
)
def test_files_that_have_no_pairs(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pairs").write_text(text)
    with pytest.raises(DataError, match="pairs.*" + message):
        read_pairs(tmp_path / "pairs")


def test_pairs_are_in_one_file(tmp_path: Path) -> None:
    for name in ("a.tsv", "b.tsv"):
        (tmp_path / name).write_text("a\tb\t1\n")
    with pytest.raises(DataError, match=r"expected one file of pairs of words\. Received: 2"):
        read_pairs(tmp_path)


def test_correlations_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(0)
    a, b = random.integers(0, 9, 50).astype(float), random.normal(size=50).round(1)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b)[0], abs=1e-12)
    assert pearson(a, b) == pytest.approx(stats.pearsonr(a, b)[0], abs=1e-12)


def test_pairs_with_unknown_words_are_left_out() -> None:
    words = ["Cat", "dog", "car", "CAT", "bus"]
    matrix = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    table = WordTable(words, matrix)
    pairs = [("cat", "dog", 9.0), ("cat", "car", 1.0), ("Bus", "car", 8.0), ("cat", "ship", 2.0), ("yak", "gnu", 1.0)]
    found = evaluate_pairs(table, [WordPair(*pair) for pair in pairs])
    units = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    cosines = np.array([units[0] @ units[1], units[0] @ units[2], units[4] @ units[2]])
    assert found.pearson == pytest.approx(np.corrcoef(cosines, [9, 1, 8])[0, 1], abs=1e-5)
    assert (found.pairs, found.known, found.unknown) == (5, 3, ["ship", "yak", "gnu"])
    assert found.to_json()["coverage"] == 0.6
    assert "3 of 5 pairs (60.0%)" in found.to_text()
    with pytest.raises(DataError, match=r"Received: 0 of 5, without 'cat', "):
        evaluate_pairs(table, [WordPair(*pair) for pair in pairs], fold_case=False, restrict=1)
    composed = WordTable(words, matrix, composer=lambda word: matrix[1] if word == "ship" else None)
    assert evaluate_pairs(composed, [WordPair(*pair) for pair in pairs]).known == 4


def test_scores_without_a_correlation() -> None:
    table = WordTable(["a", "b", "c"], np.eye(3, dtype=np.float32))
    with pytest.raises(DataError, match="expected pairs with different scores and cosines"):
        evaluate_pairs(table, [WordPair("a", "b", 1), WordPair("a", "c", 2)])


@pytest.mark.slow
@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("restrict", [800, 300_000])
def test_gensim_finds_the_same(shared_data: Callable[[str], Path], fold: bool, restrict: int) -> None:
    models = pytest.importorskip("gensim.models")
    vectors, pairs = shared_data("wordvec/euclidean_vectors.bin"), shared_data("wordvec/wordsim353.tsv")
    theirs = models.KeyedVectors.load_word2vec_format(str(vectors), binary=True)
    linear, ranks, missing = theirs.evaluate_word_pairs(str(pairs), restrict_vocab=restrict, case_insensitive=fold)
    found = evaluate_pairs(read_table(vectors), read_pairs(pairs), restrict=restrict, fold_case=fold)
    assert found.pearson == pytest.approx(linear[0], abs=1e-6)
    assert found.spearman == pytest.approx(ranks[0], abs=1e-6)
    assert 100 * (1 - found.known / found.pairs) == pytest.approx(missing)

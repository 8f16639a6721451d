"""Queries of word vectors: neighbours, analogies, texts and frames, against float64 and gensim."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elman.data.word_vectors import WordTable, write_table
from elman.errors import ConfigError, DataError, ShapeError
from elman.tasks.embeddings.expression import parse_expression
from elman.tasks.embeddings.queries import WordQueries

WORDS = ["the", "king", "queen", "man", "woman", "New_York", "nothing", "co-op", "co", "-", "op"]
MATRIX = np.random.default_rng(2).normal(size=(11, 6)).astype(np.float32)
MATRIX[6] = 0
WIDE = MATRIX.astype(np.float64)
UNITS = WIDE / np.maximum(np.linalg.norm(WIDE, axis=1, keepdims=True), 1e-30)
COUNTS = np.array([50, 9, 7, 6, 5, 4, 3, 2, 1, 1, 1])


class Vectors(WordQueries):
    """Vectors in memory or in a file."""

    def __init__(self, table: WordTable | None = None) -> None:
        self._own = table

    @property
    def table(self) -> WordTable:
        found = self._file_table or self._own
        assert found is not None
        return found


MODEL = Vectors(WordTable(WORDS, MATRIX, COUNTS, name="model"))


def test_a_mapping_from_words_to_vectors(tmp_path: Path) -> None:
    assert ("king" in MODEL, "kings" in MODEL, len(MODEL), bool(MODEL)) == (True, False, 11, True)
    assert list(MODEL) == list(MODEL.keys()) == WORDS
    np.testing.assert_array_equal(MODEL["queen"], MATRIX[2])
    np.testing.assert_array_equal(np.stack(list(MODEL.values())), MATRIX)
    np.testing.assert_array_equal(dict(MODEL.items())["man"], MATRIX[3])
    assert MODEL.get("kings") is None
    assert MODEL.get("kings", 3) == 3
    np.testing.assert_array_equal(MODEL.get("king"), MATRIX[1])
    with pytest.raises(DataError, match=r"near spellings: 'king'.*Received: 'kings'"):
        MODEL["kings"]


@pytest.mark.parametrize("format", ["word2vec", "word2vec-binary", "glove", "fasttext"])
def test_files_that_are_written_and_opened(tmp_path: Path, format: str) -> None:
    MODEL.to_file(tmp_path / "vectors", format)
    again = Vectors.from_file(tmp_path / "vectors")
    assert list(again) == WORDS
    np.testing.assert_array_equal(again.table.matrix_VE, MATRIX)
    assert again.neighbours("king") == MODEL.neighbours("king")


def test_neighbours() -> None:
    scores = UNITS @ UNITS[1]
    order = [row for row in np.argsort(-scores, kind="stable") if row != 1]
    found = MODEL.neighbours("king", top=4)
    assert [each.word for each in found] == [WORDS[row] for row in order[:4]]
    np.testing.assert_allclose([each.score for each in found], scores[order[:4]], atol=1e-6)
    assert MODEL.neighbours(MATRIX[1] * 5, top=1)[0].word == "king"  # a vector has no word of its own
    several = MODEL.neighbours(["king", MATRIX[2]], top=4)
    assert [each.word for each in several[0]] == [each.word for each in found]
    assert several[1][0].word == "queen"
    assert MODEL.neighbours(MATRIX[1:3], top=1)[1][0].word == "queen"
    assert {each.word for each in MODEL.neighbours("king", restrict=3)} == {"the", "queen"}
    assert MODEL.neighbours([]) == []
    assert len(MODEL.neighbours("king", top=100)) == 10


def test_analogies() -> None:
    target = UNITS[1] - UNITS[3] + UNITS[4]
    sums = UNITS @ target / np.linalg.norm(target)
    products = (1 + UNITS @ UNITS[1]) / 2 * (1 + UNITS @ UNITS[4]) / 2 / ((1 + UNITS @ UNITS[3]) / 2 + 1e-6)
    for method, scores in (("add", sums), ("mul", products)):
        order = [row for row in np.argsort(-scores, kind="stable") if row not in (1, 3, 4)]
        found = MODEL.analogy("king - man + woman", method=method, top=3)
        assert [each.word for each in found] == [WORDS[row] for row in order[:3]]
        np.testing.assert_allclose([each.score for each in found], scores[order[:3]], rtol=1e-5)
        assert MODEL.analogy(plus=["king", "woman"], minus=["man"], method=method, top=3) == found
        assert len(MODEL.analogy(minus=["king", "man"], method=method)) == 9
    assert MODEL.analogy(plus=["king", MATRIX[4]], minus=["man"], top=20)[-1].word != "king"


@pytest.mark.parametrize(
    ("text", "plus", "minus"),
    [
        ("king - man + woman", ["king", "woman"], ["man"]),
        (" king  \u2212 man ", ["king"], ["man"]),
        ("- man + king", ["king"], ["man"]),
        ("+ a + b", ["a", "b"], []),
        ("co-op - C++", ["co-op"], ["C++"]),
    ],
)
def test_analogies_as_text(text: str, plus: list[str], minus: list[str]) -> None:
    assert parse_expression(text) == (plus, minus)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected words in an analogy"),
        ("king", "expected at least two words, with spaces around"),
        ("king-man+woman", "expected at least two words, with spaces around"),
        ("king man", "expected . or - between 'king' and 'man'"),
        ("king -", "expected a word after '-'"),
        ("king - - man", "expected a word after '-'"),
        ("+ + a", "expected a word after"),
        ("+", "expected a word after"),
        ("- king", "expected at least two words"),
    ],
)
def test_texts_that_are_no_analogies(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message + ".*such as 'king - man . woman'. Received: "):
        MODEL.analogy(text)


def test_queries_that_are_refused() -> None:
    for refused, error, message in (
        (lambda: MODEL.analogy(plus=["king"]), ConfigError, "at least two words in an analogy. Received: 1"),
        (lambda: MODEL.analogy(), ConfigError, "at least two words in an analogy. Received: 0"),
        (lambda: MODEL.analogy("a + b", plus=["king"]), ConfigError, "either as text or by plus and minus"),
        (lambda: MODEL.analogy("king - man", method="sum"), ConfigError, "expected method to be one of add, mul"),
        (lambda: MODEL.analogy("king - king"), DataError, "do not cancel out"),
        (lambda: MODEL.analogy("king - mann"), DataError, "near spellings: 'man'"),
        (lambda: MODEL.neighbours("kong"), DataError, "near spellings: 'king'"),
        (lambda: MODEL.neighbours("nothing"), DataError, "not all zeros for 'nothing'"),
        (lambda: MODEL.neighbours(np.zeros(6)), DataError, "not all zeros"),
        (lambda: MODEL.neighbours(np.full(6, np.nan)), DataError, "expected a finite vector"),
        (lambda: MODEL.neighbours(np.ones(5)), ShapeError, r"vector of 6 numbers. Received: shape \(5,\)"),
        (lambda: MODEL.neighbours("king", top=0), ConfigError, "expected top"),
        (lambda: MODEL.neighbours("king", restrict=0), ConfigError, "expected restrict"),
        (lambda: MODEL.transform("a text"), ConfigError, "expected several texts.*Received: one text"),
        (lambda: MODEL.transform(["the", "zzz qqq"]), DataError, "text 2: expected at least one word.*'zzz qqq'"),
        (lambda: MODEL.transform(["the"], weights="tfidf"), ConfigError, "expected weights to be one of"),
        (lambda: MODEL.transform(["the"], smoothing=0), ConfigError, "expected smoothing"),
        (lambda: MODEL.to_frame("arrow"), ConfigError, "expected a frame of pandas or polars"),
        (lambda: MODEL.project(["king", "queen", "kong"]), DataError, "near spellings: 'king'"),
        (lambda: MODEL.project([]), DataError, "at least three words"),
    ):
        with pytest.raises(error, match=message) as found:
            refused()  # type: ignore[no-untyped-call]
        assert ". Received: " in str(found.value)


def test_similarity() -> None:
    assert MODEL.similarity("king", "queen") == pytest.approx(UNITS[1] @ UNITS[2], abs=1e-7)
    assert MODEL.similarity("king", MATRIX[1] * -3) == pytest.approx(-1.0, abs=1e-7)


def test_similarity_of_a_file_of_pairs(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("KING,queen,9\nman,woman,8\nking,the,1\nking,ship,3\n")
    cosines = [UNITS[a] @ UNITS[b] for a, b in ((1, 2), (3, 4), (1, 0))]
    found = MODEL.similarity(tmp_path / "pairs.csv")
    assert found.pearson == pytest.approx(np.corrcoef(cosines, [9, 8, 1])[0, 1], abs=1e-6)
    assert found.known == 3


def test_vectors_of_texts() -> None:
    texts = ["the King, queen!", "king king\nman", "New_York co-op", "co-op"]
    rows = [[0, 2], [1, 1, 3], [5, 7], [7]]  # co-op is a word, though its parts are too
    np.testing.assert_allclose(MODEL.transform(texts), [WIDE[each].mean(axis=0) for each in rows], atol=1e-6)
    folded = MODEL.transform(["The KING"], lowercase=True)
    np.testing.assert_allclose(folded, [WIDE[[0, 1]].mean(axis=0)], atol=1e-6)
    weights = 0.01 / (0.01 + COUNTS / COUNTS.sum())
    expected = [(weights[each, None] * WIDE[each]).mean(axis=0) for each in rows]
    np.testing.assert_allclose(MODEL.transform(texts, weights="frequency", smoothing=0.01), expected, atol=1e-6)
    assert MODEL.transform([]).shape == (0, 6)
    with pytest.raises(DataError, match="counts of words for weights='frequency'"):
        Vectors(WordTable(WORDS, MATRIX)).transform(["the"], weights="frequency")


def test_unseen_words_are_composed() -> None:
    model = Vectors(WordTable(WORDS, MATRIX, composer=lambda word: MATRIX[1] if word.startswith("king") else None))
    np.testing.assert_array_equal(model["kingdom"], MATRIX[1])
    assert "kingdom" not in model
    assert model.neighbours("kingdom", top=1)[0].word == "king"
    np.testing.assert_array_equal(model.transform(["my kingdom"]), MATRIX[[1]])


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames(kind: str) -> None:
    pytest.importorskip(kind)
    frame = MODEL.to_frame(kind)
    assert list(frame.columns) == ["word", "count", "0", "1", "2", "3", "4", "5"]
    assert list(frame["word"]) == WORDS
    assert list(frame["count"]) == COUNTS.tolist()
    np.testing.assert_array_equal(frame[[str(each) for each in range(6)]].to_numpy(), MATRIX)


def test_projections() -> None:
    assert MODEL.project(top=4).words == WORDS[:4]
    assert MODEL.project(["king", "queen", "king", "man"]).words == ["king", "queen", "man"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`:DeprecationWarning")
def test_gensim_finds_the_same(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    models = pytest.importorskip("gensim.models")
    path = shared_data("wordvec/euclidean_vectors.bin")
    theirs = models.KeyedVectors.load_word2vec_format(str(path), binary=True)
    ours = Vectors.from_file(path)
    for word in ours.table.words[:300:7]:
        expected = theirs.most_similar(word, topn=10)
        found = ours.neighbours(word)
        assert [each.word for each in found] == [each for each, _ in expected]
        np.testing.assert_allclose([each.score for each in found], [score for _, score in expected], atol=1e-6)
    words = ours.table.words
    for first in range(0, 300, 11):
        plus, minus = [words[first], words[first + 50]], [words[first + 99]]
        for method, function in (("add", theirs.most_similar), ("mul", theirs.most_similar_cosmul)):
            expected = function(positive=plus, negative=minus, topn=5, restrict_vocab=1500 if method == "add" else None)
            found = ours.analogy(
                plus=plus, minus=minus, method=method, top=5, restrict=1500 if method == "add" else None
            )
            assert [each.word for each in found] == [each for each, _ in expected]
            if method == "mul":
                np.testing.assert_allclose([each.score for each in found], [s for _, s in expected], rtol=1e-4)
            else:
                np.testing.assert_allclose([each.score for each in found], [s for _, s in expected], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("binary", [False, True])
def test_gensim_reads_what_is_written(tmp_path: Path, binary: bool) -> None:
    models = pytest.importorskip("gensim.models")
    write_table(MODEL.table, tmp_path / "vectors", "word2vec-binary" if binary else "fasttext")
    theirs = models.KeyedVectors.load_word2vec_format(str(tmp_path / "vectors"), binary=binary)
    assert theirs.index_to_key == WORDS
    np.testing.assert_array_equal(theirs.vectors, MATRIX)
    theirs.save_word2vec_format(str(tmp_path / "theirs"), binary=binary)
    np.testing.assert_array_equal(Vectors.from_file(tmp_path / "theirs").table.matrix_VE, MATRIX)
    theirs.save(str(tmp_path / "vectors.kv"))
    with pytest.raises(DataError, match=r"save_word2vec_format.*Received: a pickle"):
        Vectors.from_file(tmp_path / "vectors.kv")

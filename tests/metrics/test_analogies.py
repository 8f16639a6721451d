"""Analogy questions, answered a second time in float64 and by gensim."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elman.data.word_vectors import WordTable, read_table
from elman.errors import ConfigError, DataError
from elman.metrics.analogies import Question, evaluate_analogies, read_questions

RANDOM = np.random.default_rng(7)
WORDS = ["Man", "woman", "king", "queen", "MAN", "boy", "girl", "King", "oslo", "norway", "rome", "italy"]
MATRIX = RANDOM.normal(size=(12, 4)).astype(np.float32)
MATRIX[3] = MATRIX[2] - MATRIX[0] + MATRIX[1] + 0.01  # queen
MATRIX[7] = MATRIX[3] * 1.01  # "King", another spelling of a word of the question, is nearest to the answer
TEXT = """: family
man woman king queen
Man Woman Boy girl
man woman king unicorn
: gram1-nothing
a b c d
: capital
Oslo Norway Rome Italy

rome italy oslo norway
"""


def answer(question: tuple[str, ...], restrict: int, fold: bool, method: str) -> bool | None:
    """The conventions once more, a word at a time in float64."""

    def same(a: str, b: str) -> bool:
        return a.upper() == b.upper() if fold else a == b

    words = WORDS[:restrict]
    rows = [next((row for row, each in enumerate(words) if same(each, word)), None) for word in question]
    if any(row is None for row in rows):
        return None
    units = MATRIX.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    a, b, c = (units @ units[row] for row in rows[:3])
    target = units[rows[1]] + units[rows[2]] - units[rows[0]]
    scores = units @ target if method == "add" else (1 + b) / 2 * (1 + c) / 2 / ((1 + a) / 2 + 1e-6)
    allowed = [row for row, word in enumerate(words) if not any(same(word, other) for other in question[:3])]
    return same(WORDS[max(allowed, key=lambda row: scores[row])], question[3])


@pytest.mark.parametrize("method", ["add", "mul"])
@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("restrict", [7, None])
def test_accuracy_by_section(tmp_path: Path, method: str, fold: bool, restrict: int | None) -> None:
    (tmp_path / "questions.txt").write_text(TEXT)
    sections = read_questions(tmp_path / "questions.txt")
    assert [(name, len(questions)) for name, questions in sections] == [
        ("family", 3),
        ("gram1-nothing", 1),
        ("capital", 2),
    ]
    table = WordTable(WORDS, MATRIX)
    found: list[tuple[int, int]] = []
    for _, questions in sections:
        results = [answer(question, restrict or 12, fold, method) for question in questions]
        found.append((sum(each is not None for each in results), sum(each is True for each in results)))
    if not any(known for known, _ in found):
        with pytest.raises(DataError, match="four words are among those"):
            evaluate_analogies(table, sections, method=method, restrict=restrict, fold_case=fold)
        return
    scores = evaluate_analogies(table, sections, method=method, restrict=restrict, fold_case=fold)
    assert [(each.known, each.correct) for each in scores.sections] == found
    assert scores.total.known == sum(known for known, _ in found)
    assert scores.to_json()["coverage"] == scores.total.known / 6
    if fold and method == "add":
        assert scores.sections[0].correct >= 1  # king - man + woman, though "King" is nearer


def test_sums_of_kinds_and_the_table() -> None:
    sections = [("capital", [Question("oslo", "norway", "rome", "italy")]), ("gram1", [Question(*"abcd")])]
    scores = evaluate_analogies(WordTable(WORDS, MATRIX), sections)
    assert [(each.name, each.questions, each.known) for each in scores.kinds()] == [
        ("semantic", 1, 1),
        ("syntactic", 1, 0),
    ]
    lines = scores.to_text().splitlines()
    assert lines[0].split() == ["section", "accuracy", "correct", "known", "questions"]
    assert lines[2].split() == ["gram1", "-", "0", "0", "1"]
    assert scores.to_json()["sections"][1]["accuracy"] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (": a\nb c d\n", "line 2: expected four words.*Received: 3 words, 'b c d'"),
        (": a\nb c d e f\n", "line 2: expected four words.*Received: 5 words"),
        (": a\n: b\n", "expected analogy questions.*Received: none"),
        ("", "expected analogy questions.*Received: none"),
    ],
)
def test_files_without_questions(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "questions.txt").write_text(text)
    with pytest.raises(DataError, match=r"questions\.txt.*" + message):
        read_questions(tmp_path / "questions.txt")


def test_wrong_questions_of_a_pipe_leave_no_copy_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b": a\nb c d\n")))
    with pytest.raises(DataError, match="line 2: expected four words"):
        read_questions("-")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_questions_that_cannot_be_asked() -> None:
    table = WordTable(WORDS, MATRIX)
    sections = [("a", [Question(*"abcd")])]
    with pytest.raises(DataError, match=r"Received: none, such as 'a b c d'"):
        evaluate_analogies(table, sections)
    with pytest.raises(ConfigError, match="expected method"):
        evaluate_analogies(table, sections, method="sum")
    with pytest.raises(ConfigError, match="expected restrict of at least 1"):
        evaluate_analogies(table, sections, restrict=0)


@pytest.mark.slow
@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize(("method", "restrict"), [("add", 1000), ("add", 300_000), ("mul", 300_000)])
def test_gensim_finds_the_same(shared_data: Callable[[str], Path], method: str, fold: bool, restrict: int) -> None:
    models = pytest.importorskip("gensim.models")
    vectors, questions = shared_data("wordvec/euclidean_vectors.bin"), shared_data("wordvec/questions-words.txt")
    theirs = models.KeyedVectors.load_word2vec_format(str(vectors), binary=True)
    name = {"add": "most_similar", "mul": "most_similar_cosmul"}[method]
    _, sections = theirs.evaluate_word_analogies(
        str(questions), restrict_vocab=restrict, case_insensitive=fold, similarity_function=name
    )
    counts = {each["section"]: (len(each["correct"]), len(each["incorrect"])) for each in sections}
    scores = evaluate_analogies(
        read_table(vectors), read_questions(questions), method=method, restrict=restrict, fold_case=fold
    )
    for each in (*scores.sections, scores.total):
        wanted = counts[each.name if each.name != "total" else "Total accuracy"]
        assert (each.correct, each.known - each.correct) == wanted, each.name

"""The commands that query word vectors, on a file of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Elman

from elman.tasks.registry import load

WORDS = ["the", "king", "queen", "man", "woman", "paris"]
MATRIX = np.random.default_rng(2).normal(size=(6, 4)).round(3)
MATRIX[2] = MATRIX[1] - MATRIX[3] + MATRIX[4]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
    rows = [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(WORDS, MATRIX.tolist(), strict=True)]
    path.write_text("".join(rows))
    return path


def test_neighbours(elman: Elman, vectors: Path) -> None:
    found = elman("neighbours", vectors, "king", "man", "--top", "2", "--json").json()["queries"]
    expected = load(vectors).neighbours(["king", "man"], top=2)
    assert [[each["word"] for each in query["words"]] for query in found] == [
        [n.word for n in each] for each in expected
    ]
    text = elman("neighbours", vectors, "king", "--top", "1").out
    assert text == f"{expected[0][0].word}  {expected[0][0].score:.4f}\n"
    assert "near spellings: 'king'" in elman("neighbours", vectors, "kong").error()
    assert "expected words: elman neighbours MODEL WORD" in elman("neighbours", vectors).error()


@pytest.mark.parametrize(
    "words",
    [
        ["king", "-", "man", "+", "woman"],
        ["king - man + woman"],
        ["--plus", "king", "woman", "--minus", "man"],
        ["--plus", "king", "--minus", "man", "--plus", "woman"],
        ["king", "-", "man", "+", "woman", "--method", "mul"],
    ],
)
def test_analogies(elman: Elman, vectors: Path, words: list[str]) -> None:
    found = elman("analogy", vectors, *words, "--top", "1", "--json").json()["queries"]
    assert [each["word"] for each in found[0]["words"]] == ["queen"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected an analogy such as: elman analogy MODEL king - man + woman.*Received: none"),
        (["king", "--plus", "man"], "Received: several"),
        (["king"], "expected at least two words"),
        (["king", "man"], "expected + or - between 'king' and 'man'"),
        (["--plus", "king"], "expected at least two words in an analogy. Received: 1"),
        (["king", "-", "man", "--no-fold-case"], "expected --no-fold-case with --questions only"),
        (["--questions", "q.txt", "--top", "3"], "expected no --top with --questions"),
        (["--questions", "q.txt"], "no such file"),
    ],
)
def test_analogies_that_are_none(elman: Elman, vectors: Path, words: list[str], message: str) -> None:
    error = elman("analogy", vectors, *words).error()
    assert all(part in error for part in message.split(".*"))


def test_files_of_questions(elman: Elman, vectors: Path, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text(": family\nMan King Woman Queen\nman king woman unicorn\n")
    found = elman("analogy", vectors, "--questions", tmp_path / "questions.txt", "--json").json()
    assert (found["accuracy"], found["known"], found["questions"], found["coverage"]) == (1.0, 1, 2, 0.5)
    assert "100.0%" in elman("analogy", vectors, "--questions", tmp_path / "questions.txt").out
    error = elman("analogy", vectors, "--questions", tmp_path / "questions.txt", "--no-fold-case").error()
    assert "expected at least one question whose four words" in error


def test_similarity(elman: Elman, vectors: Path, tmp_path: Path) -> None:
    cosine = MATRIX[1] @ MATRIX[2] / np.linalg.norm(MATRIX[1]) / np.linalg.norm(MATRIX[2])
    assert elman("similarity", vectors, "king", "queen").out == f"{cosine:.4f}\n"
    assert elman("similarity", vectors, "king", "queen", "--json").json()["similarity"] == pytest.approx(cosine)
    (tmp_path / "pairs.csv").write_text("a,b,score\nking,queen,9\nman,woman,7\nthe,paris,1\nking,ship,2\n")
    found = elman("similarity", vectors, "--pairs", tmp_path / "pairs.csv", "--json").json()
    assert (found["pairs"], found["known"], found["unknown"]) == (4, 3, ["ship"])
    assert "3 of 4 pairs (75.0%)" in elman("similarity", vectors, "--pairs", tmp_path / "pairs.csv").out
    assert "expected two words" in elman("similarity", vectors, "king").error()
    assert "with --pairs only" in elman("similarity", vectors, "king", "man", "--restrict", "5").error()


def test_projections(elman: Elman, vectors: Path, tmp_path: Path) -> None:
    assert elman("project", vectors, "-o", tmp_path / "words.png").code == 0
    assert (tmp_path / "words.png").read_bytes().startswith(b"\x89PNG")
    assert elman("project", vectors, "king", "queen", "man", "-o", tmp_path / "words.json").code == 0
    points = json.loads((tmp_path / "words.json").read_text())["points"]
    assert [each["word"] for each in points] == ["king", "queen", "man"]
    assert elman("project", vectors, "king", "queen", "man", "--json").json()["points"] == points
    said = elman("project", vectors, "-o", tmp_path / "projection")
    assert "vectors.tsv with metadata.tsv" in said.err
    names = ["metadata.tsv", "projection.json", "projection.png", "vectors.tsv"]
    assert sorted(path.name for path in (tmp_path / "projection").iterdir()) == names
    assert (tmp_path / "projection" / "metadata.tsv").read_text().split() == WORDS
    rows = np.loadtxt(tmp_path / "projection" / "vectors.tsv", delimiter="\t")
    np.testing.assert_array_equal(rows.astype(np.float32), MATRIX.astype(np.float32))
    assert "ends in .png, .svg, .json" in elman("project", vectors, "-o", tmp_path / "words.pdf").error()
    assert "expected a file or folder" in elman("project", vectors).error()
    assert "at least three words" in elman("project", vectors, "king", "-o", tmp_path / "one.png").error()
    assert not (tmp_path / "one.png").exists()


def test_how_files_are_read(elman: Elman, vectors: Path, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes("café 1 2\nthé 2 1\n".encode("latin-1"))
    assert "line 1: the word is not utf-8 text" in elman("neighbours", path, "café").error()
    assert elman("neighbours", path, "café", "--encoding", "latin-1").out == "thé  0.8000\n"
    assert elman("neighbours", path, "caf�", "--errors", "replace").code == 0
    path.write_text("a 1 2\nb 1\n")
    assert "latin.txt, line 2: expected a word and 2 numbers" in elman("neighbours", path, "a").error()
    assert "language-model" in elman("neighbours", model, "a").error()
    assert "expected --encoding with a file" in elman("neighbours", model, "a", "--encoding", "latin-1").error()
    assert load(vectors)["king"].shape == (4,)
    assert elman("neighbours", tmp_path / "none", "a").code == 2

"""Word vectors as word2vec and GloVe write them, and files that are none."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elman.data.word_vectors.requested import read_vectors
from elman.errors import ConfigError, DataError, EncodingError, StorageError

GLOVE = "the 1 2 3\ncat 4.5 -5e-1 6\nthe 9 9 9\n, 7 8 9\n"


def written(tmp_path: Path, content: str | bytes, name: str = "vectors.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("before", ["", "4 3\n"])
@pytest.mark.parametrize("after", ["", " "])
@pytest.mark.parametrize("packed", [False, True])
def test_vectors_of_the_words_asked_for_in_their_order(tmp_path: Path, before: str, after: str, packed: bool) -> None:
    text = (before + GLOVE.replace("\n", after + "\n")).encode()
    path = written(tmp_path, gzip.compress(text) if packed else text, "v.txt.gz" if packed else "v.txt")
    vectors = read_vectors(path, ["cat", "dog", "the", "cat"])
    assert vectors.found_V.tolist() == [True, False, True, True]
    assert vectors.matrix_VE.dtype == np.float32
    expected = [[4.5, -0.5, 6], [0, 0, 0], [1, 2, 3], [4.5, -0.5, 6]]  # of "the", the first
    assert vectors.matrix_VE.tolist() == expected


def test_a_word_may_have_spaces_or_be_a_number(tmp_path: Path) -> None:
    path = written(tmp_path, "the 1 2\n. . . 3 4\nat me@here.org 5 6\n12 7 8\n")
    vectors = read_vectors(path, [". . .", "at me@here.org", "12"])
    assert vectors.matrix_VE.tolist() == [[3, 4], [5, 6], [7, 8]]


def test_the_last_line_needs_no_end_and_other_words_numbers_are_not_read(tmp_path: Path) -> None:
    vectors = read_vectors(written(tmp_path, "a x y\nb 1 2"), ["b"])
    assert vectors.matrix_VE.tolist() == [[1, 2]]


def test_lines_over_the_borders_of_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.data.word_vectors.requested._BLOCK", 7)
    numbers = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    lines = [f"w{row} " + " ".join(map(repr, map(float, numbers[row]))) for row in range(50)]
    vectors = read_vectors(written(tmp_path, "\n".join(lines)), [f"w{row}" for row in range(50)])
    np.testing.assert_array_equal(vectors.matrix_VE, numbers)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("the 1 2 3\ncat 1 2\n", "line 2: expected a word and 3 numbers.*Received: 'cat' and 2"),
        ("the 1 2 3\ncat 1 2 3 4\n", "line 2: expected a word and 3 numbers.*Received: 'cat' and 4"),
        ("the 1 2 3\n\ncat 1 2 3\n", "line 2: expected a word and 3 numbers"),
        ("the 1 2 3\n1 2 3\n", "line 2: expected a word and 3 numbers.*Received: '1' and 2"),
        ("the 1 2 3\ncat 1 two 3\n", "line 2: expected finite numbers.*Received: 'two'"),
        ("the 1 2 3\ncat 1 nan 3\n", "line 2: expected finite numbers.*Received: 'nan'"),
        ("2 3\nthe 1 2 3\ncat 1 1e40 3\n", "line 3: expected finite numbers.*Received: '1e40'"),
        ("the 1 2 3\ncat 1 1_0 3\n", "line 2: expected finite numbers.*Received: '1_0'"),
        ("the\n", "line 1: expected a word and 1 to 65536 numbers"),
        ("2 99999\n", "line 1: expected a word and 1 to 65536 numbers"),
        ("", "line 1: expected a word and 1 to 65536 numbers"),
        ("3 3\nthe 1 2 3\ncat 1 2 3\n", r"expected 3 words.*Received: 2 \(cut short\?\)"),
        ("1 3\nthe 1 2 3\ncat 1 2 3\n", "expected 1 words.*Received: 2"),
        ("dog 1 2 3\n", "expected at least one of the 2 words.*Received: 1 others"),
        (b"the 1 2\ncat \x00\x01\n", "looks like a binary file"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_vectors(written(tmp_path, content), ["the", "cat"])


def test_a_line_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.data.word_vectors.requested.LONGEST_LINE", 100)
    monkeypatch.setattr("elman.data.word_vectors.requested._BLOCK", 64)
    with pytest.raises(DataError, match="expected a word and its numbers a line"):
        read_vectors(written(tmp_path, "1 " * 200), ["the"])


def test_other_things_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match="offset 4"):
        read_vectors(written(tmp_path, b"caf \xe9 1 2\n"), ["the"])
    with pytest.raises(DataError, match="no such file"):
        read_vectors(tmp_path / "nothing.txt", ["the"])
    with pytest.raises(DataError, match="not a whole gzip file"):
        read_vectors(written(tmp_path, gzip.compress(GLOVE.encode())[:-9], "v.gz"), ["the"])
    written(tmp_path, GLOVE, "one.vec")
    written(tmp_path, GLOVE, "two.vec")
    with pytest.raises(DataError, match=r"expected one file of word vectors\. Received: 2"):
        read_vectors(str(tmp_path / "*.vec"), ["the"])
    with pytest.raises(ConfigError, match="text encoding"):
        read_vectors(tmp_path / "one.vec", ["the"], encoding="utf-9")
    (tmp_path / "locked.vec").touch(mode=0)
    try:
        (tmp_path / "locked.vec").read_bytes()
    except PermissionError:
        with pytest.raises(StorageError, match="cannot read"):
            read_vectors(tmp_path / "locked.vec", ["the"])


def test_a_real_file(shared_data: Callable[[str], Path]) -> None:
    sample = shared_data("wordvec/test_glove.txt")
    lines = [line.split() for line in sample.read_text("utf-8").splitlines()]
    words = [line[0] for line in lines]
    vectors = read_vectors(sample, [*words, "qwertzuiop"])
    assert vectors.found_V.tolist() == [True] * len(words) + [False]
    np.testing.assert_array_equal(vectors.matrix_VE[:-1], np.array([line[1:] for line in lines], dtype=np.float32))

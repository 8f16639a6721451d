"""Files of word vectors that are written are read again bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.word_vectors.files import MATRIX, WORDS, binary_file

from elman.data.word_vectors import FORMATS, WordTable, read_table, write_table
from elman.data.word_vectors.write import format_of
from elman.errors import ConfigError, DataError

ODD = np.array([[1e-45, -3.4028235e38, 0.1, -0.0, 1 / 3]], dtype=np.float32)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_every_format_is_read_again_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, suffix: str
) -> None:
    monkeypatch.setattr("elman.data.word_vectors.write._ROWS", 3)
    table = WordTable([*WORDS, "odd"], np.vstack([MATRIX, ODD]))
    path = tmp_path / f"vectors{suffix}"
    write_table(table, path, format)
    first = path.read_bytes()
    again = read_table(path)
    assert again.words == table.words
    assert again.matrix_VE.tobytes() == table.matrix_VE.tobytes()
    write_table(again, path, format)
    assert path.read_bytes() == first


def test_formats_of_names(tmp_path: Path) -> None:
    names = ["a.bin", "a.bin.gz", "a.vec", "a.VEC", "a.txt", "a", "a.gz"]
    expected = ["word2vec-binary", "word2vec-binary", "fasttext", "fasttext", "word2vec", "word2vec", "word2vec"]
    assert [format_of(name) for name in names] == expected
    write_table(WordTable(WORDS, MATRIX), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == binary_file(WORDS, MATRIX)
    write_table(WordTable(["a"], np.array([[0.1, 2]], dtype=np.float32)), tmp_path / "a.txt", "glove")
    assert (tmp_path / "a.txt").read_text() == "a 0.1 2.0\n"


@pytest.mark.parametrize("word", ["New York", "", "a\tb", "a\n", "\ud800"])
def test_words_that_a_line_cannot_have(tmp_path: Path, word: str) -> None:
    with pytest.raises(DataError, match=r"expected words .*Received: "):
        write_table(WordTable([word, *WORDS[1:]], MATRIX), tmp_path / "a.txt")
    assert [*tmp_path.iterdir()] == []


def test_other_tables_that_are_refused(tmp_path: Path) -> None:
    bad = MATRIX.copy()
    bad[2, 0] = np.inf
    with pytest.raises(DataError, match=r"expected finite numbers\. Received: others for 'queen'"):
        write_table(WordTable(WORDS, bad), tmp_path / "a.txt")
    with pytest.raises(ConfigError, match="expected a format among"):
        write_table(WordTable(WORDS, MATRIX), tmp_path / "a.txt", "csv")
    assert [*tmp_path.iterdir()] == []

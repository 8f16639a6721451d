"""Files of word2vec, GloVe and fastText, in memory and mapped through the cache, and files that are none."""

from __future__ import annotations

import gzip
import logging
import os
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.data.word_vectors.files import FILES, MATRIX, WORDS, binary_file, text_file, written

from elman.data.word_vectors import read_table
from elman.data.word_vectors.blocks import VectorBlock
from elman.errors import ConfigError, DataError, EncodingError, StorageError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vectors"


def mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files of any size go through the cache, though they were written just now."""
    monkeypatch.setattr("elman.data.word_vectors.read._MOST_IN_MEMORY", 0)
    monkeypatch.setattr("elman.data.word_vectors.read._SETTLED_SECONDS", -1.0)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("through_cache", [False, True])
@pytest.mark.parametrize("block", [1 << 20, 40])
def test_every_format(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, name: str, through_cache: bool, block: int
) -> None:
    monkeypatch.setattr("elman.data.word_vectors.source.BLOCK", block)
    if through_cache:
        mapped(monkeypatch)
    path = written(tmp_path, FILES[name], name)
    for _ in range(2):
        table = read_table(path)
        assert [*table.words] == WORDS
        assert [table.index(word) for word in WORDS] == list(range(7))
        np.testing.assert_array_equal(table.matrix_VE, MATRIX)
        np.testing.assert_allclose(table.norms(), np.linalg.norm(MATRIX.astype(float), axis=1), 1e-12)
        assert table.find("kings") is None
    assert len([*own_cache.glob("*.vectors")]) == through_cache


def test_a_mapped_table_behaves_as_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.data.word_vectors.mapped._DECODED", 2)
    mapped(monkeypatch)
    words = read_table(written(tmp_path, FILES["glove.txt"])).words
    assert not isinstance(words, list)
    assert (words[1:4], words[-1], words[::3], words[5:2]) == (WORDS[1:4], WORDS[-1], WORDS[::3], [])
    assert "king" in words
    assert words.find("\ud800") is None  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(words)) == WORDS
    with pytest.raises(IndexError):
        words[7]


def test_words_with_equal_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.data.word_vectors.mapped.zlib.crc32", len)
    mapped(monkeypatch)
    table = read_table(written(tmp_path, FILES["glove.txt"]))
    assert [table.find(word) for word in (*WORDS, "thy", "")] == [*range(7), None, None]


@pytest.mark.parametrize("through_cache", [False, True])
def test_the_first_vector_of_a_word_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, through_cache: bool
) -> None:
    monkeypatch.setattr("elman.data.word_vectors.mapped._BYTES", 40)
    if through_cache:
        mapped(monkeypatch)
    words = ["a", "b", "a", "c", "a", "b", "d"]
    path = written(tmp_path, text_file(words, MATRIX))
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            table = read_table(path)
        assert [*table.words] == ["a", "b", "c", "d"]
        np.testing.assert_array_equal(table.matrix_VE, MATRIX[[0, 1, 3, 6]])
        np.testing.assert_allclose(table.norms(), np.linalg.norm(MATRIX[[0, 1, 3, 6]].astype(float), axis=1), 1e-12)
        assert [table.index(word) for word in "abcd"] == [0, 1, 2, 3]
        assert "left out 3 vectors of words that occurred before" in caplog.text


def test_the_cache_knows_a_changed_file(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped(monkeypatch)
    path = written(tmp_path, "a 1 2\nb 3 4\n")
    read_table(path)
    written(tmp_path, "a 1 2\nb 3 5\n")
    os.utime(path, ns=(0, 0))
    assert read_table(path).matrix_VE.tolist() == [[1, 2], [3, 5]]
    assert read_table(path, errors="ignore").matrix_VE.tolist() == [[1, 2], [3, 5]]
    assert len([*own_cache.glob("*.vectors")]) == 3
    for cached in own_cache.glob("*.vectors"):
        cached.write_bytes(cached.read_bytes()[:-1])  # a damaged file of the cache is made again
    assert read_table(path).matrix_VE.tolist() == [[1, 2], [3, 5]]


def test_a_file_that_changed_just_now_is_not_kept(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elman.data.word_vectors.read._MOST_IN_MEMORY", 0)
    assert read_table(written(tmp_path, "a 1 2\n")).vector("a").tolist() == [1, 2]
    assert [*own_cache.iterdir()] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("the 1 2 3\ncat 1 2\n", "line 2: expected a word and 3 numbers.*Received: 'cat' and 2"),
        ("the 1 2 3\ncat 1 2 3 4\n", "line 2: expected a word and 3 numbers.*Received: 'cat' and 4"),
        ("the 1 2 3\ndog 1 2\ncat 1 2 3 4\n", "line 2: expected a word and 3 numbers"),
        ("the 1 2 3\n\ncat 1 2 3\n", "line 2: expected a word and 3 numbers"),
        ("2 3\nthe 1 2\ncat 1 2\n", "line 2: expected a word and 3 numbers"),
        ("the 1 2 3\ncat 1 two 3\n", "line 2: expected finite numbers.*Received: 'two'"),
        ("the 1 2 3\ncat 1 nan 3\n", "line 2: expected finite numbers.*Received: 'nan'"),
        ("the 1 2 3\ncat 1 inf 3\n", "line 2: expected finite numbers.*Received: 'inf'"),
        ("2 3\nthe 1 2 3\ncat 1 1e40 3\n", "line 3: expected finite numbers.*Received: '1e40'"),
        ("the 1 2 3\ncat 1 1_0 3\n", "line 2: expected finite numbers.*Received: '1_0'"),
        ("the 1 2 3\n1 2 3\n", "line 2: expected a word and 3 numbers.*Received: '1' and 2"),
        ("the 1 2 3\n 1 2 3\n", "line 2: expected a word before the numbers"),
        ("the\n", "line 1: expected a word and 1 to 65536 numbers"),
        ("2 99999\nthe 1 2\n", "line 1: expected a word and 1 to 65536 numbers"),
        ("2 0\nthe\ncat\n", "line 1: expected a word and 1 to 65536 numbers"),
        ("", "Received: an empty file"),
        ("0 3\n", "expected words and their vectors. Received: none"),
        ("3 3\n", "expected 3 words.*Received: 0"),
        ("\n", "line 1: expected a word and 1 to 65536"),
        ("3 3\nthe 1 2 3\ncat 1 2 3\n", r"expected 3 words.*Received: 2 \(cut short\?\)"),
        ("1 3\nthe 1 2 3\ncat 1 2 3\n", "expected 1 words.*Received: 2"),
        (f"{10**17} 3\nthe 1 2 3\n", "expected 100000000000000000 words.*Received: 1"),
        (b"the 1 2\ncat \x00\x01\n", "looks like a binary file"),
        (gzip.compress(FILES["glove.txt"])[:-9], "not a whole gzip file"),
        (pickle.dumps({"a": 1}), r'kv\.save_word2vec_format\("vectors.bin", binary=True\).*Received: a pickle'),
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", r"\.vec file.*Received: a binary model of fastText"),
        (b"PK\x03\x04rest", "Received: a zip archive"),
        (b"\x93NUMPY\x01\0", "Received: a numpy array"),
    ],
)
@pytest.mark.parametrize("through_cache", [False, True])
def test_a_file_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes, message: str, through_cache: bool
) -> None:
    if through_cache:
        mapped(monkeypatch)
    with pytest.raises(DataError, match=r"vectors\.txt.*" + message) as found:
        read_table(written(tmp_path, content))
    assert ". Received: " in str(found.value)
    assert [*(tmp_path / "cache" / "vectors").glob("*")] == []


BINARY = binary_file(WORDS, MATRIX)
NOT_FINITE = MATRIX.copy()
NOT_FINITE[3, 2] = np.nan


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BINARY[:-30], "expected 7 words of 5 numbers.*cut short, or a wrong first line"),
        (gzip.compress(BINARY[:-30]), r"expected 7 words of 5 numbers.*Received: the end after 5 words \(cut short"),
        (BINARY.replace(b"7 5", b"7 6", 1), r"word 4 \(if the first line is right\)"),
        (BINARY.replace(b"7 5", b"7 50", 1), "expected 7 words of 50 numbers"),
        (BINARY.replace(b"7 5", b"7 4", 1), "vectors.bin"),
        (BINARY.replace(b"7 5", b"6 5", 1), "expected the end after 6 words of 5 numbers.*Received: more bytes"),
        (BINARY.replace(b"7 5", b"7 99999", 1), "line 1: expected at least one word and 1 to 65536 numbers"),
        (BINARY.replace(b"7 5", b"0 5", 1), "line 1: expected at least one word"),
        (BINARY.replace(b"7 5", b"999999999999999999 5", 1), "expected 999999999999999999 words of 5 numbers"),
        (gzip.compress(BINARY.replace(b"7 5", b"999999999999999999 5", 1)), "Received: the end after 7 words"),
        (binary_file(WORDS, NOT_FINITE), "word 4: expected finite numbers. Received: nan for 'naïve'"),
        (BINARY.replace(b"\nking ", b"\n"), "vectors.bin"),
        (b"1 2\n" + b"\x01" * 20000, "word 1: expected a word of less than 16384 bytes"),
    ],
)
def test_a_binary_file_that_is_none(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as found:
        read_table(written(tmp_path, content, "vectors.bin"))
    assert ". Received: " in str(found.value)


@pytest.mark.parametrize("word", [b"caf\xe9", b"\xff\xfe"])
def test_words_that_are_not_utf8(tmp_path: Path, word: bytes) -> None:
    text = b"the 1 2\n" + word + b" 3 4\n"
    packed = binary_file(["the", "cat"], MATRIX[:2]).replace(b"cat ", word + b" ")
    with pytest.raises(EncodingError, match=r"line 2: the word is not utf-8 text.*--errors replace"):
        read_table(written(tmp_path, text))
    with pytest.raises(EncodingError, match=r"word 2 \(if the first line is right\): the word is not utf-8 text"):
        read_table(written(tmp_path, packed, "v.bin"))
    for path in ("vectors.txt", "v.bin"):
        assert read_table(tmp_path / path, errors="replace").words[1] == word.decode("utf-8", "replace")
        assert read_table(tmp_path / path, encoding="latin-1").words[1] == word.decode("latin-1")


def test_other_encodings(tmp_path: Path) -> None:
    path = written(tmp_path, FILES["glove.txt"].decode().encode("utf-16"))
    with pytest.raises(EncodingError, match="byte-order mark of utf-16"):
        read_table(path)
    assert read_table(path, encoding="utf-16").words == WORDS
    path = written(tmp_path, "3 2\nthe 1 2\ncat 3 4\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"expected 3 words, as its first line says. Received: 2 \(cut short\?\)"):
        read_table(path, encoding="utf-16")


def test_names_of_formats(tmp_path: Path) -> None:
    path = written(tmp_path, "12 1\n13 2\n")
    with pytest.raises(DataError, match="expected 12 words"):
        read_table(path)
    assert read_table(path, format="glove").words == ["12", "13"]
    with pytest.raises(DataError, match="line 1: expected the number of words and the dimension"):
        read_table(written(tmp_path, FILES["glove.txt"]), format="word2vec-binary")
    with pytest.raises(ConfigError, match="expected a format among auto, word2vec"):
        read_table(path, format="csv")
    with pytest.raises(ConfigError, match="expected errors to be"):
        read_table(path, errors="drop")


def test_other_things_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "nothing.txt")
    written(tmp_path, "a 1", "one.vec")
    written(tmp_path, "b 1", "two.vec")
    with pytest.raises(DataError, match=r"expected one file of word vectors\. Received: 2"):
        read_table(str(tmp_path / "*.vec"))
    with pytest.raises(ConfigError, match="text encoding"):
        read_table(tmp_path / "one.vec", encoding="utf-9")
    (tmp_path / "locked.vec").touch(mode=0)
    try:
        (tmp_path / "locked.vec").read_bytes()
    except PermissionError:
        with pytest.raises(StorageError, match="cannot read"):
            read_table(tmp_path / "locked.vec")


def test_a_word_may_have_spaces_or_be_a_number(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "the 1 2\n. . . 3 4\nat me@here.org 5 6\n12 7 8"))
    assert [table.vector(word).tolist() for word in (". . .", "at me@here.org", "12")] == [[3, 4], [5, 6], [7, 8]]


def test_a_line_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.data.word_vectors.lines.LONGEST_LINE", 100)
    monkeypatch.setattr("elman.data.word_vectors.source.BLOCK", 64)
    with pytest.raises(DataError, match="expected a word and its numbers a line"):
        read_table(written(tmp_path, "1 " * 200))


def test_a_full_disk_leaves_nothing(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped(monkeypatch)

    def full(self: object, block: VectorBlock) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("elman.data.word_vectors.mapped.MappedWriter.add", full)
    with pytest.raises(StorageError, match="No space left"):
        read_table(written(tmp_path, "a 1 2\n"))
    assert [*own_cache.iterdir()] == []


def test_a_small_file_needs_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "a 1 2\n")
    monkeypatch.setenv("ELMAN_CACHE", str(path / "inside a file"))
    assert read_table(path).words == ["a"]
    mapped(monkeypatch)
    with pytest.raises(StorageError, match="cannot make the folder"):
        read_table(path)


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_reading_holds_a_block_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    mapped(monkeypatch)
    monkeypatch.setattr("elman.data.word_vectors.read._MOST_IN_MEMORY", 1 << 16)
    words = [f"w{row}" for row in range(2000)]
    matrix = np.random.default_rng(0).integers(0, 9, size=(2000, 1000)).astype(np.float32)
    path = written(tmp_path, {"text": text_file, "binary": binary_file}[kind](words, matrix))
    monkeypatch.setattr("elman.data.word_vectors.source.BLOCK", 1 << 18)
    monkeypatch.setattr("elman.data.word_vectors.mapped._BYTES", 1 << 18)
    tracemalloc.start()
    table = read_table(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.8 * matrix.nbytes  # of 8 MB
    np.testing.assert_array_equal(table.matrix_VE[::100], matrix[::100])


def test_real_files(shared_data: Callable[[str], Path]) -> None:
    glove = shared_data("wordvec/test_glove.txt")
    table = read_table(glove)
    lines = [line.split() for line in glove.read_text("utf-8").splitlines()]
    assert table.words == [line[0] for line in lines]
    np.testing.assert_array_equal(table.matrix_VE, np.array([line[1:] for line in lines], dtype=np.float32))
    packed = read_table(shared_data("wordvec/euclidean_vectors.bin"))
    assert (len(packed), packed.size, packed.words[:2]) == (2747, 10, ["the", "to"])


@pytest.mark.parametrize("content", [b"2 2\nthe 1 2\n\xff 3 4\n", b"the 1 2\n\xff\xfe 3 4\n"])
def test_no_word_is_left_of_bytes_that_are_ignored(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(EncodingError, match=r"vectors\.txt, line \d: .*errors=replace.*Received: b"):
        read_table(path, errors="ignore")
    assert read_table(path, errors="replace").words[1].startswith("\ufffd")

"""Pairs in zip archives: nothing is unpacked to disk, and hostile ones are named."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from elman.data.pairs import read_pairs
from elman.errors import DataError, EncodingError, StorageError

SOURCES, TARGETS = ["ein Hund", "zwei Katzen"], ["a dog", "two cats"]
TABLE = "ein Hund\ta dog\nzwei Katzen\ttwo cats\n"


def zipped(path: Path, members: dict[str, str | bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("members", "options"),
    [
        ({"deu.txt": TABLE, "_about.txt": "who made it"}, {}),
        ({"data/deu.tsv": TABLE, "README.md": "read", "__MACOSX/data/._deu.tsv": b"\x00", ".DS_Store": b"\x00"}, {}),
        ({"deu.tsv.gz": gzip.compress(TABLE.encode())}, {}),
        ({"deu.csv": "source,target\nein Hund,a dog\nzwei Katzen,two cats\n"}, {}),
        ({"a/": b"", "a/train.de": "ein Hund\nzwei Katzen\n", "a/train.en": "a dog\ntwo cats\n"}, {}),
        ({"x.en": "a dog\ntwo cats\n", "x.de": "ein Hund\nzwei Katzen\n"}, {}),  # by name, however they are packed
        ({"x.de": "a dog\ntwo cats\n", "x.en": "ein Hund\nzwei Katzen\n"}, {"source_column": "2"}),
        (
            {"x.de": "ein Hund\nzwei Katzen\n", "x.en": "a dog\ntwo cats\n", "x.fr": "un chien\n"},
            {"source_column": "de", "target_column": "en"},
        ),
    ],
)
@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_table_or_two_aligned_files(
    tmp_path: Path, members: dict[str, str | bytes], options: dict[str, str], how: int
) -> None:
    path = zipped(tmp_path / "pairs.zip", members, how)
    pairs = read_pairs(path, **options)
    assert (pairs.sources, pairs.targets) == (SOURCES, TARGETS)
    assert str(path) in pairs.name
    assert sorted(tmp_path.iterdir()) == [path]


def test_sources_alone(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.txt": "x\n\ny\n"})
    assert read_pairs(path, with_targets=False).sources == ["x", "", "y"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "expected a text or a table in the archive"),
        ({"README.md": "x"}, "expected a text or a table in the archive"),
        ({"a.de": "a\n", "a.en": "b\n", "b.de": "a\n", "b.en": "c\n"}, "expected one table, or two.*'a.de', 'a.en'"),
        ({"a.tsv": TABLE, "b.tsv": TABLE}, "expected one table, or two aligned files"),
        ({"a.tsv": TABLE, "b.txt": TABLE}, "expected one table, or two aligned files"),
        ({"a.de": "a\n", "a.en": "b\nc\n"}, r"1 lines in .*\(a\.de\) and 2 in .*\(a\.en\)"),
        ({"a.tsv": "a\tb\nc\n"}, r"p\.zip \(a\.tsv\), line 2: expected a source and a target"),
        ({"a\x1b[31m.tsv": "a\n"}, r"\(a\?\[31m\.tsv\), line 1"),
        ({"a.tsv": ""}, "an empty file"),
        ({"a.tsv.gz": b"no gzip at all"}, "can be unpacked"),
    ],
)
def test_an_archive_of_something_else(tmp_path: Path, members: dict[str, str | bytes], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_pairs(zipped(tmp_path / "p.zip", members))


def test_invalid_utf8_names_the_member(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match=r"p\.zip \(a\.tsv\): the bytes at offset 2"):
        read_pairs(zipped(tmp_path / "p.zip", {"a.tsv": b"a\t\xff\n"}))


def test_what_is_no_archive(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "p.zip", {"a.tsv": TABLE * 1000}).read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="expected a complete zip archive"):
        read_pairs(cut)
    flipped = tmp_path / "flipped.zip"
    flipped.write_bytes(whole[:60] + bytes(byte ^ 255 for byte in whole[60:70]) + whole[70:])
    with pytest.raises(DataError, match="can be unpacked"):
        read_pairs(flipped)
    locked = tmp_path / "locked.zip"
    locked.touch(mode=0)
    try:
        locked.read_bytes()
    except PermissionError:
        with pytest.raises(StorageError, match="cannot read"):
            read_pairs(locked)


def test_an_encrypted_archive(tmp_path: Path) -> None:
    raw = bytearray(zipped(tmp_path / "p.zip", {"a.tsv": TABLE}).read_bytes())
    raw[6] |= 1  # of the member's own header, and of its entry in the directory
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "p.zip").write_bytes(raw)
    with pytest.raises(DataError, match=r"without a password\. Received: an encrypted file"):
        read_pairs(tmp_path / "p.zip")


@pytest.mark.parametrize("inner", ["a.tsv", "a.tsv.gz"])
def test_a_bomb_is_refused_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str) -> None:
    monkeypatch.setattr("elman.data.pairs.archive._FREE", 1 << 16)
    monkeypatch.setattr("elman.data.pairs.archive._BLOCK", 1 << 12)
    content = b"a\tb\n" * (1 << 16)
    path = zipped(tmp_path / "p.zip", {inner: gzip.compress(content) if inner.endswith(".gz") else content})
    with pytest.raises(DataError, match=r"expected at most \d+ bytes unpacked"):
        read_pairs(path)
    monkeypatch.setattr("elman.data.pairs.archive._FREE", 1 << 24)
    assert len(read_pairs(path)) == 1 << 16
    monkeypatch.setattr("elman.data.pairs.archive.LARGEST", 1 << 17)
    with pytest.raises(DataError, match=f"expected at most {1 << 17} bytes"):
        read_pairs(path)


def test_a_size_that_lies(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.tsv", TABLE * 100)
    raw = bytearray(buffer.getvalue())
    entry = raw.index(b"PK\x01\x02")
    raw[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    (tmp_path / "p.zip").write_bytes(raw)
    with pytest.raises(DataError, match="can be unpacked"):
        read_pairs(tmp_path / "p.zip")

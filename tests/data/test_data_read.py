"""Reading text: which files, which encoding, where documents begin, and what is said when it cannot be read."""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.decoding import decoded_blocks, line_pieces, lines_of, text_in
from elman.data.read import TextPiece, TextSource, _each_line, _each_paragraph, open_text
from elman.errors import ConfigError, DataError, EncodingError, StorageError


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ELMAN_CACHE", str(folder))
    return folder


def documents_of(source: TextSource) -> list[str]:
    found: list[str] = []
    for piece in source.pieces():
        stretches = piece.stretches()
        if piece.starts[:1] != (0,):
            found[-1] += stretches.pop(0)
        found += stretches
    return found


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_folder_is_read_in_sorted_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/y.md", ".hidden.txt", ".git/c.txt", "c.txt"):
        write(tmp_path / name, name)
    assert documents_of(open_text([tmp_path])) == ["a/y.md", "a/z.txt", "b.txt", "c.txt"]
    assert documents_of(open_text([tmp_path], pattern="*.txt")) == ["a/z.txt", "b.txt", "c.txt"]
    assert documents_of(open_text([str(tmp_path / "**" / "*.txt")])) == ["a/z.txt", "b.txt", "c.txt"]
    assert documents_of(open_text([tmp_path / "c.txt", tmp_path / "a"])) == ["c.txt", "a/y.md", "a/z.txt"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "a")
    assert documents_of(open_text([file, tmp_path, file])) == ["a"]


def test_a_file_whose_name_looks_like_a_glob(tmp_path: Path) -> None:
    assert documents_of(open_text([str(write(tmp_path / "a[1].txt", "text"))])) == ["text"]


def test_documents_by_lines_and_paragraphs(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "\n\none\r\ntwo\r\n \t\r\n\n three\nfour\rfive")
    assert documents_of(open_text([file], documents="lines")) == ["one", "two", " \t", " three", "four\rfive"]
    assert documents_of(open_text([file], documents="paragraphs")) == ["one\ntwo", " three\nfour\rfive"]
    assert documents_of(open_text([file])) == ["\n\none\ntwo\n \t\n\n three\nfour\rfive"]


lines = st.lists(st.text("ab \n\r", max_size=12), min_size=1, max_size=8).map("".join)


@given(text=lines, block=st.integers(1, 7), documents=st.sampled_from(["files", "lines"]))
def test_the_size_of_blocks_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, text: str, block: int, documents: str
) -> None:
    file = write(tmp_path_factory.mktemp("blocks") / "a.txt", text)
    whole, parts = open_text([file], documents=documents), open_text([file], documents=documents, block=block)
    normal = text.replace("\r\n", "\n")
    if "\r" in normal and "\n" not in normal:
        for each in (whole, parts):
            with pytest.raises(DataError, match=r"a\.txt: .* Received: carriage returns"):
                each.scan()
        return
    expected = [normal] * bool(normal) if documents == "files" else [line for line in normal.split("\n") if line]
    assert documents_of(parts) == documents_of(whole) == expected
    if expected:
        assert parts.scan() == whole.scan()
        assert parts.scan()[:3] == (sum(map(len, expected)), len(text), len(expected))


@given(st.lists(st.sampled_from(["a", "bb c", "", "  "]), max_size=12), st.lists(st.integers(0, 40), max_size=4))
def test_paragraphs_in_pieces(lines: list[str], cuts: list[int]) -> None:
    text = "".join(line + "\n" for line in lines)
    paragraphs = [part.strip("\n") for part in re.split(r"\n(?: *\n)+", "\n" + text.replace("  \n", "\n"))]
    ends = [match.end() for match in re.finditer("\n", text)]
    borders = sorted({0, len(text), *(ends[cut] for cut in cuts if cut < len(ends))})
    pieces = [text[a:b] for a, b in pairwise(borders)]
    found: list[str] = []
    for piece in _each_paragraph(iter(pieces)):
        stretches = piece.stretches()
        if piece.starts[:1] != (0,):
            found[-1] += stretches.pop(0)
        found += stretches
    assert found == [part for part in paragraphs if part]


def test_a_line_longer_than_a_piece_is_one_document() -> None:
    pieces = ["long li", "ne that ", "ends\nnext\n"]
    assert [*_each_line(iter(pieces))] == [
        TextPiece("long li", (0,)),
        TextPiece("ne that ", ()),
        TextPiece("endsnext", (4,)),
    ]
    assert [*_each_paragraph(iter(pieces))][-1] == TextPiece("ends\nnext", ())


@given(st.text("ab \n", max_size=60), st.integers(1, 9), st.integers(1, 20))
def test_pieces_end_at_lines_or_before_spaces(text: str, block: int, limit: int) -> None:
    blocks = [text[at : at + block] for at in range(0, len(text), block)]
    pieces = list(line_pieces(blocks, limit))
    assert "".join(pieces) == text
    for piece, after in pairwise(pieces):
        assert piece.endswith("\n") or after.startswith(" ") or (len(piece) == limit and " " not in piece[1:])


def test_ten_megabytes_in_one_line(tmp_path: Path) -> None:
    file = write(tmp_path / "line.txt", b"word " * 2_000_000)
    source = open_text([file], documents="lines")
    pieces = list(source.pieces())
    assert max(len(piece.text) for piece in pieces) <= 4 << 20
    assert all(piece.text.startswith(" ") for piece in pieces[1:])
    assert source.scan()[:3] == (10_000_000, 10_000_000, 1)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("block", [1, 2, 3, 5, 1 << 20])
def test_offset_of_a_bad_byte(tmp_path: Path, block: int, zipped: bool) -> None:
    for before in ("", "abc", "é€😀", "\ufeffé\r\n"):
        start = before.encode()
        for bad in (b"\xff", b"\xc3(", b"\xe2\x82(", b"\xf0\x9f\x98", b"\x80"):
            content = start + bad
            file = tmp_path / ("bad.txt.gz" if zipped else "bad.txt")
            write(file, gzip.compress(content) if zipped else content)
            with pytest.raises(EncodingError, match=rf"bad\.txt.* offset {len(start)} .*--encoding.*--errors replace"):
                list(open_text([file], block=block).pieces())
            replaced = "".join(documents_of(open_text([file], block=block, errors="replace")))
            assert "\ufffd" in replaced
            ignored = "".join(documents_of(open_text([file], block=block, errors="ignore")))
            assert ignored.startswith(before.removeprefix("\ufeff").replace("\r\n", "\n"))
            assert "\ufffd" not in ignored


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252", "shift_jis", "gb18030"]
)
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_encodings(tmp_path: Path, encoding: str, block: int) -> None:
    text = "日本語 kana\r\nline\n" if encoding in ("shift_jis", "gb18030") else "café\r\nline\n"
    file = write(tmp_path / "a.txt", text.encode(encoding))
    assert documents_of(open_text([file], encoding=encoding, block=block)) == [text.replace("\r", "")]


def test_a_bad_byte_in_other_encodings(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", "日本".encode("shift_jis") + b"\x81\xff.")
    for block in (1, 2, 100):
        with pytest.raises(EncodingError, match="offset 4 "):
            list(open_text([file], encoding="shift_jis", block=block).pieces())
    with pytest.raises(EncodingError, match=r"offset 0 .*--encoding utf-16"):
        list(open_text([write(tmp_path / "b.txt", "text".encode("utf-16"))]).pieces())


def test_byte_order_mark_is_dropped_at_the_start_only(tmp_path: Path) -> None:
    write(tmp_path / "a", "\ufeffone\ufeff")
    write(tmp_path / "b", "\ufefftwo")
    for block in (1, 2, 100):
        assert documents_of(open_text([tmp_path], block=block)) == ["one\ufeff", "two"]


def test_binary_files(tmp_path: Path) -> None:
    picture = write(tmp_path / "a.png", b"\x89PNG\r\n\x1a\n\x00\x00")
    with pytest.raises(DataError, match=r"a\.png looks like a binary file.* offset 8$"):
        open_text([picture]).scan()
    for block in (1, 3, 100):
        wide = write(tmp_path / "b", "a\u0100b\0c".encode("utf-16"))
        with pytest.raises(DataError, match=r"binary file.* offset 8$"):
            open_text([wide], encoding="utf-16", block=block).scan()


def test_empty_text(tmp_path: Path) -> None:
    write(tmp_path / "a", "")
    write(tmp_path / "b", "\ufeff")
    with pytest.raises(DataError, match="not one character"):
        open_text([tmp_path]).scan()
    write(tmp_path / "c", "x")
    assert open_text([tmp_path]).scan()[:4] == (1, 4, 1, 3)


def test_the_hash_stands_for_content_and_borders(tmp_path: Path) -> None:
    file = write(tmp_path / "a", "one\ntwo\n")
    crlf = write(tmp_path / "b.gz", gzip.compress(b"one\r\ntwo\r\n"))
    assert open_text([file]).scan().sha256 == open_text([crlf]).scan().sha256
    hashes = {open_text([file], documents=by).scan().sha256 for by in ("files", "lines", "paragraphs")}
    assert len(hashes) == 3
    assert open_text([write(tmp_path / "c", "one\ntwo!")]).scan().sha256 not in hashes
    one, two = write(tmp_path / "one", "ab"), write(tmp_path / "two", "c")
    three, four = write(tmp_path / "three", "a"), write(tmp_path / "four", "bc")
    assert open_text([one, two]).scan().sha256 != open_text([three, four]).scan().sha256


def test_broken_gzip(tmp_path: Path) -> None:
    whole = gzip.compress(os.urandom(5000).hex().encode())
    flipped = whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:]
    for content in (whole[:-300], flipped, b"no gzip at all", whole[:5]):
        with pytest.raises(DataError, match=r"a\.gz is not a whole gzip file"):
            open_text([write(tmp_path / "a.gz", content)]).scan()


def test_inputs_that_name_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file or folder\. Received: .*missing\.txt"):
        open_text([tmp_path / "missing.txt"])
    with pytest.raises(DataError, match="no such file"):
        open_text([write(tmp_path / "file", "x") / "below"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"matches '\*\.txt' in the folder"):
        open_text([tmp_path / "empty"], pattern="*.txt")
    with pytest.raises(DataError, match=r"matches the glob; none does. Received: .*\*\.none"):
        open_text([str(tmp_path / "*.none")])
    with pytest.raises(ConfigError, match="at least one"):
        open_text([])
    with pytest.raises(StorageError, match="cannot read"):
        open_text(["a\0b"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    file = write(tmp_path / "folder" / "a", "x")
    file.chmod(0)
    with pytest.raises(StorageError, match="Permission denied"):
        open_text([file]).scan()
    file.parent.chmod(0)
    with pytest.raises(StorageError, match="cannot read"):
        open_text([tmp_path])
    file.parent.chmod(0o700)


def test_a_file_that_vanishes(tmp_path: Path) -> None:
    file = write(tmp_path / "a", "x")
    source = open_text([file])
    file.unlink()
    with pytest.raises(StorageError, match=r"cannot read .*a: No such file"):
        source.scan()


def test_options_out_of_range(tmp_path: Path) -> None:
    file = write(tmp_path / "a", "x")
    with pytest.raises(ConfigError, match=r"did you mean 'utf_?-?8'.*Received: 'utf-9'"):
        open_text([file], encoding="utf-9")
    for name in ("base64", "rot13", "", "a\0b"):
        with pytest.raises(ConfigError, match="name of a text encoding"):
            open_text([file], encoding=name)
    with pytest.raises(ConfigError, match=r"documents .* Received: 'words'"):
        open_text([file], documents="words")
    with pytest.raises(ConfigError, match=r"errors .* Received: 'loud'"):
        open_text([file], errors="loud")
    with pytest.raises(ConfigError, match="block"):
        open_text([file], block=0)


def test_standard_input_is_read_again_and_removed(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"one\r\ntwo")))
    with open_text(["-"]) as source:
        assert documents_of(source) == documents_of(source) == ["one\ntwo"]
        assert len(list(own_cache.iterdir())) == 1
    assert list(own_cache.iterdir()) == []
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff")))
    with open_text(["-"]) as source, pytest.raises(EncodingError, match=r"standard input: .* offset 0 "):
        source.scan()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"kept?")))
    with pytest.raises(DataError, match="no such file"):
        open_text(["-", "/nowhere/at/all"])
    assert list(own_cache.iterdir()) == []


def test_the_copy_of_standard_input_goes_with_the_process(own_cache: Path) -> None:
    code = "from elman.data import open_text; source = open_text(['-']); print(source.scan().characters)"
    ran = subprocess.run([sys.executable, "-c", code], input=b"twelve signs", capture_output=True, check=True)
    assert ran.stdout.strip() == b"12"
    assert list(own_cache.iterdir()) == []


def test_a_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"through a pipe",))
    writer.start()
    with open_text([pipe]) as source:
        assert documents_of(source) == documents_of(source) == ["through a pipe"]
    writer.join()


def test_progress_rises_to_one(tmp_path: Path) -> None:
    write(tmp_path / "a", "x" * 100)
    write(tmp_path / "b.gz", gzip.compress(b"y" * 100))
    shares: list[float] = []
    open_text([tmp_path], block=10).scan(lambda stage, share: shares.append(share))
    assert shares == sorted(shares)
    assert len(shares) > 10
    assert shares[-1] == pytest.approx(1.0)


def test_importing_does_not_load_torch_or_tokenizers() -> None:
    code = "import sys, elman.data; print([name for name in ('torch', 'tokenizers') if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert ran.stdout.strip() == "[]"


@given(st.binary(max_size=40), st.integers(1, 5), st.sampled_from(["utf-8", "utf-16", "utf-7", "shift_jis", "cp1252"]))
def test_any_bytes_give_text_or_our_errors(content: bytes, block: int, encoding: str) -> None:
    blocks = [content[at : at + block] for at in range(0, len(content), block)]
    try:
        text = "".join(decoded_blocks(blocks, "file", encoding=encoding, errors="strict"))
    except DataError as error:
        if "carriage returns" in str(error):
            normal = content.decode(encoding).replace("\r\n", "\n")
            assert "\r" in normal
            assert "\n" not in normal
            return
        offset = re.search(r"offset (\d+)", str(error))
        assert offset is not None
        assert 0 <= int(offset[1]) <= len(content)
    else:
        assert text == content.decode(encoding).removeprefix("\ufeff").replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("content", "text", "lines"),
    [
        (b"", "", []),
        (b"\n", "\n", [""]),
        (b"a", "a", ["a"]),
        (b"\xef\xbb\xbfa\r\n\r\nb\r", "a\n\nb\r", ["a", "", "b\r"]),
        (b"a\rb\r\n\rc\x85\x0bd\n".replace(b"\x85", b"\xc2\x85"), "a\rb\n\rc\x85\x0bd\n", ["a\rb", "\rc\x85\x0bd"]),
        (b"a\n\n", "a\n\n", ["a", ""]),
    ],
)
def test_a_whole_text_and_its_lines(content: bytes, text: str, lines: list[str], tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", content)
    packed = write(tmp_path / "a.txt.gz", gzip.compress(content))
    for each in (path, packed):
        assert text_in(each, "a", encoding="utf-8", errors="strict") == text
    assert lines_of(text) == lines
    with pytest.raises(ConfigError, match=r"Received: 'klingon'"):
        text_in(path, "a", encoding="klingon", errors="strict")

"""Text in a column of a table, of which every row is a document."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from elman.data.corpus import open_inputs, prepare_corpus
from elman.data.read import TextPiece
from elman.data.repeated_documents import documents_of, repeated_documents
from elman.data.sources import Sources
from elman.data.table_texts import TableTexts
from elman.data.text_config import TextConfig
from elman.data.token_file import TokenFile
from elman.errors import ConfigError, DataError

ROWS = ["a net, of nodes", 'two\nlines and a "word"', "", "the last one"]
KEPT = [row for row in ROWS if row]
CONFIG = TextConfig(text_column="abstract", tokens="words")


def written(folder: Path, kind: str, rows: list[str] = ROWS) -> Path:
    path = folder / f"table.{kind}"
    if kind.startswith("csv"):
        text = "number,abstract\n" + "".join(
            f'{n},"{row.replace(chr(34), chr(34) * 2)}"\n' for n, row in enumerate(rows)
        )
    else:
        text = "".join(json.dumps({"abstract": row or None, "number": n}) + "\n" for n, row in enumerate(rows))
    path.write_bytes(gzip.compress(text.encode()) if kind.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl"])
def test_every_row_with_a_text_is_a_document(tmp_path: Path, kind: str) -> None:
    source = open_inputs([written(tmp_path, kind)], CONFIG)
    assert isinstance(source, TableTexts)
    starts = tuple(np.cumsum([0, *map(len, KEPT)])[:-1].tolist())
    assert list(source.pieces()) == [TextPiece("".join(KEPT), starts)]
    assert source.scan()[::2][:2] == (sum(map(len, KEPT)), 3)
    assert source.scan().documents == 3


def test_pieces_end_between_documents(tmp_path: Path) -> None:
    source = open_inputs([written(tmp_path, "csv")], CONFIG)
    assert source is not None
    source.block = 10
    assert list(source.pieces()) == [TextPiece(row, (0,)) for row in KEPT]


def test_the_parts_are_cut_between_rows(tmp_path: Path) -> None:
    rows = [f"text number {number} of many" for number in range(40)]
    config = TextConfig(text_column="abstract", tokens="words", split=(0.5, 0.25, 0.25))
    corpus = prepare_corpus(Sources([written(tmp_path, "csv", rows)]), config, cache=tmp_path / "cache")
    parts = [part for part in (corpus.train, corpus.valid, corpus.test) if part is not None]
    assert sum(part.documents for part in parts) == 40
    end = corpus.vocabulary.end_id
    for part in parts:
        ids = part.read(0, len(part))
        # Every document begins with an end token, so that the state is reset there, and has five words.
        begins = np.flatnonzero(ids == end)
        assert ids[0] == end
        assert (np.diff(begins) == 6).all()


def test_rows_that_are_in_several_parts(tmp_path: Path) -> None:
    rows = [f"text number {number} of many" for number in range(8)]
    held = [rows[2], "a new text", "text number", rows[7], rows[7] + " more"]
    files = [written(tmp_path, "csv", rows).rename(tmp_path / "train.csv"), written(tmp_path, "csv", held)]
    corpus = prepare_corpus(Sources(files[:1], files[1:]), CONFIG, cache=tmp_path / "cache")
    end = corpus.vocabulary.end_id
    assert corpus.valid is not None
    assert [len(each) for each in documents_of(corpus.valid, end)] == [5, 3, 2, 5, 6]
    assert repeated_documents(corpus.train, corpus.valid, end, "validation") == [
        "2 of 5 documents of the validation text are also in the training text, so figures are better than on new data"
    ]
    assert repeated_documents(corpus.train, None, end, "test") == []


def test_documents_over_the_borders_of_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"text number {number} of many" for number in range(8)]
    corpus = prepare_corpus(Sources([written(tmp_path, "csv", rows)]), CONFIG, cache=tmp_path / "cache")
    whole = [each.tolist() for each in documents_of(corpus.train, 1)]
    blocks = TokenFile.blocks
    for size in (1, 2, 5, 6, 7):
        monkeypatch.setattr(TokenFile, "blocks", lambda file, size=size: blocks(file, size))
        assert [each.tolist() for each in documents_of(corpus.train, 1)] == whole
    assert all(len(each) == 5 for each in whole)


def test_a_table_and_other_texts(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    with pytest.raises(DataError, match=r"expected a column 'title' \(text_column names.*Received: the columns"):
        list(open_inputs([path], TextConfig(text_column="title")).pieces())  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match=r"documents=files\. Received: documents=lines"):
        open_inputs([path], TextConfig(text_column="abstract", documents="lines"))
    text = tmp_path / "other.txt"
    text.write_text("a text\nof two lines\n", encoding="utf-8")
    # In training a text has no column; for an evaluation it is one.
    with pytest.raises(DataError, match="expected a column 'abstract'"):
        list(open_inputs([text], CONFIG).pieces())  # type: ignore[union-attr]
    read = open_inputs([text], CONFIG, other_texts=True)
    assert read is not None
    assert [piece.text for piece in read.pieces()] == ["a text\nof two lines\n"]
    assert isinstance(open_inputs([path], CONFIG, other_texts=True), TableTexts)


def test_a_column_without_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected some text"):
        open_inputs([written(tmp_path, "csv", ["", " "])], CONFIG).scan()  # type: ignore[union-attr]
    path = written(tmp_path, "jsonl", ["fine", "not\0fine"])
    with pytest.raises(DataError, match=r"line 2: expected text in the column 'abstract'\. Received: a zero byte"):
        list(open_inputs([path], CONFIG).pieces())  # type: ignore[union-attr]

"""Tables as people make them, good and bad."""

from __future__ import annotations

import csv
import gzip
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from elman.data.table import read_table
from elman.errors import ConfigError, DataError, EncodingError


def written(tmp_path: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "text,label\nhello,a\nbye,b\n"),
        ("t.csv", "\ufefftext,label\r\nhello,a\r\nbye,b\r\n"),
        ("t.csv", "text;label\nhello;a\nbye;b"),
        ("t.csv", "text , label\n\nhello,a\n\n\nbye,b\n\n"),
        ("t.tsv", "text\tlabel\nhello\ta\nbye\tb\n"),
        ("t.csv", 'text,label\n"hello","a"\n"bye",b\n'),
        ("t.jsonl", '{"text": "hello", "label": "a"}\n\n{"text": "bye", "label": "b"}\n'),
    ],
)
def test_the_same_table_in_many_forms(tmp_path: Path, name: str, content: str) -> None:
    table = read_table(written(tmp_path, content, name))
    assert table.columns == {"text": ["hello", "bye"], "label": ["a", "b"]}
    assert len(table) == 2


def test_gzip_quotes_and_lines(tmp_path: Path) -> None:
    content = 'a,b\n"one\ntwo, ""three""",1\nx,2\n'
    path = written(tmp_path, gzip.compress(content.encode()), "t.csv.gz")
    table = read_table(path)
    assert table.columns["a"] == ['one\ntwo, "three"', "x"]
    assert list(table.lines) == [2, 4]
    assert table.numbers("b").tolist() == [1.0, 2.0]


def test_without_a_header_columns_have_numbers(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "x\t1\ny\t2\n", "t.tsv"), header=False).columns == {
        "1": ["x", "y"],
        "2": ["1", "2"],
    }


def test_ten_megabytes_in_a_cell(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    table = read_table(written(tmp_path, "text,label\n" + "x" * 10_000_000 + ",a\n"))
    assert len(table.texts("text")[0]) == 10_000_000
    assert csv.field_size_limit() == limit


@pytest.mark.slow
def test_a_long_table_takes_little_more_memory_than_its_cells(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("unique_id,ds,y\n" + "".join(f"series{i // 1000},{i},{i / 7:.6f}\n" for i in range(100_000)))
    tracemalloc.start()
    table = read_table(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(table) == 100_000
    assert most < 9 * path.stat().st_size


def test_thousands_of_columns(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(20_000)]
    began = time.process_time()
    table = read_table(written(tmp_path, ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n"))
    assert time.process_time() - began < 2.0
    assert list(table.columns) == names


def test_cells_that_repeat_those_above_stand_in_every_row(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "1,a\n1,a\n1,b\n2,b\n"), header=False)
    assert table.columns == {"1": ["1", "1", "1", "2"], "2": ["a", "a", "b", "b"]}
    assert list(table.lines) == [1, 2, 3, 4]


def test_every_sign_and_every_line_end(tmp_path: Path) -> None:
    rows = [["\u2028x", "\U0001f600"], ["a\x0bb", "c\x85d"], ['q"', "e\nf"]]
    text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r" for row in [["a", "b"], *rows])
    text = text.replace("\r", "\r\n")
    assert read_table(written(tmp_path, text)).columns == {
        "a": [row[0] for row in rows],
        "b": [row[1] for row in rows],
    }


def test_missing_numbers_are_nan_where_that_is_asked_for(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "v,w\n1,1\nNA,2\n,3\n-2.5e1,4\n"))
    assert np.array_equal(table.numbers("v", missing=True), [1, np.nan, np.nan, -25], equal_nan=True)
    with pytest.raises(DataError, match=r"line 3: expected a number in the column 'v'. Received: 'NA'"):
        table.numbers("v")


@pytest.mark.parametrize("cell", ["abc", "inf", "-Infinity", "1e999", "1_000", "0x10", "1,5", "١٢x"])
def test_what_is_no_number_is_reported_with_its_place(tmp_path: Path, cell: str) -> None:
    table = read_table(written(tmp_path, f'v\n1\n"{cell}"\n'))
    with pytest.raises(DataError, match=r"t\.csv, line 3: expected a number in the column 'v'"):
        table.numbers("v", missing=True)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "t.csv", "an empty file"),
        ("\n\n", "t.csv", "an empty file"),
        ("a,b\n", "t.csv", "rows below the names 'a', 'b'"),
        ("a,b\n1,2\n1,2,3\n", "t.csv", r"line 3: expected 2 cells, as above\. Received: 3"),
        ("a,b\n1\n", "t.csv", r"line 2: expected 2 cells, as above\. Received: 1"),
        ("a,a\n1,2\n", "t.csv", "'a' twice"),
        ('a,b\n"1,2\n3,4\n', "t.csv", r"line 2: expected the quotation mark .*quoting=off .* never closed"),
        ('a,b\n1,2\n"x\ny",3\n"p\nq","1\n3,4\n', "t.csv", "line 6: expected the quotation mark"),
        ('a,b\n"1" x,2\n3,4\n', "t.csv", "line 2: expected ',' or a line end after the closing quotation mark"),
        ('a,b\n1,2\n"x,1\ny,2\n"z,3\n', "t.csv", r"line 3: expected ',' .* Received: other text, in line 5"),
        ("a,b\r1,2\r", "t.csv", r"t\.csv: .* Received: carriage returns"),
        ("a,b\n1,\0\n", "t.csv", r"binary|line 2"),
        ("{}x\n", "t.jsonl", "line 1: expected one JSON object a line"),
        ('{"a": 1}\n[1]\n', "t.jsonl", "line 2: expected a JSON object"),
        ("\n", "t.jsonl", "an empty file"),
        ("[" * 100_000, "t.jsonl", "line 1"),
    ],
)
def test_bad_tables_are_reported_with_their_place(tmp_path: Path, content: str, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(written(tmp_path, content, name))


def test_a_missing_column_is_reported_with_those_that_are_there(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "texts,label\nx,y\n"))
    with pytest.raises(DataError, match=r"'text'. Received: the columns 'texts', 'label'. Did you mean 'texts'\?"):
        table.column("text")


def test_json_values_become_text_and_none(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, '{"a": 1.5, "b": null}\n{"a": true}\n', "t.jsonl"))
    assert table.columns == {"a": ["1.5", "true"], "b": [None, None]}
    with pytest.raises(DataError, match="line 1: expected a value in the column 'b'"):
        table.texts("b")


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match=r"t\.csv"):
        read_table(written(tmp_path, b"a,b\n\xff\xfe\xfa,1\n"))
    with pytest.raises(ConfigError, match="kind of a table"):
        read_table(written(tmp_path, "a\n1\n"), kind="xlsx")


SWALLOWED = 'text\tlabel\none\ta\n"two\tb\nthree"\tc\nsays "four"\td\n'


def test_quotation_marks_are_text_in_tsv_unless_quoting_is_on(tmp_path: Path) -> None:
    path = written(tmp_path, SWALLOWED, "t.tsv")
    for quoting in ("auto", "off"):
        table = read_table(path, quoting=quoting)
        assert table.columns == {"text": ["one", '"two', 'three"', 'says "four"'], "label": list("abcd")}
        assert list(table.lines) == [2, 3, 4, 5]
    assert read_table(path, quoting="on").columns["text"] == ["one", "two\tb\nthree", 'says "four"']
    assert len(read_table(written(tmp_path, SWALLOWED, "t.txt"))) == 4
    commas = SWALLOWED.replace("\t", ",")
    assert read_table(written(tmp_path, commas)).columns["text"] == ["one", "two,b\nthree", 'says "four"']
    assert read_table(written(tmp_path, commas, "t.txt"), quoting="off").columns["label"] == list("abcd")
    with pytest.raises(ConfigError, match=r"quoting among auto, on, off\. Received: 'yes'"):
        read_table(path, quoting="yes")


def test_a_carriage_return_is_part_of_its_cell(tmp_path: Path) -> None:
    path = written(tmp_path, b'a,b\r\none\rtwo,1\n"x\ry",2\r\n')
    assert read_table(path).columns == {"a": ["one\rtwo", "x\ry"], "b": ["1", "2"]}
    assert read_table(written(tmp_path, b"a\tb\none\rtwo\t1\r\n", "t.tsv")).columns == {"a": ["one\rtwo"], "b": ["1"]}


def test_invisible_characters_of_names_are_named(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "te\u200bxt,my\u00a0label\nx,y\n"))
    with pytest.raises(DataError, match=r"with a zero width space, U\+200B.*with a no-break space, U\+00A0"):
        table.column("text")
    with pytest.raises(DataError, match=r"Received: 'a' twice \(with a no-break space"):
        read_table(written(tmp_path, "a,a\u00a0\n1,2\n"))
    with pytest.raises(DataError, match=r"no such file or folder\. Received: .*with a no-break space, U\+00A0"):
        read_table(tmp_path / "a\u00a0b.csv")


def test_a_cell_that_may_be_rows_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = 'text,label\none,a\n"two,b\nthree,a\nfour",b\nfive,a\n'
    assert len(read_table(written(tmp_path, rows))) == 3
    assert "t.csv, lines 3 to 5: one cell between quotation marks" in caplog.text
    caplog.clear()
    read_table(written(tmp_path, 'text,label\n"Dear A,\nmany, many, thanks\nB",a\n"one\ntwo\nthree",b\n'))
    read_table(written(tmp_path, 'text\n"one\ntwo\nthree"\n'))
    assert caplog.text == ""

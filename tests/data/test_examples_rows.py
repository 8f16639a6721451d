"""Tables with one series per row and no names, as the UCR archive has them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.examples import Examples, read_examples
from elman.data.examples.config import ExamplesConfig
from elman.errors import DataError

ROWS = "1\t-0.64\t0.73\t-1.2\n2\t-0.96\t0.5\tNaN\n-1.0\t0\t0\t0\n"


def read(path: Path, text: str, labelled: bool = True, **options: Any) -> Examples:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return read_examples(path, ExamplesConfig(**options), labelled=labelled)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a_TRAIN.tsv", ROWS), ("a.tsv.gz", ROWS), ("a.csv", ROWS.replace("\t", ",")), ("b.csv", ROWS.replace("\t", ";"))],
)
def test_a_row_is_a_label_and_a_series(tmp_path: Path, name: str, text: str) -> None:
    found = read(tmp_path / name, text)
    assert found.labels == ["1", "2", "-1"]
    assert [x_TI[:, 0].tolist() for x_TI in found.inputs] == [
        pytest.approx(each) for each in ([-0.64, 0.73, -1.2], [-0.96, 0.5], [0, 0, 0])
    ]
    assert found.places[1].endswith(f"{name}, line 2")
    assert found.channels == ("",)


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_rows_may_have_decimal_commas(tmp_path: Path, name: str, separator: str) -> None:
    found = read(tmp_path / name, ROWS.replace(".", ",").replace("\t", separator), decimal=",")
    assert found.labels == ["1", "2", "-1"]
    assert found.inputs[0][:, 0].tolist() == pytest.approx([-0.64, 0.73, -1.2])


def test_rows_without_labels_are_told_by_their_first_numbers(tmp_path: Path) -> None:
    with_labels = read(tmp_path / "a.tsv", ROWS, labelled=False)
    assert with_labels.labels == ["1", "2", "-1"]
    assert len(with_labels.inputs[0]) == 3
    bare = read(tmp_path / "b.tsv", "0.5\t1\t2\n1\t2\t3\n", labelled=False)
    assert bare.labels is None
    assert len(bare.inputs[0]) == 3
    with pytest.raises(DataError, match="with whole numbers only this is not certain"):
        read(tmp_path / "c.tsv", "5\t1\t2\n1\t2\t3\n", labelled=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\t2.5\t3\n\t2\t3\n", "line 2: expected a label"),
        ("1\t2.5\t3\n1\t2\ta\n", "line 2: expected a number in the column '3'. Received: 'a'"),
        ("1\t2.5\t3\n1\tNaN\t3\n", r"line 2, step 1, channel 1: expected a value \(missing=interpolate"),
        ("1\t2.5\t3\n1\t\t\n", "line 2: expected a series of at least one step"),
        ("1\t2.5\t3\n1\t2\n", "line 2: expected 3 cells"),
    ],
)
def test_rows_that_are_no_series_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(tmp_path / "a.tsv", text)


def test_other_tables_have_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a column 'text'"):
        read(tmp_path / "a.csv", "1,b,3\n1,2,3\n")
    found = read(tmp_path / "b.csv", "1,2\na text,x\n", text_column="1", label_column="2")
    assert (found.inputs, found.labels) == (["a text"], ["x"])
    found = read(tmp_path / "c.csv", "5,1,2\n6,1,2\n", header=False, text_column="1", label_column="2")
    assert found.inputs == ["5", "6"]
    assert np.array(found.labels).tolist() == ["1", "1"]


SPACED = "  1.0000000e+00  -6.4e-01   7.3000000e-01  -1.2\n  2.0000000e+00  -0.96   0.5   NaN\n  -1.0  0 0    0\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a_TRAIN.txt", SPACED),
        ("a_TRAIN.txt.gz", SPACED),
        ("a_TRAIN", SPACED.replace("\n", " \r\n")),
        ("a_TRAIN", ROWS.replace("\t", ",")),
        ("a.txt", ROWS.replace("\t", "; ")),
    ],
)
def test_lines_of_numbers_are_series(tmp_path: Path, name: str, text: str) -> None:
    expected = read(tmp_path / "a.tsv", ROWS)
    for labelled in (True, False):
        found = read_examples(_written(tmp_path / name, text), ExamplesConfig(), labelled=labelled, texts=False)
        assert (found.kind, found.labels) == ("series", expected.labels)
        for x_TI, y_TI in zip(found.inputs, expected.inputs, strict=True):
            np.testing.assert_array_equal(x_TI, y_TI)
    assert found.places[1].endswith(f"{name}, line 2")


def _written(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_the_form_can_be_named(tmp_path: Path) -> None:
    expected = read(tmp_path / "a.tsv", ROWS)
    tabs = {"b.txt": ROWS, "b.csv": ROWS.replace("\t", ","), "c.txt": ROWS.replace("\t", "|")}
    for name, text in tabs.items():
        options = {"delimiter": "|"} if "|" in text else {}
        assert read(tmp_path / name, text, format="series-rows", **options).labels == expected.labels
    spaced = read(tmp_path / "d.txt", SPACED.replace(".", ","), decimal=",")
    np.testing.assert_array_equal(spaced.inputs[0], expected.inputs[0])
    with pytest.raises(DataError, match=r"line 2: expected 4 cells, as above. Received: 3"):
        read(tmp_path / "e.txt", "1 2 3 4\n1 2 3\n")
    with pytest.raises(DataError, match=r"line 3: expected a number in the column '2'. Received: 'x'"):
        read(tmp_path / "f.txt", "1 2 3\n\n1 x 3\n")


def test_other_lines_stay_texts(tmp_path: Path) -> None:
    assert read(tmp_path / "a.txt", "1\t2 3 4\n").inputs == ["2 3 4"]
    assert read(tmp_path / "a.txt", "1\t2\t4\n").inputs == ["2\t4"]
    assert read(tmp_path / "a.txt", "1 2 3\n2 3 4\n", delimiter=" ").inputs == ["2 3", "3 4"]
    assert read(tmp_path / "a.txt", "1 2 3\n", labelled=False).inputs == ["1 2 3"]
    assert read(tmp_path / "a.txt", "1 2 3\n", format="lines", labelled=False).inputs == ["1 2 3"]
    (tmp_path / "labels.txt").write_text("x\ny\n")
    assert read(tmp_path / "inputs.txt", "1 2 3\n2 3 4\n").inputs == ["1 2 3", "2 3 4"]
    with pytest.raises(DataError, match="expected a label, then a text"):
        read(tmp_path / "b.txt", "1 2\n")
    for format in ("lines", "auto"):
        with pytest.raises(DataError, match="expected a label, then a text"):
            read(tmp_path / "b.txt", "1 good film\n", format=format)

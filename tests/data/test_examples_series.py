"""Series in tables and in .ts files: against sktime's reader, and errors with line, step and channel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.examples import Examples, ExamplesConfig, read_examples
from elman.data.examples.series import checked_series
from elman.errors import DataError

TABLE = """series,time,a,b,label
s1,1,1,10,x
s2,5,3,30,y
s1,2,2,20,x
s2,7.5,-4e1,40,y
s2,8,5,50,y
"""


def read(tmp_path: Path, content: str, name: str = "d.csv", labelled: bool = True, **options: Any) -> Examples:
    path = tmp_path / name
    path.write_bytes(content.encode())
    return read_examples([path], ExamplesConfig(**options), labelled=labelled)


def lists(examples: Examples) -> list[Any]:
    assert examples.kind == "series"
    assert all(x.dtype == np.float32 for x in examples.inputs if not isinstance(x, str))
    return [x.tolist() for x in examples.inputs if not isinstance(x, str)]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (TABLE, {}),
        ("\ufeff" + TABLE.replace("\n", "\r\n"), {}),
        (TABLE.replace(",", ";"), {}),
        (TABLE.replace("1,1,1", "1,2024-01-31,1").replace("1,2,2", "1,2024-02-01 12:00,2")
         .replace("2,5,", "2,2024-01-01T00:00:00,").replace("2,7.5,", "2,20240102,")
         .replace("2,8,", "2,2025-01-01,"), {}),
        (TABLE.replace("series", "id").replace("time", "ds"), {"series_column": "id", "time_column": "ds"}),
        (TABLE.replace("label", "class"), {"label_column": "class"}),
        (TABLE.replace("series,time", "text,time"), {"series_column": "text", "format": "series-table"}),
        (TABLE.replace("time", "clock"), {"time_column": "", "value_columns": ("a", "b")}),
        (TABLE.split("\n", 1)[1], {"header": False, "series_column": "1", "time_column": "2", "label_column": "5"}),
    ],
)  # fmt: skip
def test_series_in_the_rows_of_a_table(tmp_path: Path, content: str, options: dict[str, Any]) -> None:
    examples = read(tmp_path, content, **options)
    assert lists(examples) == [[[1, 10], [2, 20]], [[3, 30], [-40, 40], [5, 50]]]
    assert examples.labels == ["x", "y"]
    assert examples.channels == (("a", "b") if options.get("header", True) else ("3", "4"))
    assert examples.places[1].endswith("d.csv, series 's2'")


def test_chosen_columns_in_their_order(tmp_path: Path) -> None:
    examples = read(tmp_path, TABLE, value_columns=("b", "a"))
    assert lists(examples)[0] == [[10, 1], [20, 2]]
    assert examples.channels == ("b", "a")


def test_missing_values_are_refused_or_interpolated(tmp_path: Path) -> None:
    rows = ["NA", "1", "", "nan", "4", "?"]
    content = "series,time,a,label\n" + "".join(f"s,{step},{cell},x\n" for step, cell in enumerate(rows))
    assert lists(read(tmp_path, content, missing="interpolate")) == [[[1], [1], [2], [3], [4], [4]]]
    with pytest.raises(DataError, match=r"line 2: expected a number in the column 'a'. Received: 'NA'"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (("series,", "id,"), {"format": "series-table"}, r"a column 'series'. Received: the columns 'id', 'time', 'a'"),
        (("time,", "ds,"), {}, r"a column 'time'. Received: the columns 'series', 'ds'"),
        (("label", "class"), {}, r"a column 'label'"),
        (("a,b", "a,b"), {"value_columns": ("a", "c")}, r"a column 'c'"),
        (("s2,7.5", "s2,5"), {}, r"line 5: .*series 's2' to increase. Received: the same time twice, '5'"),
        (("s2,8", "s2,6"), {}, r"line 6: .*series 's2' to increase. Received: an earlier time after a later, '6'"),
        (("s2,8", "s2,5.0"), {}, r"line 6: .*Received: the same time twice, '5.0'"),
        (("s2,8", "s2,late"), {}, r"line 6: expected a number in the column 'time'. Received: 'late'"),
        (("s1,1,", "s1,2024-01-01,"), {}, r"line 3: expected a number or a date.*Received: '5'"),
        (("50,y", "50,x"), {}, r"line 6: expected one label for the series 's2', 'y' as above. Received: 'x'"),
        (("50,y", "50,"), {}, r"line 6: expected a label in the column 'label'"),
        (("-4e1", "four"), {}, r"line 5: expected a number in the column 'a'. Received: 'four'"),
        (("-4e1", "inf"), {}, r"line 5: expected a number in the column 'a'. Received: 'inf'"),
        (("-4e1", "1e39"), {}, r"series 's2', step 2, channel 'a': .*float32 can hold. Received: 1e\+39"),
        (("-4e1", ""), {}, r"line 5: expected a number in the column 'a'. Received: an empty cell"),
        (("s2,8", ",8"), {}, r"line 6: expected a name in the column 'series'"),
        (("s2,8,5", "s2,8"), {}, r"line 6: expected 5 cells"),
    ],
)
def test_bad_tables_of_series_are_reported(
    tmp_path: Path, change: tuple[str, str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, TABLE.replace(*change), **options)


def test_a_channel_without_any_value_cannot_be_interpolated(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"series 's', channel 'a': expected at least one value"):
        read(tmp_path, "series,time,a,label\ns,1,,x\ns,2,,x\n", missing="interpolate")
    with pytest.raises(DataError, match=r"expected a column of values"):
        read(tmp_path, "series,time,label\ns,1,x\n")


def test_time_zones_are_in_all_times_or_in_none(tmp_path: Path) -> None:
    content = "series,time,a,label\ns,2024-01-01T00:00+02:00,1,x\ns,2023-12-31T23:00{},2,x\n"
    assert lists(read(tmp_path, content.format("+00:00"))) == [[[1], [2]]]
    with pytest.raises(DataError, match=r"line 3: .* to increase"):
        read(tmp_path, content.format("+02:00"))
    with pytest.raises(DataError, match="line 3: expected a time zone in every time"):
        read(tmp_path, content.format(""))


def test_a_table_to_be_predicted_needs_no_labels(tmp_path: Path) -> None:
    content = "series,time,a\ns,1,1\ns,2,2\n"
    examples = read(tmp_path, content, labelled=False)
    assert (lists(examples), examples.labels) == ([[[1], [2]]], None)


TS = """#A comment
@problemName Invented
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
1,2.5,3:-1,0,1e2:up

4:5:down
"""


@pytest.mark.parametrize(
    "content",
    [
        TS,
        "\ufeff" + TS.replace("\n", "\r\n"),
        TS.replace("@classLabel", "@classlabel").replace("@timeStamps", "@timestamps").replace("@data", "@DATA"),
        TS.replace("true up down", "true"),
        TS.replace("2.5", " 2.5 "),
    ],
)
def test_ts_files(tmp_path: Path, content: str) -> None:
    examples = read(tmp_path, content, "d.ts")
    assert lists(examples) == [[[1, -1], [2.5, 0], [3, 100]], [[4, 5]]]
    assert examples.labels == ["up", "down"]
    assert examples.places[1].endswith("d.ts, line 12")
    assert examples.channels == ("", "")


@pytest.mark.parametrize(("name", "part"), [("JapaneseVowels", "TRAIN"), ("GunPoint", "TEST")])
def test_ts_files_are_read_as_sktime_reads_them(name: str, part: str, shared_data: Callable[[str], Path]) -> None:
    root = shared_data(f"series-classification/{name}")
    tsfile = pytest.importorskip("sktime.datasets")
    path = root / f"{name}_{part}.ts"
    frame, labels = tsfile.load_from_tsfile(str(path), return_data_type="nested_univ")
    examples = read_examples([path], ExamplesConfig())
    assert examples.labels == labels.tolist()
    assert len(examples) == len(frame)
    for row, x_TI in enumerate(examples.inputs):
        expected = np.stack([np.asarray(series) for series in frame.iloc[row]], axis=1).astype(np.float32)
        assert np.array_equal(np.asarray(x_TI), expected)


def test_scores_as_targets(tmp_path: Path) -> None:
    content = "@targetLabel true\n@data\n1,2:0.5\n3,4:-2e1\n"
    assert read(tmp_path, content, "d.ts").labels == ["0.5", "-2e1"]
    with pytest.raises(DataError, match=r"line 3: expected a finite number as label. Received: 'high'"):
        read(tmp_path, content.replace("0.5", "high"), "d.ts")


def test_ts_files_without_labels(tmp_path: Path) -> None:
    content = "@classLabel false\n@data\n1,2:3,4\n"
    examples = read(tmp_path, content, "d.ts", labelled=False)
    assert (lists(examples), examples.labels) == ([[[1, 3], [2, 4]]], None)
    with pytest.raises(DataError, match="a label at the end of every line"):
        read(tmp_path, content, "d.ts")


def test_missing_values_of_ts_files(tmp_path: Path) -> None:
    content = "@missing true\n@classLabel true\n@data\n1,?,3,NaN:x\n"
    assert lists(read(tmp_path, content, "d.ts", missing="interpolate")) == [[[1], [2], [3], [3]]]
    with pytest.raises(DataError, match=r"line 4, step 2, channel 1: .*Received: a missing value"):
        read(tmp_path, content, "d.ts")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("@timeStamps false", "@timeStamps true"), r"line 3: expected series without time stamps"),
        (("@timeStamps false", "@timeStamps maybe"), r"line 3: expected true or false after @timeStamps"),
        (("4:5", "(0,4),(1,4):(0,5)"), r"line 12, channel 1: .*without time stamps. Received: '\(0,4\)"),
        (("4:5", "4:5,6"), r"line 12, channel 2: expected 1 steps, as in channel 1. Received: 2"),
        (("4:5", "4"), r"line 12: expected 2 channels, as above. Received: 1"),
        (("4:5", "4:five"), r"line 12, step 1, channel 2: expected a number. Received: 'five'"),
        (("2.5", ""), r"line 10, step 2, channel 1: expected a number. Received: ''"),
        (("2.5", "2_5"), r"line 10, step 2, channel 1: expected a number. Received: '2_5'"),
        (("2.5", "inf"), r"line 10, step 2, channel 1: .*Received: inf"),
        (("2.5", "1e39"), r"line 10, step 2, channel 1: .*Received: 1e\+39"),
        (("4:5", ":"), r"line 12: expected a series. Received: no values"),
        (("4:5:", ""), r"line 12: expected a series. Received: no values"),
        (("5:down", "5:left"), r"line 12: expected a label among down, up, as in the header. Received: 'left'"),
        (("@equalLength false", "@equalLength true"), r"line 12: expected 3 steps, as above.*Received: 1"),
        (("@data\n", ""), r"line 9: expected a line of a \.ts file's header"),
        (("@data\n1,2.5,3:-1,0,1e2:up\n\n4:5:down\n", ""), r"expected a line @data"),
        (("1,2.5,3:-1,0,1e2:up\n\n4:5:down\n", ""), r"one series per line after @data. Received: none"),
    ],
)
def test_bad_ts_files_are_reported(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in TS
    with pytest.raises(DataError, match=message):
        read(tmp_path, TS.replace(*change), "d.ts")


def test_series_of_other_channels_are_not_joined(tmp_path: Path) -> None:
    for name, line in (("a.ts", "1,2:3,4:x"), ("b.ts", "1,2:x")):
        (tmp_path / name).write_text(f"@classLabel true\n@data\n{line}\n")
    with pytest.raises(
        DataError, match=r"b\.ts, line 3: expected the channels 1, 2 \(2 in all\).*channels 1 \(1 in all"
    ):
        read_examples([tmp_path / "a.ts", tmp_path / "b.ts"], ExamplesConfig())


def test_interpolation_is_that_of_numpy_in_every_channel() -> None:
    draw = np.random.default_rng(0)
    x_TI = draw.normal(size=(30, 3))
    x_TI[draw.random(x_TI.shape) < 0.4] = np.nan
    filled = checked_series(x_TI, "x", missing="interpolate")
    for channel in range(3):
        there = np.flatnonzero(~np.isnan(x_TI[:, channel]))
        expected = np.interp(np.arange(30), there, x_TI[there, channel])
        assert np.allclose(filled[:, channel], expected, atol=1e-6)
    x_TI[3, 1] = np.inf
    with pytest.raises(DataError, match=r"x, step 4, channel 2: .*Received: inf"):
        checked_series(x_TI, "x", missing="interpolate")

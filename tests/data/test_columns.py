"""Columns by name: their order, row numbers without a name, and the names of data frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from elman.data.columns import are_row_numbers, flat_name, frame_columns, is_unnamed, order_of, real_columns
from elman.errors import DataError

NUMBERS = np.array([0.0, 1, 2])


@pytest.mark.parametrize(
    ("name", "unnamed"),
    [("", True), (" ", True), ("Unnamed: 0", True), ("Unnamed: 0.1", True), ("Unnamed: 0_level_0", True),
     ("unnamed", False), ("index", False), ("0", False), ("Unnamed: x", False)],
)  # fmt: skip
def test_names_of_an_index_without_a_name(name: str, unnamed: bool) -> None:
    assert is_unnamed(name) == unnamed
    assert are_row_numbers(name, NUMBERS) == unnamed


@pytest.mark.parametrize("values", [NUMBERS + 0.5, np.array([0, np.nan]), np.array(["a"]), np.array([])])
def test_other_values_are_no_row_numbers(values: Any) -> None:
    assert not are_row_numbers("", values)


def test_pandas_writes_such_names() -> None:
    text = pd.DataFrame({"x": [5, 6]}).to_csv()
    assert is_unnamed(text.split(",", maxsplit=1)[0])
    assert is_unnamed(pd.read_csv(pd.io.common.StringIO(text)).columns[0])


def test_real_columns() -> None:
    table = [NUMBERS, NUMBERS, NUMBERS / 2]
    assert real_columns(["", "x", "Unnamed: 2"], lambda place: table[place]) == [1, 2]
    assert real_columns(["", "x", "Unnamed: 2"], lambda place: table[place], [""]) == [0, 1, 2]


def test_order_by_name() -> None:
    assert order_of("ab", "ab", "t") is None
    assert order_of("ab", "ba", "t") == [1, 0]
    assert order_of(["b", "a"], ["", "a", "b"], "t", values=lambda _: NUMBERS) == [2, 1]


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("ac", r"\(missing: 'b'; unknown: 'c'\)"),
        ("a", r"\(missing: 'b'\)"),
        ("abc", r"\(unknown: 'c'\)"),
        (["a", "b", ""], r"\(unknown: ''\)"),
    ],
)
def test_other_names_are_refused(given: Any, wrong: str) -> None:
    shown = ", ".join(map(repr, given))
    message = (
        rf"t: expected the columns 'a', 'b', as in training, in any order {wrong}\. Received: the columns {shown}$"
    )
    with pytest.raises(DataError, match=message):
        order_of(["a", "b"], given, "t", values=lambda _: NUMBERS / 2)


@pytest.mark.parametrize(
    ("frame", "names"),
    [
        (pd.DataFrame({"a": [1], "b": [2]}), ("a", "b")),
        (pl.DataFrame({"a": [1], "b": [2]}), ("a", "b")),
        (pd.DataFrame([[1, 2]]), ()),
        (pd.DataFrame({("Close", "X"): [1], ("Date", ""): [2]}), ("Close/X", "Date")),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ()),
        (pd.Series([1]), ()),
        (np.eye(2), ()),
        ([1, 2], ()),
    ],
)
def test_names_of_a_data_frame(frame: Any, names: tuple[str, ...]) -> None:
    assert frame_columns(frame) == names


def test_labels_of_levels() -> None:
    assert [flat_name(label) for label in ("x", 3, ("Close", "X"), ("Date", ""))] == ["x", "3", "Close/X", "Date"]

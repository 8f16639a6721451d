"""Labels as text: spellings of whole numbers, types, and lookups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.data.labels import LabelIndex, common_spelling, label_text, names_in_files, pointed_labels, type_of_labels
from elman.errors import DataError


def test_whole_numbers_have_one_spelling() -> None:
    spelled = {"1.0": "1", "-2.00": "-2", "7.": "7", "0.0": "0"}
    assert {text: common_spelling(text) for text in spelled} == spelled
    for other in ("01", "1.5", "-0.0", "1e3", "+1", "", "a", "1 ", "12345678901234567890.0", "٣.0"):
        assert common_spelling(other) == other


def test_labels_of_files_are_integers_if_all_of_them_are_whole() -> None:
    assert names_in_files(["0", "1.0", "1", "0.0"]) == ({"0", "1"}, "integer")
    assert names_in_files(["1.0", "1.1"]) == ({"1.0", "1.1"}, "text")
    assert names_in_files(["01", "02"]) == ({"01", "02"}, "text")
    assert names_in_files([]) == (set(), "text")


def test_numbers_with_a_decimal_comma_have_a_point_if_all_labels_are_numbers() -> None:
    assert pointed_labels(["1,5", "2", "-1.000,25"], ",") == ["1.5", "2.0", "-1000.25"]
    for labels, decimal in ((["1,5", "2"], "."), (["1,5", "a"], ","), (["1", "2"], ","), (["a,b", "c"], ",")):
        assert pointed_labels(labels, decimal) == labels


def test_a_label_is_found_in_any_spelling_and_in_its_own_first() -> None:
    index = LabelIndex(("0", "1.0", "a"))
    assert [index.find(label) for label in ("0.0", "1", "1.0", "a", "2")] == [0, 1, 1, 2, None]
    assert [index.name(label) for label in ("0.0", "1", "2.0")] == ["0", "1.0", "2.0"]
    assert [LabelIndex(("1.0", "1")).find(label) for label in ("1", "1.0")] == [1, 0]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["a", "b"], "text"),
        ([1, 2], "integer"),
        ([np.int64(1), 2], "integer"),
        ([1, 2.5], "number"),
        ([np.float32(1), 2], "number"),
        ([True, np.bool_(False)], "boolean"),
        ([], "text"),
    ],
)
def test_types_of_labels(labels: list[Any], kind: str) -> None:
    assert type_of_labels(labels, "y") == kind


@pytest.mark.parametrize("labels", [["a", 1], [1, "1"], [True, 2], [0.5, "a"], [False, 0.0]])
def test_labels_of_several_types_are_refused(labels: list[Any]) -> None:
    with pytest.raises(DataError, match="y, index 1: expected labels of one type, as the first"):
        type_of_labels(labels, "y")


@pytest.mark.parametrize("value", [None, float("nan"), (1, 2), np.array([1, 2]), b"a", {}])
def test_values_that_are_no_labels_are_refused(value: Any) -> None:
    with pytest.raises(DataError, match="y, number 3: expected a label that is a text or a finite number"):
        label_text(value, "y, number 3")

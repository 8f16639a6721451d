"""Examples from Python objects: the same ones from lists, arrays and frames, and errors that say what is wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import csr_matrix

from elman.data.bad_rows import bad_rows_of
from elman.data.examples import examples_from
from elman.data.examples.in_memory import usable_examples
from elman.errors import ConfigError, DataError

TEXTS = ["good film", "bad"]
ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize(
    "X",
    [TEXTS, tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, object), np.array(TEXTS)[:, None], pd.Series(TEXTS),
     pd.Series(TEXTS, index=[5, 3]), pd.Series(TEXTS, dtype="string"), pd.Series(TEXTS, dtype="category"),
     pl.Series(TEXTS, dtype=pl.Categorical),
     pd.DataFrame({"text": TEXTS}), pl.Series(TEXTS), pl.DataFrame({"text": TEXTS})],
    ids=lambda X: type(X).__name__,
)  # fmt: skip
def test_texts(X: Any) -> None:
    examples = examples_from(X, name="reviews")
    assert (examples.kind, examples.inputs, examples.labels) == ("text", TEXTS, None)
    labelled = isinstance(X, pd.Series) and X.index[0] == 5
    places = (
        ("reviews, index label 5", "reviews, index label 3") if labelled else ("reviews, index 0", "reviews, index 1")
    )
    assert tuple(examples.places) == places


def test_rows_that_are_left_out_where_several_index_labels_are_missing() -> None:
    texts = pd.Series(["good", None, "bad", "fine"], index=[np.nan, 1.0, np.nan, 2.0])
    with bad_rows_of(SimpleNamespace(bad_rows="skip")):
        examples, rows = usable_examples(texts, [1, 2, 3, 4])
    assert (examples.inputs, examples.labels, rows) == (["good", "bad", "fine"], ["1", "3", "4"], [0, 2, 3])


@pytest.mark.parametrize(
    "X",
    [ROWS, np.array(ROWS), np.array(ROWS, object), np.array(ROWS)[:, :, None], torch.tensor(ROWS), np.array(ROWS, int),
     [np.array(row) for row in ROWS], [np.array(row)[:, None] for row in ROWS], [torch.tensor(row) for row in ROWS],
     [pd.Series(row) for row in ROWS], [pl.Series(row) for row in ROWS], [pd.DataFrame({"v": row}) for row in ROWS],
     pd.DataFrame(ROWS), pd.DataFrame(ROWS, columns=["a", "a", "b"]),
     pd.DataFrame(ROWS).astype({0: int}), pl.DataFrame(ROWS, orient="row")],
    ids=lambda X: type(X).__name__,
)  # fmt: skip
def test_series_of_one_channel(X: Any) -> None:
    examples = examples_from(X)
    assert examples.kind == "series"
    assert examples.channels == ("",)
    for x_TI, row in zip(examples.inputs, ROWS, strict=True):
        assert np.array_equal(np.asarray(x_TI), np.array(row, np.float32)[:, None])
        assert np.asarray(x_TI).dtype == np.float32


def test_ragged_series_of_several_channels() -> None:
    series = [np.ones((3, 2)), [[1, 2]], pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})]
    examples = examples_from(series)
    assert [np.asarray(x).shape for x in examples.inputs] == [(3, 2), (1, 2), (2, 2)]
    assert np.array_equal(np.asarray(examples.inputs[2]), [[1, 3], [2, 4]])


def test_images_are_read_as_those_in_files() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 4), dtype=np.uint8)
    for X in (images, list(images)):
        assert np.allclose(np.stack([np.asarray(x) for x in examples_from(X).inputs]), images / 255)
    pixels = examples_from(images, images="pixels").inputs
    assert np.allclose(np.stack([np.asarray(x) for x in pixels]), images.reshape(2, 12, 1) / 255)


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        (["a", "b"], ["a", "b"]),
        ([1, 0], ["1", "0"]),
        ([1.0, -0.5], ["1", "-0.5"]),
        ([True, False], ["True", "False"]),
        (np.array([3, 4], np.int8), ["3", "4"]),
        (np.array([[3.0], [4.0]]), ["3", "4"]),
        (np.array(["a", 1], object), ["a", "1"]),
        (pd.Series(["a", "b"], index=[7, 9], dtype="category"), ["a", "b"]),
        (pl.Series([1, 2]), ["1", "2"]),
        (torch.tensor([1, 2]), ["1", "2"]),
        (pd.DataFrame({"y": [1, 2]}), ["1", "2"]),
    ],
)
def test_labels_become_text(y: Any, labels: list[str]) -> None:
    assert examples_from(TEXTS, y).labels == labels


@pytest.mark.parametrize("number", [0.1, 1e300, 2.0**53, -1.0, 1e-300, 123456789.0])
def test_scores_keep_their_value(number: float) -> None:
    labels = examples_from(["a"], [number]).labels
    assert labels is not None
    assert float(labels[0]) == number


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ("a text", None, "expected a list of texts.*Received: str 'a text'"),
        (b"bytes", None, "Received: bytes"),
        (3, None, "Received: int '3'"),
        (None, None, "Received: NoneType"),
        ({"a": 1}, None, "Received: dict"),
        ({"a", "b"}, None, "Received: set"),
        (np.array(3), None, "Received: ndarray '3'"),
        (torch.tensor(3), None, "Received: Tensor"),
        (pl.LazyFrame({"a": [1]}), None, "Received: LazyFrame"),
        (csr_matrix(np.eye(2)), None, r"X\.toarray\(\)\. Received: a sparse csr_matrix"),
        (pl.Series(["a", None]), None, "X, index 1: expected a text. Received: NoneType"),
        (pl.DataFrame({"a": [1, 2], "b": [3, None]}), None, "X, index 1, step 2, channel 1: .*a missing value"),
        (pd.DataFrame([[1, 2], [3, None]], dtype="Int64"), None, "X, index 1, step 2, channel 1: .*a missing value"),
        ([], None, "at least one example"),
        (np.empty((0, 4)), None, "at least one example"),
        (np.empty((2, 0)), None, r"of at least one step; .*Received: an array of shape \(2, 0\)"),
        (["a", 3], None, r"X, index 1: expected a text. Received: int '3'"),
        (["a", None], None, "X, index 1: expected a text. Received: NoneType"),
        (["a", " \n"], None, "X, index 1: expected a text. Received: an empty one"),
        ([1.0, 2.0], None, "X, index 0: expected a series.*Received: float '1.0'"),
        (np.ones(3), None, r"Received: float64 of shape \(3,\)"),
        (np.ones((2, 3), complex), None, "Received: complex128"),
        (np.ones((2, 3, 1, 1, 1)), None, "Received: float64 of shape"),
        ([[1, 2], [3, "x"]], None, "X, index 1: expected a series"),
        ([[1, 2], "abc"], None, "X, index 1: expected a series.*Received: str 'abc'"),
        ([[1, 2], [[1], [2, 3]]], None, "X, index 1: expected a series.*the same number in every step"),
        ([[1, 2], []], None, "X, index 1: expected a series of at least one step.*Received: 0 steps"),
        ([np.ones((2, 2)), np.ones((2, 3))], None, "X, index 1: expected 2 channels.*Received: 3"),
        (
            pd.DataFrame({"a": [1, 2], "b": [3, "x"]}),
            None,
            r"X, index 1: expected a series.*column of texts.*X\['text'\]",
        ),
        (np.array([[1.0, np.nan]]), None, "X, index 0, step 2, channel 1: .*a missing value"),
        (np.array([[1.0, -np.inf]]), None, "X, index 0, step 2, channel 1: .*Received: -inf"),
        ([[1.0], [2.0, np.nan]], None, "X, index 1, step 2, channel 1: .*a missing value"),
        (TEXTS, ["a"], r"y: expected a label for each of the 2 examples in X. Received: 1 labels"),
        (TEXTS, [1.0, np.nan], "y, index 1: expected a label.*Received: nan"),
        (TEXTS, [1.0, np.inf], "y, index 1: expected a label.*Received: inf"),
        (TEXTS, ["a", None], "y, index 1: expected a label.*Received: None"),
        (TEXTS, pd.Series(["a", None]), "y, index 1: expected a label"),
        (TEXTS, [[1], [2]], r"y, index 0: expected a label.*Received: \[1\]"),
        (TEXTS, np.ones((2, 2)), r"y: .*Received: an array of shape \(2, 2\)"),
    ],
)
def test_what_is_wrong_is_reported(X: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        examples_from(X, y)


def test_the_kind_can_be_said() -> None:
    with pytest.raises(DataError, match="X, index 0: expected a text"):
        examples_from(ROWS, kind="text")
    with pytest.raises(DataError, match="expected"):
        examples_from(TEXTS, kind="series")
    with pytest.raises(ConfigError, match=r"auto, text or series. Received: 'texts'"):
        examples_from(TEXTS, kind="texts")


def test_missing_values_can_be_interpolated() -> None:
    for X in (np.array([[1, np.nan, 3.0]]), [[1, np.nan, 3.0]]):
        assert np.asarray(examples_from(X, missing="interpolate").inputs[0]).tolist() == [[1], [2], [3]]


def test_the_callers_array_stays_as_it_is() -> None:
    X = np.ones((2, 3), np.float32)
    examples = examples_from(X)
    np.asarray(examples.inputs[0])[:] = 5
    assert (X == 1).all()

"""`--bad-rows` on the command line: training, evaluation, predictions, and models of earlier versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Elman
from .test_cli_classifier import LINES, TINY, table


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    rows = [("good film", "pos"), ("bad film", "neg")] * 75
    return table(tmp_path / "reviews.csv", [*rows[:40], ("", "pos"), *rows[40:]])


def test_one_empty_text_of_many_stops_no_run(reviews: Path, tmp_path: Path, elman: Elman) -> None:
    remark = f"1 of 151 rows cannot be used and are left out: {reviews}, line 42 ("
    said = elman("train", "classifier", reviews, "-o", tmp_path / "m", *TINY)
    assert said.code == 0, said.err
    assert remark in said.err
    said = elman("evaluate", tmp_path / "m", reviews, "--json")
    assert said.json()["examples"] == 150
    assert remark in said.err
    assert "line 42: expected a text" in elman("predict", tmp_path / "m", reviews).error()
    # An earlier version stored no such option, and refused the row.
    path = tmp_path / "m" / "elman.json"
    stored = json.loads(path.read_text("utf-8"))
    assert stored["config"]["data"].pop("bad_rows") == "auto"
    path.write_text(json.dumps(stored), "utf-8")
    assert "line 42: expected a text" in elman("evaluate", tmp_path / "m", reviews).error()


def test_bad_rows_may_be_refused_or_any_number_left_out(reviews: Path, tmp_path: Path, elman: Elman) -> None:
    said = elman("train", "classifier", reviews, "-o", tmp_path / "m", *TINY, "--bad-rows", "error")
    assert said.code == 2
    assert "line 42: expected a text in the column 'text'. Received: an empty cell" in said.error()
    assert not (tmp_path / "m").exists()
    many = table(tmp_path / "many.csv", [*LINES, *[("", "pos")] * 30])
    said = elman("train", "classifier", many, "-o", tmp_path / "m", *TINY)
    assert said.code == 2
    assert "expected a text" in said.error()
    said = elman("train", "classifier", many, "-o", tmp_path / "m", *TINY, "--bad-rows", "skip")
    assert said.code == 0, said.err
    assert "30 of 90 rows cannot be used" in said.err


def test_a_number_that_cannot_be_read_is_a_bad_row_of_a_regression(tmp_path: Path, elman: Elman) -> None:
    rows = [("good film", "4.5"), ("bad film", "1.5")] * 60
    path = table(tmp_path / "stars.csv", [*rows, ("a film", "four")])
    said = elman("train", "classifier", path, "-o", tmp_path / "m", *TINY, "--kind", "regression")
    assert said.code == 0, said.err
    assert "1 of 121 rows cannot be used" in said.err
    assert "(expected a finite number as the label)" in said.err

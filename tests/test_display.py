"""Formatting of numbers and metrics for people."""

from __future__ import annotations

import math

import pytest

from elman.display import aligned, columns_of, figure, number_text, with_article


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (1.23456, ".4f", "1.2346"),
        (-0.5, ".2f", "-0.50"),
        (999_999.0, ".2f", "999999.00"),
        (1e6, ".2f", "1.00e+06"),
        (-2.5e7, ".4f", "-2.50e+07"),
        (math.exp(240.0), ".2f", "1.70e+104"),
        (math.exp(700.0), ".2f", "over 1e+300"),
        (math.inf, ".4f", "inf"),
        (math.nan, ".4f", "nan"),
    ],
)
def test_numbers_beyond_sense_have_an_exponent(value: float, form: str, text: str) -> None:
    assert number_text(value, form) == text


def test_a_metric_has_its_name() -> None:
    assert figure("intent_accuracy", 0.912) == "intent accuracy 91.20%"
    assert figure("scaled_rmse", 0.25) == "scaled RMSE 0.2500"
    assert figure("perplexity", 2e9) == "perplexity 2.00e+09"


def test_columns_of_a_terminal() -> None:
    assert [columns_of(each) for each in ("word", "caf\xe9", "cafe\u0301", "\u4e16\u754c", "\uff41", "")] == [
        4,
        4,
        4,
        4,
        2,
        0,
    ]


def test_tables_with_wide_characters_are_aligned() -> None:
    rows = [("word", "share"), ("\u4e16\u754c\u4e16", "0.5"), ("e\u0301", "10.25")]
    assert aligned(rows, right=[1]).split("\n") == [
        "word    share",
        "\u4e16\u754c\u4e16    0.5",
        "e\u0301       10.25",
    ]
    assert aligned([("\u4e16", "a"), ("b", "c")]).split("\n") == ["\u4e16  a", "b   c"]


def test_nouns_have_their_article() -> None:
    found = [with_article(noun) for noun in ("tagger", "language model", "adder", "embeddings")]
    assert found == ["a tagger", "a language model", "an adder", "embeddings"]

"""Formatting of numbers and metrics for people."""

from __future__ import annotations

import math

import pytest

from elman.display import figure, number_text


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

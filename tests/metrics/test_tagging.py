"""Figures of tags, judged by nervaluate, and as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator

from elman.data.tagged import tagged_from
from elman.metrics.tagging import figures_of, report_of

IOB = st.lists(st.sampled_from(["O", "B-x", "I-x", "B-y", "I-y"]), min_size=1, max_size=8)


@given(st.lists(st.tuples(IOB, st.randoms(use_true_random=False)), min_size=1, max_size=6))
def test_span_figures_are_those_of_nervaluate(rows: list) -> None:
    """On tags that are no good IOB2 too: nervaluate's own reader of lists agrees with ours."""
    truth = [tags for tags, _ in rows]
    given_tags = [draw.choices(["O", "B-x", "I-x", "B-y", "I-y"], k=len(tags)) for tags, draw in rows]
    data = tagged_from([["w"] * len(tags) for tags in truth], truth)
    figures = figures_of(data, given_tags, None, spans=True)
    expected = Evaluator(truth, given_tags, tags=["x", "y"], loader="list").evaluate()["overall"]["strict"]
    for name in ("precision", "recall", "f1"):
        assert figures[name] == pytest.approx(getattr(expected, name)), name
    report = report_of(data, given_tags, figures, spans=True)
    assert sum(each.support for each in report.spans) == expected.possible


def test_figures_of_intents_and_whole_sentences() -> None:
    data = tagged_from(["a b", "c d", "e"], [["X", "Y"], ["X", "X"], ["Y"]], intents=["p", "q", "p"])
    figures = figures_of(data, [["X", "Y"], ["X", "Y"], ["Y"]], ["p", "q", "q"], spans=False)
    assert figures == {
        "accuracy": 0.8,
        "sentences": pytest.approx(2 / 3),
        "intent_accuracy": pytest.approx(2 / 3),
        "exact": pytest.approx(1 / 3),
        "tokens": 5,
    }


def test_a_report_as_tables_and_as_plain_values() -> None:
    data = tagged_from(["go to york", "stay"], [["O", "O", "B-place"], ["O"]])
    tags = [["O", "B-place", "O"], ["O"]]
    report = report_of(data, tags, {"loss": 0.5, "f1": 0.0, "tokens": 4}, spans=True)
    assert report.to_json() == {
        "loss": 0.5,
        "f1": 0.0,
        "tokens": 4,
        "spans": {"place": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}},
        "tags": {
            "B-place": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
            "O": {
                "precision": pytest.approx(2 / 3),
                "recall": pytest.approx(2 / 3),
                "f1": pytest.approx(2 / 3),
                "support": 3,
            },
        },
    }
    assert report.to_text().split("\n") == [
        "loss    0.5000",
        "f1       0.00%",
        "tokens       4",
        "",
        "span   precision  recall     F1  count",
        "place      0.00%   0.00%  0.00%      1",
        "",
        "tag      precision  recall      F1  count",
        "B-place      0.00%   0.00%   0.00%      1",
        "O           66.67%  66.67%  66.67%      3",
    ]

"""Bugs planted into the linear models in addition to a classifier of series, each with the test that must notice it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elman.baselines import ridge
from elman.tasks.classifier import linear_series, network, objectives

from ..baselines.test_ridge import test_left_out_examples_are_those_of_a_fit_without_them as check_left_out
from ..tasks import test_classifier_linear_series as judge
from .bug import ELMAN, Bug
from .test_planted_bugs import check_caught


def bug(what: str, function: str, old: str, new: str, check: Callable[[], None]) -> Bug:
    module = {"Ridge": ridge, "ClassifierNetwork": network, "_ExampleObjective": objectives}.get(function.split(".")[0])
    return Bug(what, module or linear_series, function, ((old, new),), lambda *_: check(), ELMAN)


def classes() -> None:
    judge.test_classes_are_predicted_as_by_ridge_regressions("both")


BUGS = [
    bug(
        "training knows its own examples",
        "Ridge.left_out",
        "1 - shares_N",
        "1 - 0 * shares_N",
        lambda: check_left_out(9, 30),
    ),
    bug(
        "the intercept is not left out", "Ridge.left_out", "1 / len(projected_NK) + ", "", lambda: check_left_out(12, 5)
    ),
    bug(
        "offsets without factors",
        "learn_linear",
        "_sum_of(left_out, factors)",
        "_sum_of(left_out, [1.0] * len(left_out))",
        classes,
    ),
    bug("coefficients without factors", "learn_linear", "factor * coefficients_FC", "coefficients_FC", classes),
    bug("intercepts without factors", "learn_linear", "factor * own_C", "own_C", classes),
    bug("targets of 0 and 1", "learn_linear", "2.0 * (np", "1.0 * (np", classes),
    bug("the worst factors", "_best_factors", "min(", "max(", classes),
    bug(
        "padding is read",
        "SeriesLinear.forward",
        "x_TI[:length]",
        "x_TI",
        judge.test_padding_and_the_other_rows_of_a_batch_do_not_matter,
    ),
    bug(
        "the network does not see the offsets",
        "_ExampleObjective.loss",
        "outputs_BC = outputs_BC + given",
        "given = given; outputs_BC + given",
        judge.test_offsets_are_added_to_the_outputs_in_training,
    ),
]


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.what)
def test_a_planted_bug_in_linear_models_of_series_is_caught(planted: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(planted, monkeypatch)

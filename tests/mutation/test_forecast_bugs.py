"""Bugs planted into the heads of forecasts, their scores and the simple forecasts: each must make a check fail."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from elman.metrics import calibration, confusion, forecast_scores
from elman.metrics import forecast_baselines as baselines
from elman.nn import distributions, quantile_head

from ..metrics import test_calibration as calibrated
from ..metrics import test_forecast_baselines as simple
from ..nn import test_distributions as heads
from .bug import ELMAN, Bug
from .test_planted_bugs import check_caught


def bug(what: str, module: ModuleType, function: str, old: str, new: str, check: Callable[[], Any]) -> Bug:
    # Neither cell nor kernel matters to these checks.
    return Bug(what, module, function, ((old, new),), lambda *_: check(), ELMAN)


def check_samples_score() -> None:
    samples, truth = np.random.default_rng(0).normal(size=(7, 5)), np.arange(5.0)
    pairs = np.abs(samples[:, None] - samples[None]).mean((0, 1))
    expected = (np.abs(samples - truth).mean(0) - pairs / 2).mean()
    assert np.isclose(forecast_scores.crps_from_samples(truth, samples), expected)


def check_scaled_error() -> None:
    history = np.array([1.0, 5, 2, 8, 3, 9])
    assert np.isclose(
        forecast_scores.mase([4.0, 6], [5.0, 9], history, 2), 2 / np.abs(history[2:] - history[:-2]).mean()
    )


def check_gaps_are_left_out() -> None:
    assert forecast_scores.mae([1.0, float("nan"), 3.0], [2.0, 100.0, 6.0]) == 2


def check_rows_are_the_truth() -> None:
    assert confusion.confusion_matrix([0, 0, 1], [1, 1, 1], 2).tolist() == [[0, 2], [0, 1]]


def check_bins() -> None:
    figures = calibration.calibration([[0.9, 0.1], [0.5, 0.5]], [0, 1], bins=2)
    assert [one.examples for one in figures.bins] == [1, 1]


def check_temperature() -> None:
    logits, truth = calibrated.drawn(4000, 4, 2.5)
    assert abs(calibration.fit_temperature(logits, truth) - 2.5) < 0.25


def check_order() -> None:
    head = heads.make_head("quantiles", 3, 2, levels=(0.1, 0.2, 0.4, 0.6, 0.8))
    assert bool((head(torch.randn(50, 3)).diff(dim=-1) >= 0).all())


STUDENT, COUNTS = "StudentTHead.loss", "NegativeBinomialHead.loss"
pinball, moments = heads.TestQuantiles(), heads.test_samples_have_the_moments_of_their_distribution
autoregression = simple.TestLinearAutoregression()

BUGS = [
    bug(
        "the scale is missing in the normal likelihood",
        distributions,
        "GaussianHead.loss",
        " + torch.log(scale_Y)",
        "",
        lambda: heads.test_losses_and_quantiles_are_scipys("gaussian"),
    ),
    bug(
        "a wrong exponent in Student's likelihood",
        distributions,
        STUDENT,
        "0.5 * (df + 1) *",
        "0.5 * df *",
        lambda: heads.test_losses_and_quantiles_are_scipys("student-t"),
    ),
    bug(
        "counts have no binomial coefficient",
        distributions,
        COUNTS,
        " + torch.lgamma(count + 1)",
        "",
        lambda: heads.test_losses_and_quantiles_are_scipys("negative-binomial"),
    ),
    bug(
        "the samples of t come from one uniform number",
        distributions,
        "StudentTHead.sample",
        "2 * math.pi * v",
        "2 * math.pi * u",
        lambda: moments("student-t"),
    ),
    bug(
        "sampled counts have no dispersion",
        distributions,
        "NegativeBinomialHead.sample",
        "drawn(torch._standard_gamma, 1 / dispersion, generator) * dispersion * mean",
        "mean",
        lambda: moments("negative-binomial"),
    ),
    bug(
        "the pinball loss has its sides swapped",
        quantile_head,
        "QuantileHead.loss",
        "torch.maximum",
        "-torch.minimum",
        pinball.test_the_loss_is_twice_the_mean_pinball_loss,
    ),
    bug(
        "lower quantiles are added up from the wrong end",
        quantile_head,
        "QuantileHead.link",
        ".flip(-1).cumsum(-1).flip(-1)",
        ".cumsum(-1)",
        check_order,
    ),
    bug(
        "quantiles are looked up one piece too far down",
        quantile_head,
        "QuantileHead._at",
        "knots[1:-1].contiguous()",
        "knots[2:-1].contiguous()",
        pinball.test_at_its_own_levels_it_gives_its_parameters,
    ),
    bug(
        "the spread of an ensemble counts twice",
        forecast_scores,
        "crps_from_samples",
        "/ count**2",
        "/ count**2 * 2",
        check_samples_score,
    ),
    bug(
        "errors are scaled by the last change alone",
        forecast_scores,
        "mase",
        "/ steps.mean()",
        "/ steps[-1]",
        check_scaled_error,
    ),
    bug(
        "missing truths are counted",
        forecast_scores,
        "_mean",
        "errors[~np.isnan(truth)]",
        "np.nan_to_num(errors)",
        check_gaps_are_left_out,
    ),
    bug(
        "the newest lag is multiplied with the oldest coefficient",
        baselines,
        "LinearAutoregression.forecast",
        "(window_LY * coefficients_LY)",
        "(window_LY[::-1] * coefficients_LY)",
        autoregression.test_one_step_is_a_forecast_of_one_from_every_time,
    ),
    bug(
        "the windows reach one step into the future",
        baselines,
        "LinearAutoregression.one_step",
        "[start - self.lags : -1]",
        "[start - self.lags + 1 :]",
        autoregression.test_it_never_sees_what_it_forecasts,
    ),
    bug(
        "rows and columns are swapped",
        confusion,
        "confusion_matrix",
        'numbers["truth"].astype(np.int64) * classes + numbers["predicted"].astype(np.int64)',
        'numbers["predicted"].astype(np.int64) * classes + numbers["truth"].astype(np.int64)',
        check_rows_are_the_truth,
    ),
    bug(
        "a confidence at an edge goes into the bin above",
        calibration,
        "calibration",
        'side="left"',
        'side="right"',
        check_bins,
    ),
    bug(
        "the temperature is inverted",
        calibration,
        "fit_temperature",
        "return 2 / (low + high)",
        "return (low + high) / 2",
        check_temperature,
    ),
]


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.what)
def test_a_planted_bug_in_forecasts_and_figures_is_caught(planted: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(planted, monkeypatch)

"""Series that are prepared: channels, gaps, standardised values, lengths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import zscore

from elman.baselines.series import Scale, as_channels, by_length, filled, resampled, standardised
from elman.errors import ConfigError, DataError, ShapeError

NAN, INF = float("nan"), float("inf")


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_channels() -> None:
    found = as_channels([[1, 2], [INF], []])
    assert [one.shape for one in found] == [(2, 1), (1, 1), (0, 1)]
    assert np.isnan(found[1]).all()
    assert as_channels([np.zeros((3, 2)), np.zeros((0, 2))])[1].shape == (0, 2)
    assert as_channels([], 3) == []
    with pytest.raises(DataError, match=r"Received: none$"):
        as_channels([])
    with pytest.raises(ShapeError, match=r"the same number of channels\. Received: 1, 2$"):
        as_channels([np.zeros((3, 2)), np.zeros(3)])
    with pytest.raises(ShapeError, match=r"of 3 channels\. Received: 2$"):
        as_channels([np.zeros((3, 2))], 3)
    with pytest.raises(ShapeError, match=r"T or TC\. Received: \(\)$"):
        as_channels([1.0])


def test_the_series_of_the_caller_stay_as_they_are() -> None:
    series = np.array([INF, 1.0])
    as_channels([series])
    assert series.tolist() == [INF, 1]


def test_standardised_values_are_scipys_z_scores() -> None:
    values = np.random.default_rng(0).normal(5, 3, (20, 3)) * [1, 1e-9, 1e200]
    np.testing.assert_allclose(standardised(values), zscore(values / [1, 1, 1e200]), atol=1e-10)
    values[3, 0] = values[4:9, 1] = NAN
    expected = np.nan_to_num(zscore(values / [1, 1, 1e200], nan_policy="omit"))
    np.testing.assert_allclose(standardised(values), expected, atol=1e-10)


@pytest.mark.parametrize("values", [column(), column(3.0), column(0.1, 0.1, 0.1), column(NAN, NAN), column(1e300, NAN)])
def test_a_constant_becomes_zero(values: np.ndarray) -> None:
    assert standardised(values).tolist() == np.zeros_like(values).tolist()


def test_scales_of_all_training_series_keep_levels() -> None:
    rng = np.random.default_rng(0)
    training = [rng.normal(5, 3, (length, 2)) for length in (9, 4, 0)]
    training[0][2, 1] = NAN
    scale = Scale.of("training", training)
    every = np.concatenate(training)
    expected = (training[1] - np.nanmean(every, 0)) / np.nanstd(every, 0)
    np.testing.assert_allclose(scale(training[1]), expected)
    assert scale(training[0])[2, 1] == 0
    np.testing.assert_array_equal(Scale.of("series", training)(training[0]), standardised(training[0]))
    assert Scale.of("training", [column(2, 2), column()])(column(2, 3, NAN)).ravel().tolist() == [0, 1, 0]
    with pytest.raises(ConfigError, match=r"Received: 'batch'$"):
        Scale.of("batch", training)  # type: ignore[arg-type]


def test_gaps_are_filled() -> None:
    assert filled(column(NAN, 1, NAN, NAN, 4, NAN)).ravel().tolist() == [1, 1, 2, 3, 4, 4]
    assert filled(column(NAN, NAN)).ravel().tolist() == [0, 0]
    assert filled(column()).shape == (0, 1)


def test_other_lengths_by_linear_interpolation() -> None:
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(length, 2)) for length in (9, 1, 0, 30, 9, 2)]
    found = resampled(series, 9)
    assert found.shape == (6, 9, 2)
    for one, row in zip(series, found, strict=True):
        for c in range(2):
            places = np.linspace(0, max(len(one) - 1, 0), 9)
            expected = np.interp(places, np.arange(len(one)), one[:, c]) if len(one) else np.zeros(9)
            np.testing.assert_allclose(row[:, c], expected)
    np.testing.assert_array_equal(found[0], series[0])
    assert resampled(series, 1)[0].tolist() == [series[0][0].tolist()]


def test_series_by_length() -> None:
    series = [column(1, 2), column(), column(3, 4)]
    found = {values.shape[1]: (rows.tolist(), values[..., 0].tolist()) for rows, values in by_length(series)}
    assert found == {0: ([1], [[]]), 2: ([0, 2], [[1, 2], [3, 4]])}

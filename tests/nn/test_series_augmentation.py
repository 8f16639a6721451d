"""Augmented series, judged by a plain NumPy version that is given the same draws, and by their statistics."""

from __future__ import annotations

import pytest
import torch

from elman.nn.series_augmentation import SeriesAugmentation

from .series_checks import LENGTHS, check_augmentation, series


@pytest.mark.parametrize("ragged", [True, False], ids=["ragged", "equal"])
@pytest.mark.parametrize(
    "how",
    [
        SeriesAugmentation(noise=0.5),
        SeriesAugmentation(scale_jitter=0.3),
        SeriesAugmentation(crop=0.6),
        SeriesAugmentation(time_warp=0.7),
        SeriesAugmentation(0.2, 0.3, 0.4, 0.5),
    ],
    ids=str,
)
def test_every_series_is_changed_by_its_own_steps_alone(how: SeriesAugmentation, ragged: bool) -> None:
    check_augmentation(how, ragged=ragged)


def test_nothing_is_drawn_and_nothing_changes_without_an_option() -> None:
    x_BTI = series()
    before = torch.get_rng_state()
    found_BTI, found_B = SeriesAugmentation()(x_BTI, LENGTHS)
    assert found_BTI is x_BTI
    assert found_B is LENGTHS
    assert torch.equal(torch.get_rng_state(), before)


def test_lengths_stay_unless_series_are_cropped() -> None:
    assert SeriesAugmentation(time_warp=1.0)(series(), LENGTHS)[1] is LENGTHS
    assert SeriesAugmentation(time_warp=1.0)(series(), None)[1] is None
    _, cropped_B = SeriesAugmentation(crop=0.5)(torch.randn(2000, 11, 1), None)
    assert cropped_B is not None
    assert cropped_B.min() == 6
    assert cropped_B.max() == 11


def test_warped_time_never_runs_backward_and_keeps_both_ends() -> None:
    torch.manual_seed(0)
    ramp_BTI = torch.arange(50, dtype=torch.float64).expand(200, 50)[..., None]
    warped_BTI, _ = SeriesAugmentation(time_warp=0.5)(ramp_BTI, None)
    assert (warped_BTI.diff(dim=1) > 0).all()
    torch.testing.assert_close(warped_BTI[:, [0, -1]], ramp_BTI[:, [0, -1]])
    assert (warped_BTI - ramp_BTI).abs().amax(dim=1).median() > 1


def test_every_place_of_a_series_is_kept_by_some_crop() -> None:
    torch.manual_seed(0)
    ramp_BTI = torch.arange(10, dtype=torch.float64).expand(500, 10)[..., None]
    x_BTI, lengths_B = SeriesAugmentation(crop=0.8)(ramp_BTI, None)
    assert lengths_B is not None
    ends = {(int(x[0]), int(x[length - 1])) for x, length in zip(x_BTI[..., 0], lengths_B.tolist(), strict=True)}
    assert {first for first, _ in ends} == set(range(8))
    assert {last for _, last in ends} == set(range(2, 10))

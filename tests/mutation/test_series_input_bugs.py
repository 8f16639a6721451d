"""Bugs planted into the augmentation of series and the convolution over them, with the check that must notice each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from elman.nn import input_convolution, series_augmentation
from elman.nn.series_augmentation import SeriesAugmentation

from ..nn.series_checks import check_augmentation, check_convolution
from .bug import ELMAN, Bug
from .test_planted_bugs import check_caught


def augmented(**options: float) -> Callable[..., None]:
    """A check in the shape that a bug has; augmentation depends on neither cell nor kernel."""
    return lambda *_: check_augmentation(SeriesAugmentation(**options), ragged=True)


def convolved(kernel: int, stride: int, *, causal: bool = False) -> Callable[..., None]:
    return lambda *_: check_convolution(kernel, stride, causal=causal)


def bug(what: str, function: str, old: str, new: str, check: Callable[..., Any]) -> Bug:
    module = input_convolution if function.startswith("InputConvolution") else series_augmentation
    return Bug(what, module, function, ((old, new),), check, ELMAN)


RESAMPLED, WARPED = "SeriesAugmentation._resampled", "SeriesAugmentation._warped"
CONVOLUTION, SIZES = "InputConvolution.forward", "InputConvolution.__init__"
BUGS = [
    bug(
        "a crop is longer than it is",
        RESAMPLED,
        "kept_B1[:, 0].long() + 1",
        "kept_B1[:, 0].long() + 2",
        augmented(crop=0.6),
    ),
    bug(
        "a crop is at the beginning always",
        RESAMPLED,
        "places_BT = (first_B1 + places_BT)",
        "places_BT = places_BT",
        augmented(crop=0.6),
    ),
    bug(
        "a crop is as long as the longest series",
        RESAMPLED,
        "(full_B - 1)",
        "(0 * full_B + T - 1)",
        augmented(crop=0.6),
    ),
    bug(
        "a warped series ends where the longest does",
        RESAMPLED,
        "(full_B - 1)",
        "(0 * full_B + T - 1)",
        augmented(time_warp=0.5),
    ),
    bug(
        "the last step is mixed with the padding",
        RESAMPLED,
        "torch.minimum(before_BT + 1, last_B1.long())",
        "(before_BT + 1).clamp(max=T - 1)",
        augmented(time_warp=0.5),
    ),
    bug(
        "values between two steps are those of the first",
        RESAMPLED,
        "(places_BT - before_BT)[..., None]",
        "0 * (places_BT - before_BT)[..., None]",
        augmented(time_warp=0.5),
    ),
    bug(
        "time does not end at the end",
        WARPED,
        "knots_BS / knots_BS[:, -1:]",
        "knots_BS / (2 * knots_BS[:, -1:])",
        augmented(time_warp=0.5),
    ),
    bug("factors are not positive", "SeriesAugmentation.__call__", ".exp()", "", augmented(scale_jitter=0.3)),
    bug(
        "padding is read",
        CONVOLUTION,
        "x_BTI = torch.where(real_BT[..., None], x_BTI, x_BTI.new_zeros(()))",
        "pass",
        convolved(5, 2),
    ),
    bug("an output too few", CONVOLUTION, "(lengths_B + self.stride - 1)", "lengths_B", convolved(5, 2)),
    bug("no rectifier", CONVOLUTION, "y_BFS.relu()", "y_BFS", convolved(3, 1)),
    bug("an even window looks back", SIZES, "(kernel - stride) // 2", "(kernel - stride + 1) // 2", convolved(4, 1)),
    bug("a causal window looks ahead", SIZES, "kernel - stride if causal else ", "", convolved(7, 3, causal=True)),
]


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.what)
def test_a_planted_bug_in_the_input_of_series_is_caught(planted: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(planted, monkeypatch)

"""The options of the windows that a forecaster reads. Imports neither numpy nor torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from elman.errors import ConfigError
from elman.options import option

__all__ = ["LONGEST", "WindowConfig", "check_windows", "settle_windows"]

# The longest forecast: each step is a step of the network, and its paths are held in memory.
LONGEST = 100_000
# A window that nobody chose covers so many seasons, but at least and at most so many steps.
_SEASONS, _LEAST_CONTEXT, _MOST_CONTEXT = 3, 12, 168


@dataclass(frozen=True)
class WindowConfig:
    """What the network sees of a series, and what it predicts."""

    mode: str = option(
        "next",
        "predict the next value at every step and run freely on own predictions, or the whole horizon directly",
        choices=("next", "direct"),
    )
    context: int = option(0, "steps of a window; 0 for three seasons", least=0)
    horizon: int = option(
        12, "steps that a forecast has by default; direct: that are predicted at once", least=1, most=LONGEST
    )
    counted: int = option(0, "direct: the last steps of a window that predict in training; 0 for all", least=0)
    stride: int = option(0, "steps between training windows; 0 for counted, or a quarter of a window", least=0)
    carry: bool = option(False, "next: carry the state from window to window through a series (truncated BPTT)")
    valid_share: float = option(0.1, "share of each series, its last steps, that is held out", least=0.0, most=0.9)
    valid_steps: int = option(0, "hold out so many last steps of each series instead of a share", least=0)
    calendar: tuple[str, ...] = option(
        ("auto",), "features of the calendar, such as month,weekday; auto for those shorter than a year, or none"
    )
    resolutions: tuple[int, ...] = option((), "also read the averages of so many last steps, such as 7,30")
    anchor: bool = option(
        True, "read changes, and predict what is added to the last value; seldom good with difference"
    )
    autoregression: int = option(
        -1, "last values that a linear map reads beside the network; 0 for none, -1 for about two seasons", least=-1
    )
    least_squares: bool = option(True, "start that linear map at its least-squares solution, not at zero")
    scheduled_sampling: float = option(
        0.0, "next: probability at the end of its rise that a training step reads the network's own prediction",
        least=0.0, most=1.0,
    )  # fmt: skip
    sampling_epochs: float = option(10.0, "passes over the data in which that probability rises from 0", least=0.0)
    batch_size: int = option(32, "windows of a batch, or series side by side with carry", least=1)


def check_windows(window: WindowConfig) -> None:
    """Raise ConfigError for options that do not go together."""
    if window.carry and (window.mode != "next" or window.scheduled_sampling):
        raise ConfigError(
            "expected mode=next and no scheduled_sampling with carry. "
            f"Received: mode={window.mode}, scheduled_sampling={window.scheduled_sampling:g}"
        )
    if window.mode == "direct" and window.scheduled_sampling:
        raise ConfigError(
            f"expected scheduled_sampling with mode=next alone. Received: {window.scheduled_sampling:g} with direct"
        )
    if window.mode == "next" and window.counted:
        raise ConfigError(f"expected counted with mode=direct alone. Received: {window.counted} with next")
    if any(each < 2 for each in window.resolutions):
        raise ConfigError(f"expected resolutions of at least 2 steps. Received: {window.resolutions}")


def settle_windows(window: WindowConfig, *, season: int, longest: int, counts: bool) -> WindowConfig:
    """`window` with what was left to the data settled by its season and its longest series, in steps."""
    context = window.context
    if not context:
        context = min(max(_SEASONS * season, _LEAST_CONTEXT), _MOST_CONTEXT, max(longest - window.horizon, 2))
    lags = window.autoregression
    if lags < 0:
        lags = 0 if counts else min(2 * season if season > 1 else 12, max(longest // 4, 1), _MOST_CONTEXT)
    stride = window.stride or window.counted or max(1, context // 4)
    return dataclasses.replace(window, context=context, autoregression=lags, stride=stride)

"""Options for the windows of a forecaster. Imports neither numpy nor torch."""

from __future__ import annotations

import dataclasses

from elman.errors import ConfigError
from elman.options import option, section

__all__ = ["LONGEST", "WindowConfig", "check_windows", "resolve_window_sizes"]

# Maximum horizon: each step runs the network, and all sample paths are in memory.
LONGEST = 100_000
# The default context in seasons, and its bounds in time steps.
_SEASONS, _MIN_CONTEXT, _MAX_CONTEXT = 3, 12, 168


@section
class WindowConfig:
    """Options for what the network reads of a series and what it predicts."""

    mode: str = option(
        "next",
        "predict the next value at each step, with predictions fed back, or the whole horizon at once",
        choices=("next", "direct"),
    )
    context: int = option(0, "steps of a window; 0 for three seasons", least=0)
    horizon: int = option(
        12, "default number of steps of a forecast; direct: steps predicted at once", least=1, most=LONGEST
    )
    loss_steps: int = option(
        0,
        "direct: number of last steps of a window that are in the training loss; 0 for all",
        least=0,
        former=("counted",),
    )
    stride: int = option(0, "steps between training windows; 0 for loss_steps, or a quarter of a window", least=0)
    carry: bool = option(False, "next: carry the state from window to window through a series (truncated BPTT)")
    valid_share: float = option(0.1, "share of each series, at its end, held out for validation", least=0.0, most=0.9)
    valid_steps: int = option(
        0, "number of last steps of each series held out for validation; 0 for valid_share", least=0
    )
    calendar: tuple[str, ...] = option(
        ("auto",), "calendar features, such as month,weekday; auto to choose by the frequency, or none"
    )
    resolutions: tuple[int, ...] = option(
        (), "numbers of steps of moving averages that the network also reads, such as 7,30"
    )
    residual_to_last: bool = option(
        True,
        "read changes between steps, and predict the change from the last value; seldom useful with difference",
        former=("anchor",),
    )
    autoregression: int = option(
        -1, "lags of a linear map added to the network; 0 for none, -1 for about two seasons", least=-1
    )
    least_squares: bool = option(
        True, "initialise the linear map of autoregression to its least-squares solution, not to zero"
    )
    scheduled_sampling: float = option(
        0.0, "next: final probability that a training step reads the network's own prediction",
        least=0.0, most=1.0,
    )  # fmt: skip
    sampling_epochs: float = option(10.0, "epochs in which the rate of scheduled_sampling rises from 0", least=0.0)
    batch_size: int = option(32, "windows in a batch, or series in parallel with carry", least=1)


def check_windows(window: WindowConfig) -> None:
    """Raise ConfigError for incompatible options."""
    if window.carry and (window.mode != "next" or window.scheduled_sampling):
        raise ConfigError(
            "expected mode=next and no scheduled_sampling with carry. "
            f"Received: mode={window.mode}, scheduled_sampling={window.scheduled_sampling:g}"
        )
    if window.mode == "direct" and window.scheduled_sampling:
        raise ConfigError(
            f"expected scheduled_sampling with mode=next alone. Received: {window.scheduled_sampling:g} with direct"
        )
    if window.mode == "next" and window.loss_steps:
        raise ConfigError(f"expected loss_steps with mode=direct alone. Received: {window.loss_steps} with next")
    if any(each < 2 for each in window.resolutions):
        raise ConfigError(f"expected resolutions of at least 2 steps. Received: {window.resolutions}")


def resolve_window_sizes(window: WindowConfig, *, season: int, longest: int, counts: bool) -> WindowConfig:
    """Return `window` with its automatic sizes resolved from the season and the longest series, in time steps."""
    context = window.context
    if not context:
        context = min(max(_SEASONS * season, _MIN_CONTEXT), _MAX_CONTEXT, max(longest - window.horizon, 2))
    lags = window.autoregression
    if lags < 0:
        lags = 0 if counts else min(2 * season if season > 1 else 12, max(longest // 4, 1), _MAX_CONTEXT)
    stride = window.stride or window.loss_steps or max(1, context // 4)
    return dataclasses.replace(window, context=context, autoregression=lags, stride=stride)

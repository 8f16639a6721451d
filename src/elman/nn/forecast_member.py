"""Network of a forecaster: from windows of series to the distribution of the values after each time step.

A prediction is the sum of a base and the output of the network. The base is the last value (`anchor`) plus a linear map
of the last values (`autoregression`; the autoregressive component of Lai et al. 2018). Recurrent layers and a head
predict the distribution around the base. The shape letters are those of `elman/data/panel/windows.py`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.panel.window_config import WindowConfig
from elman.data.panel.windows import Inputs, Sizes, lookback
from elman.nn.dilated import DilatedStack
from elman.nn.dropout import check_rate, sequence_dropout
from elman.nn.forecast_head import ForecastHead
from elman.nn.stack import Stack
from elman.types import State

__all__ = ["Member", "feature_size", "input_size"]


def input_size(sizes: Sizes, window: WindowConfig) -> int:
    """Return the input size of the recurrent layers."""
    of_targets = 1 + len(window.resolutions) + sizes.masked
    return sizes.targets * of_targets + sizes.past + sizes.ahead + sizes.static


def feature_size(sizes: Sizes, window: WindowConfig, hidden: int) -> int:
    """Return the input size of the head, whose first `hidden` features are the output of the recurrent layers."""
    return hidden + (window.horizon * sizes.ahead + sizes.static if window.mode == "direct" else 0)


class Member(nn.Module):
    """Recurrent layers and a forecast head over windows of series.

    Args:
        sizes: numbers of columns of the data.
        window: options of the windows, with all defaults resolved.
        stack: the recurrent layers, with the input size that `input_size` returns.
        head: the head for all values that are predicted at once, with the features that `feature_size` returns.
        point: the point forecast of a distribution: "median" or "mean".
        dropout, input_dropout: rates on the inputs of the head and of the recurrent layers.
        variational: whether one dropout mask is used for all time steps.
    """

    def __init__(
        self,
        sizes: Sizes,
        window: WindowConfig,
        stack: Stack | DilatedStack,
        head: ForecastHead,
        *,
        point: str = "median",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        variational: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = sizes
        self.lookback = lookback(window)
        self.anchor = window.anchor
        self.resolutions = window.resolutions
        self.lags = window.autoregression
        self.direct = window.mode == "direct"
        self.horizon = window.horizon if self.direct else 1
        self.point = point
        self.dropout, self.variational = dropout, variational
        self.input_dropout = check_rate("input_dropout", input_dropout)
        self.stack = stack
        self.head = head
        if self.lags:
            self.lag_weight = nn.Parameter(torch.zeros(sizes.targets, self.horizon, self.lags))
            self.lag_bias = nn.Parameter(torch.zeros(sizes.targets, self.horizon))

    def initial_state(self, batch_size: int) -> State:
        """Return the initial state."""
        return self.stack.initial_state(batch_size)

    def forward(
        self, inputs: Inputs, lengths_B: Tensor | None = None, state: State | None = None, counted: int = 0
    ) -> tuple[Tensor, State]:
        """Return the parameters `[B, n, horizon x Y, P]` after each of n time steps, and each row's last state.

        With `counted`, n is `counted`: the last time steps of each row. Otherwise n is T.
        """
        x_BTI = self._features(inputs)
        x_BTI = sequence_dropout(x_BTI, self.input_dropout, variational=self.variational, training=self.training)
        y_BTH, state = self.stack(x_BTI, lengths_B, state)
        steps = y_BTH.shape[1]
        places_Bn = None
        if counted:
            ends_B = torch.full((y_BTH.shape[0],), steps) if lengths_B is None else lengths_B
            places_Bn = (ends_B[:, None] - counted + torch.arange(counted)).clamp(min=0).to(y_BTH.device)
            y_BTH = y_BTH.gather(1, places_Bn[..., None].expand(-1, -1, y_BTH.shape[2]))
        y_BTH = sequence_dropout(y_BTH, self.dropout, variational=self.variational, training=self.training)
        if self.direct:
            ahead = inputs.ahead_BUQ.unfold(1, self.horizon, 1).flatten(2)
            static = inputs.static_BC[:, None].expand(-1, y_BTH.shape[1], -1)
            if places_Bn is not None:
                ahead = ahead.gather(1, places_Bn[..., None].expand(-1, -1, ahead.shape[2]))
            y_BTH = torch.cat([y_BTH, ahead, static], dim=-1)
        parameters = self.head(y_BTH)
        if self.anchor or self.lags:
            parameters = self.head.shift(parameters, self._base(inputs.values_BKY, places_Bn))
        return parameters, state

    def scheduled(self, inputs: Inputs, lengths_B: Tensor | None, own: float) -> Tensor:
        """Run with scheduled sampling (Bengio et al. 2015) and return the parameters `[B, T, Y, P]`.

        Each input value after a window's first is replaced by the network's prediction with probability `own`.
        """
        columns = list(inputs.values_BKY.unbind(1))
        rows, steps = inputs.values_BKY.shape[0], inputs.values_BKY.shape[1] - self.lookback + 1
        state, found = self.initial_state(rows), []
        for step in range(steps):
            here = Inputs(
                torch.stack(columns[step : step + self.lookback], 1),
                inputs.seen_BTY[:, step : step + 1],
                inputs.past_BTP[:, step : step + 1],
                inputs.ahead_BUQ[:, step : step + 1],
                inputs.static_BC,
            )
            there_B = None if lengths_B is None else (lengths_B - step).clamp(0, 1)
            parameters, state = self(here, there_B, state)
            found.append(parameters)
            if step + 1 < steps:
                guess_BY = self.read(self.one_value(parameters.detach())[:, 0])
                taken_B1 = torch.rand(rows, 1).to(guess_BY.device) < own
                place = step + self.lookback
                columns[place] = torch.where(taken_B1, guess_BY, columns[place])
        return torch.cat(found, 1)

    @property
    def counts(self) -> bool:
        """Whether the network predicts counts; it then reads their logarithms."""
        return self.head.domain == "counts"

    def read(self, values: Tensor) -> Tensor:
        """Transform predicted values to input values."""
        return torch.log1p(values) if self.counts else values

    def one_value(self, parameters: Tensor) -> Tensor:
        """Return the point forecast of each distribution: its median or mean, according to `point`."""
        if self.point == "mean" or not self.head.spread:
            return self.head.mean(parameters)
        return self.head.quantiles(parameters, (0.5,))[..., 0]

    def _features(self, inputs: Inputs) -> Tensor:
        """Return the inputs of the recurrent layers, `[B, T, features]`."""
        values_BKY = inputs.values_BKY
        first = self.lookback - 1
        present_BTY = values_BKY[:, first:]
        parts = [present_BTY - values_BKY[:, first - 1 : -1] if self.anchor else present_BTY]
        for steps in self.resolutions:
            mean_BTY = F.avg_pool1d(values_BKY[:, first + 1 - steps :].transpose(1, 2), steps, 1).transpose(1, 2)
            parts.append(mean_BTY - present_BTY if self.anchor else mean_BTY)
        steps = present_BTY.shape[1]
        static_BTC = inputs.static_BC[:, None].expand(-1, steps, -1)
        parts += [inputs.seen_BTY, inputs.past_BTP, inputs.ahead_BUQ[:, :steps], static_BTC]
        return torch.cat(parts, dim=-1)

    def _base(self, values_BKY: Tensor, places_Bn: Tensor | None) -> Tensor:
        """Return the base that is added to the prediction, `[B, n, horizon x Y]`."""
        windows_BTYL = values_BKY.unfold(1, max(self.lags, 1), 1)[:, self.lookback - max(self.lags, 1) :]
        if places_Bn is not None:
            rows_B1 = torch.arange(len(places_Bn), device=values_BKY.device)[:, None]
            windows_BTYL = windows_BTYL[rows_B1, places_Bn]
        anchor_BTY1 = windows_BTYL[..., -1:] if self.anchor else windows_BTYL.new_zeros(())
        base_BThY = anchor_BTY1.expand(*windows_BTYL.shape[:3], self.horizon).transpose(2, 3)
        if self.lags:
            linear = torch.einsum("btyl,yhl->bthy", windows_BTYL - anchor_BTY1, self.lag_weight)
            base_BThY = base_BThY + linear + self.lag_bias.T
        return base_BThY.flatten(2)

"""One network of a forecaster: windows in, the distribution of the values after each step out.

What is predicted is a base and the network's part. The base is the last value (`anchor`) and a linear map of the last
values (`autoregression`; the skip of Lai et al. 2018); recurrent layers and a head give the distribution around it.
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
    """The numbers that the layers read at every step."""
    of_targets = 1 + len(window.resolutions) + sizes.masked
    return sizes.targets * of_targets + sizes.past + sizes.ahead + sizes.static


def feature_size(sizes: Sizes, window: WindowConfig, hidden: int) -> int:
    """The numbers that the head reads, of which `hidden` come from the layers."""
    return hidden + (window.horizon * sizes.ahead + sizes.static if window.mode == "direct" else 0)


class Member(nn.Module):
    """One network: recurrent layers and a head over windows of series.

    Args:
        sizes: of the data.
        window: what is seen of a series; settled.
        stack: the layers, of inputs of `input_size`.
        head: the distributions of all values that are predicted at once, from features of `feature_size`.
        point: "median" or "mean", what stands for a distribution as one value.
        dropout, input_dropout: rates, on what the head and the layers read.
        variational: one mask for all steps.
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
        """The state before the first step."""
        return self.stack.initial_state(batch_size)

    def forward(
        self, inputs: Inputs, lengths_B: Tensor | None = None, state: State | None = None, counted: int = 0
    ) -> tuple[Tensor, State]:
        """Parameters `[B, n, horizon x Y, P]` after each of n steps, and the state after each row's last step.

        n is T, or `counted`: then the last steps of each row.
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
        """Parameters `[B, T, Y, P]` where each value after a window's first is, with probability `own`, a prediction
        (scheduled sampling, Bengio et al. 2015)."""
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
        """Whether counts are predicted, of which logarithms are read."""
        return self.head.domain == "counts"

    def read(self, values: Tensor) -> Tensor:
        """Predicted values as the network reads them."""
        return torch.log1p(values) if self.counts else values

    def one_value(self, parameters: Tensor) -> Tensor:
        """What stands for each distribution as one value: its median or mean, as the options say."""
        if self.point == "mean" or not self.head.spread:
            return self.head.mean(parameters)
        return self.head.quantiles(parameters, (0.5,))[..., 0]

    def _features(self, inputs: Inputs) -> Tensor:
        """What the recurrent layers read: `[B, T, features]`."""
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
        """What the prediction is around: `[B, n, horizon x Y]`."""
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

"""Network of a forecaster: from windows of series to the distribution of the values after each time step.

A prediction is the sum of a base and the output of the network. The base is the last value (`residual_to_last`) plus a
linear map of the last values (`autoregression`; the autoregressive component of Lai et al. 2018). Recurrent layers and
a head predict the distribution around the base. The shape letters are those of `elman/data/panel/windows.py`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.panel.window_config import WindowConfig
from elman.data.panel.windows import InputSizes, WindowInputs, lookback
from elman.nn.dilated import DilatedStack
from elman.nn.dropout import check_rate, sequence_dropout
from elman.nn.forecast_head import ForecastHead
from elman.nn.stack import Stack
from elman.state import State

__all__ = ["ForecastMember", "feature_size", "input_size"]


def input_size(sizes: InputSizes, window: WindowConfig) -> int:
    """Return the input size of the recurrent layers."""
    of_targets = 1 + len(window.resolutions) + sizes.masked
    return sizes.targets * of_targets + sizes.past + sizes.ahead + sizes.static


def feature_size(sizes: InputSizes, window: WindowConfig, hidden_size: int) -> int:
    """Return the input size of the head, whose first `hidden_size` features are the output of the recurrent layers."""
    return hidden_size + (window.horizon * sizes.ahead + sizes.static if window.mode == "direct" else 0)


class ForecastMember(nn.Module):
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
        sizes: InputSizes,
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
        self.residual_to_last = window.residual_to_last
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
        self, inputs: WindowInputs, lengths_B: Tensor | None = None, state: State | None = None, loss_steps: int = 0
    ) -> tuple[Tensor, State]:
        """Return the parameters `[B, N, horizon x Y, P]` after each of N time steps, and each row's last state.

        With `loss_steps`, N is `loss_steps`: the last time steps of each row. Otherwise N is T.
        """
        x_BTI = self._features(inputs)
        x_BTI = sequence_dropout(x_BTI, self.input_dropout, variational=self.variational, training=self.training)
        y_BTH, state = self.stack(x_BTI, lengths_B, state)
        steps = y_BTH.shape[1]
        steps_BN = None
        if loss_steps:
            ends_B = torch.full((y_BTH.shape[0],), steps) if lengths_B is None else lengths_B
            steps_BN = (ends_B[:, None] - loss_steps + torch.arange(loss_steps)).clamp(min=0).to(y_BTH.device)
            y_BTH = y_BTH.gather(1, steps_BN[..., None].expand(-1, -1, y_BTH.shape[2]))
        y_BTH = sequence_dropout(y_BTH, self.dropout, variational=self.variational, training=self.training)
        if self.direct:
            ahead = inputs.ahead_BNF.unfold(1, self.horizon, 1).flatten(2)
            static = inputs.static_BC[:, None].expand(-1, y_BTH.shape[1], -1)
            if steps_BN is not None:
                ahead = ahead.gather(1, steps_BN[..., None].expand(-1, -1, ahead.shape[2]))
            y_BTH = torch.cat([y_BTH, ahead, static], dim=-1)
        parameters = self.head(y_BTH)
        if self.residual_to_last or self.lags:
            parameters = self.head.shift(parameters, self._base(inputs.values_BSY, steps_BN))
        return parameters, state

    def scheduled(self, inputs: WindowInputs, lengths_B: Tensor | None, own: float) -> Tensor:
        """Run with scheduled sampling (Bengio et al. 2015) and return the parameters `[B, T, Y, P]`.

        Each input value after a window's first is replaced by the network's prediction with probability `own`.
        """
        columns = list(inputs.values_BSY.unbind(1))
        rows, steps = inputs.values_BSY.shape[0], inputs.values_BSY.shape[1] - self.lookback + 1
        state, found = self.initial_state(rows), []
        for step in range(steps):
            step_inputs = WindowInputs(
                torch.stack(columns[step : step + self.lookback], 1),
                inputs.seen_BTY[:, step : step + 1],
                inputs.past_BTF[:, step : step + 1],
                inputs.ahead_BNF[:, step : step + 1],
                inputs.static_BC,
            )
            step_lengths_B = None if lengths_B is None else (lengths_B - step).clamp(0, 1)
            parameters, state = self(step_inputs, step_lengths_B, state)
            found.append(parameters)
            if step + 1 < steps:
                predicted_BY = self.read(self.point_forecast(parameters.detach())[:, 0])
                replaced_B1 = torch.rand(rows, 1).to(predicted_BY.device) < own
                index = step + self.lookback
                columns[index] = torch.where(replaced_B1, predicted_BY, columns[index])
        return torch.cat(found, 1)

    @property
    def counts(self) -> bool:
        """Whether the network predicts counts; it then reads their logarithms."""
        return self.head.domain == "counts"

    def read(self, values: Tensor) -> Tensor:
        """Transform predicted values to input values."""
        return torch.log1p(values) if self.counts else values

    def point_forecast(self, parameters: Tensor) -> Tensor:
        """Return the point forecast of each distribution: its median or mean, according to `point`."""
        if self.point == "mean" or not self.head.spread:
            return self.head.mean(parameters)
        return self.head.quantiles(parameters, (0.5,))[..., 0]

    def quick_point(self, parameters: Tensor) -> Tensor | None:
        """Return the point forecast as `point_forecast` does, or None where it takes long to find."""
        if self.point == "mean" or not self.head.spread or self.head.symmetric:
            return self.head.mean(parameters)
        return self.point_forecast(parameters) if self.head.domain == "real" else None

    def _features(self, inputs: WindowInputs) -> Tensor:
        """Return the inputs of the recurrent layers, `[B, T, features]`."""
        values_BSY = inputs.values_BSY
        first = self.lookback - 1
        present_BTY = values_BSY[:, first:]
        parts = [present_BTY - values_BSY[:, first - 1 : -1] if self.residual_to_last else present_BTY]
        for steps in self.resolutions:
            mean_BTY = F.avg_pool1d(values_BSY[:, first + 1 - steps :].transpose(1, 2), steps, 1).transpose(1, 2)
            parts.append(mean_BTY - present_BTY if self.residual_to_last else mean_BTY)
        steps = present_BTY.shape[1]
        static_BTC = inputs.static_BC[:, None].expand(-1, steps, -1)
        parts += [inputs.seen_BTY, inputs.past_BTF, inputs.ahead_BNF[:, :steps], static_BTC]
        return torch.cat(parts, dim=-1)

    def _base(self, values_BSY: Tensor, steps_BN: Tensor | None) -> Tensor:
        """Return the base that is added to the prediction, `[B, N, horizon x Y]`, in the dtype of the values.

        Autocast does not apply: in bfloat16 the base would be wrong by more than the network learns to add to it.
        """
        windows_BTYL = values_BSY.unfold(1, max(self.lags, 1), 1)[:, self.lookback - max(self.lags, 1) :]
        if steps_BN is not None:
            rows_B1 = torch.arange(len(steps_BN), device=values_BSY.device)[:, None]
            windows_BTYL = windows_BTYL[rows_B1, steps_BN]
        anchor_BTY1 = windows_BTYL[..., -1:] if self.residual_to_last else windows_BTYL.new_zeros(())
        base_BTNY = anchor_BTY1.expand(*windows_BTYL.shape[:3], self.horizon).transpose(2, 3)
        if self.lags:
            with torch.autocast(values_BSY.device.type, enabled=False):
                linear = torch.einsum("btyl,yhl->bthy", windows_BTYL - anchor_BTY1, self.lag_weight)
            base_BTNY = base_BTNY + linear + self.lag_bias.T
        return base_BTNY.flatten(2)

"""The network of a forecaster: windows in, the distribution of the values after each step out.

What is predicted is a base and the network's part. The base is the last value (`anchor`) and a linear map of the last
values (`autoregression`; the skip of Lai et al. 2018); recurrent layers and a head give the distribution around it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.panel.covariates import Scales
from elman.data.panel.window_config import WindowConfig
from elman.data.panel.windows import Inputs, lookback
from elman.nn import StoredModule, sequence_dropout
from elman.nn.distributions import make_head
from elman.nn.dropout import check_rate
from elman.nn.recurrent import make_dilated_stack, make_stack
from elman.tasks.forecaster.config import NetworkConfig
from elman.types import State

__all__ = ["ForecasterNetwork", "Member", "Sizes"]


class Sizes(NamedTuple):
    """Columns of the data: Y targets, P past and Q known-ahead covariates (calendar included), C statics, whether the
    network reads where values were missing, and how many of Q are of the calendar."""

    targets: int
    past: int
    ahead: int
    static: int
    masked: bool
    calendar: int = 0


class Member(nn.Module):
    """One network.

    Args:
        sizes: of the data.
        window, network: the options.
    """

    def __init__(self, sizes: Sizes, window: WindowConfig, network: NetworkConfig) -> None:
        super().__init__()
        self.sizes = sizes
        self.lookback = lookback(window)
        self.anchor = window.anchor
        self.resolutions = window.resolutions
        self.lags = window.autoregression
        self.direct = window.mode == "direct"
        self.horizon = window.horizon if self.direct else 1
        self.dropout, self.variational = network.dropout, network.variational
        self.input_dropout = check_rate("input_dropout", network.input_dropout)
        features = sizes.targets * (1 + len(self.resolutions) + sizes.masked) + sizes.past + sizes.ahead + sizes.static
        self.stack = (
            make_dilated_stack(network, features, network.dilations)
            if network.dilations
            else make_stack(network, features)
        )
        further = self.horizon * sizes.ahead + sizes.static if self.direct else 0
        options: dict[str, dict[str, Any]] = {"point": {"loss": network.loss}, "quantiles": {"levels": network.levels}}
        self.head = make_head(
            network.distribution,
            self.stack.output_size + further,
            self.horizon * sizes.targets,
            **options.get(network.distribution, {}),
        )
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


class ForecasterNetwork(StoredModule):
    """One network, or several members with weights of their own whose forecasts are averaged.

    It keeps the scale of the covariates beside its weights, for those who read data for it.

    Args:
        sizes: of the data.
        window, network: the options; windows must be settled.
    """

    def __init__(self, sizes: Sizes, window: WindowConfig, network: NetworkConfig) -> None:
        super().__init__()
        self.sizes = sizes
        self.context = window.context
        self.point = network.point
        self.layers = nn.ModuleList(Member(sizes, window, network) for _ in range(network.members))
        covariates = sizes.past + sizes.ahead - sizes.calendar + sizes.static
        self._covariates = ("covariate_offset", "covariate_scale") if covariates else ()
        for name, value in zip(self._covariates, (0.0, 1.0), strict=False):
            self.register_buffer(name, torch.full((covariates,), value))

    @property
    def scales(self) -> Scales | None:
        """Of the covariates; None where there are none."""
        if not self._covariates:
            return None
        offset, scale = (self.get_buffer(name).double().cpu().numpy() for name in self._covariates)
        return Scales(offset, scale)

    @scales.setter
    def scales(self, scales: Scales) -> None:
        for name, values in zip(self._covariates, scales, strict=False):  # there are none without covariates
            self.get_buffer(name).copy_(torch.from_numpy(values))

    @property
    def members(self) -> list[Member]:
        """The networks."""
        return cast("list[Member]", list(self.layers))

    @property
    def horizon(self) -> int:
        """The steps that are predicted at once."""
        return self.members[0].horizon

    @property
    def spread(self) -> bool:
        """Whether a distribution is predicted."""
        return self.members[0].head.spread

    @property
    def counts(self) -> bool:
        """Whether counts are predicted, of which logarithms are read."""
        return self.members[0].head.domain == "counts"

    def read(self, values: Tensor) -> Tensor:
        """Predicted values as the network reads them."""
        return torch.log1p(values) if self.counts else values

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def initial_state(self, batch_size: int) -> State:
        """The states of all members before the first step."""
        return tuple(member.initial_state(batch_size) for member in self.members)

    def one_value(self, member: Member, parameters: Tensor) -> Tensor:
        """What stands for each distribution as one value: its median or mean, as the options say."""
        if self.point == "mean" or not self.spread:
            return member.head.mean(parameters)
        return member.head.quantiles(parameters, (0.5,))[..., 0]

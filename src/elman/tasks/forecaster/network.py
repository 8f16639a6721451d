"""`ForecasterNetwork`: an ensemble of one or more members whose forecasts are averaged."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from elman.data.panel.covariates import CovariateScales
from elman.data.panel.window_config import WindowConfig
from elman.data.panel.windows import InputSizes
from elman.nn import StoredModule
from elman.nn.distributions import make_head
from elman.nn.forecast_member import ForecastMember, feature_size, input_size
from elman.nn.recurrent import make_dilated_stack, make_stack
from elman.state import State
from elman.tasks.forecaster.config import ForecasterNetworkConfig

__all__ = ["ForecasterNetwork"]


def _member(sizes: InputSizes, window: WindowConfig, network: ForecasterNetworkConfig) -> ForecastMember:
    """Return one member."""
    inputs = input_size(sizes, window)
    dilations = network.dilations
    stack = make_dilated_stack(network, inputs, dilations) if dilations else make_stack(network, inputs)
    options: dict[str, dict[str, Any]] = {"point": {"loss": network.loss}, "quantiles": {"levels": network.levels}}
    head = make_head(
        network.distribution,
        feature_size(sizes, window, stack.output_size),
        sizes.targets * (window.horizon if window.mode == "direct" else 1),
        **options.get(network.distribution, {}),
    )
    return ForecastMember(
        sizes,
        window,
        stack,
        head,
        point=network.point,
        dropout=network.dropout,
        input_dropout=network.input_dropout,
        variational=network.variational,
    )


class ForecasterNetwork(StoredModule):
    """An ensemble of independent networks (members) whose forecasts are averaged.

    The scales of covariates are saved as buffers, and applied when data is read.

    Args:
        sizes: numbers of targets and covariates.
        window, network: the options; those of windows must be resolved.
    """

    def __init__(self, sizes: InputSizes, window: WindowConfig, network: ForecasterNetworkConfig) -> None:
        super().__init__()
        self.sizes = sizes
        self.window = window
        self.point = network.point
        self.layers = nn.ModuleList(_member(sizes, window, network) for _ in range(network.members))
        covariates = sizes.past + sizes.ahead - sizes.calendar + sizes.static
        self._covariates = ("covariate_offset", "covariate_scale") if covariates else ()
        for name, value in zip(self._covariates, (0.0, 1.0), strict=False):
            self.register_buffer(name, torch.full((covariates,), value))

    @property
    def scales(self) -> CovariateScales | None:
        """The scales of the covariates; None without covariates."""
        if not self._covariates:
            return None
        offset, scale = (self.get_buffer(name).double().cpu().numpy() for name in self._covariates)
        return CovariateScales(offset, scale)

    @scales.setter
    def scales(self, scales: CovariateScales) -> None:
        for name, values in zip(self._covariates, scales, strict=False):  # no buffers without covariates
            self.get_buffer(name).copy_(torch.from_numpy(values))

    @property
    def members(self) -> list[ForecastMember]:
        """The members of the ensemble."""
        return cast("list[ForecastMember]", list(self.layers))

    @property
    def horizon(self) -> int:
        """Number of time steps that are predicted at once."""
        return self.members[0].horizon

    @property
    def spread(self) -> bool:
        """Whether a distribution is predicted."""
        return self.members[0].head.spread

    @property
    def counts(self) -> bool:
        """Whether counts are predicted; inputs are then logarithms of counts."""
        return self.members[0].counts

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def initial_state(self, batch_size: int) -> State:
        """Return the initial states of all members."""
        return tuple(member.initial_state(batch_size) for member in self.members)

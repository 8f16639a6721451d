"""Options and presets of the forecaster. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.panel import PanelConfig, TransformConfig
from elman.data.panel.window_config import WindowConfig, check_windows
from elman.errors import ConfigError
from elman.nn.recurrent_config import RecurrentConfig
from elman.options import Sections, option, section
from elman.train.config import EVERY_EXAMPLE_EVALUATED, TrainConfig
from elman.train.plain import PLAIN_TRAINING

__all__ = ["PRESETS", "ForecasterConfig", "ForecasterNetworkConfig", "check_options"]

DISTRIBUTIONS = ("student-t", "gaussian", "quantiles", "negative-binomial", "point")


@section
class ForecasterNetworkConfig(RecurrentConfig):
    """Options of the network and its predictive distribution."""

    cell: str = option("gru", "recurrent cell; see `elman cells`")
    hidden_size: int = option(64, "hidden units of each layer", least=1, former=("hidden",))
    dilations: tuple[int, ...] = option((), "dilation of each layer (steps between recurrent states), such as 1,2,4")
    distribution: str = option("student-t", "predictive distribution", choices=DISTRIBUTIONS)
    loss: str = option("squared", "loss function of the point distribution", choices=("squared", "absolute", "huber"))
    levels: tuple[float, ...] = option(
        (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975), "probability levels of the quantiles distribution"
    )
    point: str = option("median", "point forecast from a predicted distribution", choices=("median", "mean"))
    calibrate: bool = option(
        True, "correct the widths of intervals so that they hold what their level says on the validation steps"
    )
    shrink: bool = option(
        True,
        "move the network towards the linear autoregression that it starts as, if that forecasts the validation steps "
        "better",
        absent=False,
    )
    members: int = option(1, "number of independent networks whose forecasts are averaged", least=1, most=100)
    keep_history: bool = option(True, "save the last training values, so that the model can forecast from them")


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {"hidden_size": 24, "max_steps": 400},
        "base": {"max_steps": 1500},
        "large": {
            "hidden_size": 128,
            "layers": 2,
            "dropout": 0.1,
            "members": 3,
            "learning_rate": 2e-3,
            "max_steps": 3000,
        },
        "plain": {
            **PLAIN_TRAINING,
            "cell": "lstm",
            "hidden_size": 50,
            "distribution": "point",
            "calibrate": False,
            "scaling": "min-max",
            "calendar": ("none",),
            "mode": "direct",
            "horizon": 1,
            "loss_steps": 1,
            "residual_to_last": False,
            "autoregression": 0,
            "max_epochs": 100.0,
        },
    }
)
# Options of every preset. The speed of bfloat16 is not worth its loss of accuracy here.
_COMMON: Mapping[str, Any] = MappingProxyType(
    {"learning_rate": 3e-3, "weight_decay": 0.01, "warmup_steps": 20, "precision": "float32"}
)
_OWN_LOSS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        ("loss_from", "loss_to"),
        "expected no loss_from and no loss_to: a forecaster selects the time steps of the loss by loss_steps",
    )
)


@dataclass(frozen=True)
class ForecasterConfig(Sections):
    """All options of a forecaster."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {name: {**_COMMON, **own} for name, own in PRESETS.items()}
    )
    unused: ClassVar[Mapping[str, str]] = MappingProxyType({**EVERY_EXAMPLE_EVALUATED, **_OWN_LOSS})

    data: PanelConfig = field(default_factory=PanelConfig)
    transforms: TransformConfig = field(default_factory=TransformConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    network: ForecasterNetworkConfig = field(default_factory=ForecasterNetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)

    @property
    def counts(self) -> bool:
        """Whether counts are predicted."""
        return self.network.distribution == "negative-binomial"


def check_options(config: ForecasterConfig) -> None:
    """Raise ConfigError for incompatible options."""
    window, network = config.window, config.network
    check_windows(window)
    masks = [name for name in ("variational", "recurrent_dropout", "weight_drop") if getattr(network, name)]
    if window.scheduled_sampling and masks:
        raise ConfigError(
            "expected no dropout with one mask for all time steps together with scheduled_sampling. "
            f"Received: {', '.join(masks)}"
        )
    if window.scheduled_sampling and config.training.recompute:
        raise ConfigError(
            "expected recompute = 0 with scheduled_sampling, where every input depends on the prediction before it. "
            f"Received: recompute = {config.training.recompute}"
        )
    if network.dilations and len(network.dilations) != network.layers:
        raise ConfigError(
            f"expected one dilation for each of the layers = {network.layers}. Received: {network.dilations}"
        )
    if any(each < 1 for each in network.dilations):
        raise ConfigError(f"expected dilations of at least 1 step. Received: {network.dilations}")
    if network.distribution == "quantiles" and (
        not network.levels
        or any(not 0 < level < 1 for level in network.levels)
        or list(network.levels) != sorted(set(network.levels))
    ):
        raise ConfigError(f"expected rising levels between 0 and 1. Received: {network.levels}")
    if config.counts:
        chain = config.transforms
        if (chain.transform, chain.scaling, chain.difference, chain.seasonal_difference) != ("none", "none", 0, 0):
            raise ConfigError(
                "expected transform=none, scaling=none and no differences with counts (negative-binomial). Received: "
                f"{chain.transform}, {chain.scaling}, {chain.difference}, {chain.seasonal_difference}"
            )
        if window.residual_to_last or window.autoregression > 0:
            raise ConfigError(
                "expected residual_to_last=false and autoregression=0 with counts (negative-binomial). "
                f"Received: residual_to_last={window.residual_to_last}, autoregression={window.autoregression}"
            )

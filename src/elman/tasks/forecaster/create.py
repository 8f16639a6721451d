"""Long series of a network's own: free running from zeros, from values, or from a stretch of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel
from elman.errors import ConfigError, DataError
from elman.tasks.forecaster.predict import forecast_from

if TYPE_CHECKING:
    from elman.tasks.forecaster.model import Forecaster

__all__ = ["create_series"]

Doubles = npt.NDArray[np.float64]


def create_series(
    model: Forecaster, length: int, seed: Any, *, series: str | int, draw: bool | None, random: int
) -> Doubles:
    """What `Forecaster.create` says."""
    network, tail = model.network, model.known.tail
    if tail.past_names or tail.future_names:
        named = ", ".join((*tail.past_names, *tail.future_names))
        raise ConfigError(f"expected a model without covariates, for nobody knows theirs. Received: {named}")
    draw = network.spread if draw is None else draw
    if draw and not network.spread:
        raise ConfigError("expected draw=False: a network with distribution=point has nothing to draw from")
    if _is_stretch(seed):
        series = seed[0]
    number = tail.find(series) if isinstance(series, str) else int(series)
    if not 0 <= number < len(tail):
        raise ConfigError(f"expected a series below {len(tail)}. Received: {series!r}")
    one = tail.take([number])
    transform = model.known.transforms[number]
    history, stop = _history(model, one, seed)
    begin = one.starts[0] + stop - len(history)
    panel = Panel(
        ids=one.ids,
        frequency=one.frequency,
        starts=[begin],
        targets=[history],
        past=[np.zeros((len(history), 0))],
        future=[np.zeros((len(history), 0))],
        static=one.static,
        target_names=one.target_names,
        static_names=one.static_names,
    )
    ahead = forecast_from(
        network,
        model.config,
        panel,
        [transform],
        np.array([0]),
        np.array([len(history) - 1]),
        length,
        samples=int(draw),
        paths=0,
        seed=random,
    )
    values = ahead.mean[0] if ahead.samples is None else ahead.samples[0, 0]
    return values[:, 0] if values.shape[1] == 1 else values


def _is_stretch(seed: Any) -> bool:
    return isinstance(seed, tuple) and len(seed) == 2 and isinstance(seed[1], slice)


def _history(model: Forecaster, one: Panel, seed: Any) -> tuple[Doubles, int]:
    """The values that come first, `[T, Y]`, in the unit of the series, and the step of `one` that comes after them."""
    variables, stop = len(one.target_names), len(one.targets[0])
    if isinstance(seed, str):
        if seed != "zeros":
            raise ConfigError(f"expected the seed zeros, values, or a series and a slice. Received: {seed!r}")
        transform = model.known.transforms_of(one)[0]
        steps = model.config.window.context
        before = one.targets[0][: transform.lost]
        if len(before) < transform.lost:
            raise ConfigError(
                f"expected a model that keeps at least {transform.lost} last values, to undo its differences. "
                f"Received: {len(before)}"
            )
        zeros = np.zeros((steps, variables))
        return np.concatenate([before, transform.inverse(zeros, before)]), stop
    if _is_stretch(seed):
        first, stop, step = seed[1].indices(stop)
        if step != 1:
            raise ConfigError(f"expected a slice of steps one after the other as the seed. Received: {seed[1]}")
        values = one.targets[0][first:stop]
    else:
        try:
            values = np.asarray(seed, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"expected numbers as the seed. Received: {error}") from error
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != variables or len(values) < 1:
        raise DataError(f"expected values of the shape [T, {variables}] as the seed. Received: {values.shape}")
    if not np.isfinite(values).all():
        raise DataError("expected finite values as the seed. Received: NaN or infinity")
    return values, stop

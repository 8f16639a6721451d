"""Invertible transforms of series. They are fitted in `elman.data.panel.fit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ArtifactError, DataError, ShapeError

__all__ = ["KINDS", "Transform", "forward_values"]

Floats = npt.NDArray[np.float64]

KINDS = ("none", "log", "log1p", "box-cox")
# exp overflows above about this value, which sample paths may exceed.
_LARGEST = 700.0


@dataclass(frozen=True)
class Transform:
    """Transform of one series of Y variables: a function of the values, then differences, then scaling.

    kind        "none", "log", "log1p" or "box-cox": (v^power - 1) / power of v = y / centre (Box & Cox 1964)
    power       power of Box-Cox, from 0 (the logarithm) to 2, [Y]
    centre      for Box-Cox: the geometric mean, a divisor that keeps the values small, [Y]
    difference  number of times that the value one step before is subtracted
    seasonal    number of times that the value `period` steps before is subtracted, 0 or 1
    offset, scale  z = (differences - offset) / scale, [Y]
    """

    kind: str
    power: Floats
    centre: Floats
    difference: int
    seasonal: int
    period: int
    offset: Floats
    scale: Floats

    @property
    def lost(self) -> int:
        """Number of time steps at the start of a series that the differences consume."""
        return self.difference + self.seasonal * self.period

    def forward(self, y_TY: Floats, name: str = "the series", time: Callable[[int], str] | None = None) -> Floats:
        """Return z, [T - lost, Y]; NaN where it depends on a NaN value.

        Raises DataError, with `name` and the `time` of a step, for values that have no logarithm and for a series of at
        most `lost` time steps; ShapeError for another number of variables.
        """
        self._check(y_TY, 2, "y_TY")
        check_domain(self.kind, y_TY, name, time)
        if len(y_TY) <= self.lost:
            raise DataError(f"{name}: expected more than {self.lost} steps to take differences. Received: {len(y_TY)}")
        w_TY = forward_values(self.kind, y_TY, self.power, self.centre)
        return (self._differences(w_TY) - self.offset) / self.scale

    def inverse(self, z_NY: Floats, history_TY: Floats) -> Floats:
        """Return the values of z in the units of the series, in the shape of z.

        z_NY        transformed values of N time steps, or [K, N, Y] for K sample paths
        history_TY  untransformed values of the series before z; only the last `lost` time steps are used

        Values outside the range of the function are clipped to it. Raises DataError for a history that is too short or
        has a missing value in its last `lost` steps; ShapeError for other shapes.
        """
        self._check(z_NY, 2 if z_NY.ndim != 3 else 3, "z_NY")
        self._check(history_TY, 2, "history_TY")
        w_NY = z_NY * self.scale + self.offset
        if self.lost:
            recent = history_TY[-self.lost :]
            if len(recent) < self.lost or np.isnan(recent).any():
                found = f"{len(recent)} steps" if len(recent) < self.lost else "a missing value"
                raise DataError(
                    f"expected a history whose last {self.lost} steps have values, to undo the differences. "
                    f"Received: {found}"
                )
            w_NY = self._integrate(w_NY, forward_values(self.kind, recent, self.power, self.centre))
        return inverse_values(self.kind, w_NY, self.power, self.centre)

    def _check(self, values: Floats, dimensions: int, name: str) -> None:
        if values.ndim != dimensions or values.shape[-1] != len(self.scale):
            raise ShapeError(f"{name}: expected {len(self.scale)} variables last. Received: the shape {values.shape}")

    def _differences(self, w_TY: Floats) -> Floats:
        if self.seasonal:
            w_TY = w_TY[self.period :] - w_TY[: -self.period]
        return np.diff(w_TY, n=self.difference, axis=0)

    def _integrate(self, d_NY: Floats, recent_TY: Floats) -> Floats:
        """Invert the differences; `recent_TY` are the `lost` values of w before."""
        tail_TY = recent_TY[self.period :] - recent_TY[: -self.period] if self.seasonal else recent_TY
        for order in range(self.difference - 1, -1, -1):
            d_NY = np.cumsum(d_NY, axis=-2) + np.diff(tail_TY, n=order, axis=0)[-1]
        if not self.seasonal:
            return d_NY
        steps, season = d_NY.shape[-2], self.period
        padding = [(0, 0)] * (d_NY.ndim - 2) + [(0, -steps % season), (0, 0)]
        blocks = np.pad(d_NY, padding).reshape(*d_NY.shape[:-2], -1, season, d_NY.shape[-1])
        summed = np.cumsum(blocks, axis=-3) + recent_TY[-season:]
        whole: Floats = summed.reshape(*d_NY.shape[:-2], -1, d_NY.shape[-1])[..., :steps, :]
        return whole

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values for `from_json`."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        }

    @classmethod
    def from_json(cls, values: Any) -> Transform:
        """Create from the result of `to_json`. Raises ArtifactError for other values."""
        arrays, counts = ("power", "centre", "offset", "scale"), ("difference", "seasonal", "period")
        good = (
            isinstance(values, Mapping)
            and set(values) == {"kind", *arrays, *counts}
            and values["kind"] in KINDS
            and all(type(values[name]) is int and 0 <= values[name] < 2**31 for name in counts)
            and values["seasonal"] <= 1
            and values["difference"] <= 2
            and (values["period"] >= 1 or not values["seasonal"])
            and all(isinstance(values[name], list) and values[name] for name in arrays)
            and len({len(values[name]) for name in arrays}) == 1
            and all(type(number) in (int, float) for name in arrays for number in values[name])
        )
        numbers = {name: np.array(values[name], dtype=np.float64) for name in arrays} if good else {}
        if (
            not good
            or not all(np.isfinite(array).all() for array in numbers.values())
            or (numbers["scale"] <= 0).any()
            or (numbers["centre"] <= 0).any()
            or (numbers["power"] < 0).any()
        ):
            raise ArtifactError(f"expected the transform of a series. Received: {str(values)[:120]}")
        return cls(values["kind"], difference=values["difference"], seasonal=values["seasonal"],
                   period=values["period"], **numbers)  # fmt: skip


def check_domain(kind: str, values: Floats, name: str, time: Callable[[int], str] | None = None) -> None:
    """Raise DataError for a value outside the domain of the function; NaN is allowed.

    name  name of the series in the message
    time  returns the time of a step as text, for the message
    """
    least = {"log": 0.0, "box-cox": 0.0, "log1p": -1.0}.get(kind)
    if least is None:
        return
    wrong = values <= least
    if wrong.any():
        step = int(np.argwhere(wrong)[0][0])
        place = name if time is None else f"{name} at {time(step)}"
        raise DataError(
            f"{place}: expected values above {least:g} for the transform {kind}. Received: {values[wrong][0]:g}"
        )


def forward_values(kind: str, y: Floats, power: Floats, centre: Floats) -> Floats:
    """Apply the function of the values; `power` and `centre` are used by Box-Cox only."""
    if kind == "none":
        return y
    if kind == "log":
        return np.log(y)
    if kind == "log1p":
        return np.log1p(y)
    u = np.log(y) - np.log(centre)
    safe = np.where(power == 0, 1.0, power)
    return np.where(power == 0, u, np.expm1(safe * u) / safe)


def inverse_values(kind: str, w: Floats, power: Floats, centre: Floats) -> Floats:
    """Invert `forward_values`."""
    if kind == "none":
        return w
    if kind == "log":
        return np.exp(np.minimum(w, _LARGEST))
    if kind == "log1p":
        return np.expm1(np.minimum(w, _LARGEST))
    safe = np.where(power == 0, 1.0, power)
    # Values of -1 and less are outside the range of the power; they become 0.
    inside = np.log1p(np.maximum(safe * w, np.nextafter(-1.0, 0.0))) / safe
    u = np.where(power == 0, w, inside)
    y = centre * np.exp(np.minimum(u, _LARGEST - np.log(centre)))
    return np.where((power > 0) & (safe * w <= -1.0), 0.0, y)

"""The order of the axes of images in arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["channels_last"]

_CHANNELS_OF_IMAGES = (1, 3)
# The last axis of images in elman's order has at most this many channels: red, green, blue and opacity.
_MOST_CHANNELS = 4


def channels_last(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return images as `N x height x width x channels`; those of torch's order, with channels second, turned.

    Images are in torch's order if the second axis has the size of channels, 1 or 3, and the last one has not.
    """
    if values.ndim == 4 and values.shape[1] in _CHANNELS_OF_IMAGES and values.shape[3] > _MOST_CHANNELS:
        return np.moveaxis(values, 1, -1)
    return values

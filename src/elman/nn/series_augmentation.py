"""Augmentation of series in training: noise, scales, crops, and warped time, with new draws in every batch.

All draws come from torch's generators, whose states are part of every checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["SeriesAugmentation"]

# Segments of a series with random speeds of their own.
_SPEEDS = 4


@dataclass(frozen=True)
class SeriesAugmentation:
    """Random changes of series `x_BTI` that do not change their class (Um et al. 2017; Le Guennec et al. 2016).

    noise         standard deviation of Gaussian noise on every value
    scale_jitter  standard deviation of the logarithm of a factor for each series and channel
    time_warp     standard deviation of the logarithm of the speed in each quarter of a series; the length is kept
    crop          largest share of the steps of a series that is cut off at its two ends together
    """

    noise: float = 0.0
    scale_jitter: float = 0.0
    time_warp: float = 0.0
    crop: float = 0.0

    @staticmethod
    def of(config: Any) -> SeriesAugmentation:
        """Return the augmentation that the options of a network describe."""
        return SeriesAugmentation(config.noise, config.scale_jitter, config.time_warp, config.crop)

    def __call__(self, x_BTI: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return changed series and their lengths; without any option the arguments, and without a random draw."""
        if self.crop or self.time_warp:
            x_BTI, lengths_B = self._resampled(x_BTI, lengths_B)
        if self.scale_jitter:
            factors_B1I = torch.randn_like(x_BTI[:, :1]).mul(self.scale_jitter).exp()
            x_BTI = x_BTI * factors_B1I
        if self.noise:
            x_BTI = x_BTI + self.noise * torch.randn_like(x_BTI)
        return x_BTI, lengths_B

    def _resampled(self, x_BTI: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return series that are read at other places of time, between two steps by linear interpolation."""
        B, T, _ = x_BTI.shape
        device = x_BTI.device
        full_B = torch.full((B,), T, device=device) if lengths_B is None else lengths_B.to(device)
        last_B1 = (full_B - 1).clamp(min=0).to(x_BTI.dtype)[:, None]
        steps_T = torch.arange(T, device=device, dtype=x_BTI.dtype)
        first_B1, kept_B1 = torch.zeros_like(last_B1), last_B1
        if self.crop:
            share_B1, place_B1 = torch.rand(2, B, 1, device=device, dtype=x_BTI.dtype)
            kept_B1 = (last_B1 * (1 - self.crop * share_B1)).round()
            first_B1 = ((last_B1 - kept_B1) * place_B1).round()
            lengths_B = torch.minimum(full_B, kept_B1[:, 0].long() + 1)
        places_BT = torch.minimum(steps_T, kept_B1)
        if self.time_warp:
            places_BT = kept_B1 * self._warped(places_BT / kept_B1.clamp(min=1))
        places_BT = (first_B1 + places_BT).clamp(min=0)
        before_BT = places_BT.floor().long()
        after_BT = torch.minimum(before_BT + 1, last_B1.long())
        share_BT1 = (places_BT - before_BT)[..., None]
        rows_B1 = torch.arange(B, device=device)[:, None]
        x_BTI = x_BTI[rows_B1, before_BT] * (1 - share_BT1) + x_BTI[rows_B1, after_BT] * share_BT1
        return x_BTI, lengths_B

    def _warped(self, share_BT: Tensor) -> Tensor:
        """Return a random increasing function of shares of the time, with 0 and 1 as its ends."""
        speeds_BS = torch.randn(len(share_BT), _SPEEDS, device=share_BT.device, dtype=share_BT.dtype)
        knots_BS = speeds_BS.mul(self.time_warp).exp().cumsum(dim=1)
        knots_BS = torch.nn.functional.pad(knots_BS / knots_BS[:, -1:], (1, 0))
        segment_BT = (share_BT * _SPEEDS).floor().clamp(max=_SPEEDS - 1)
        begin_BT, end_BT = knots_BS.gather(1, segment_BT.long()), knots_BS.gather(1, segment_BT.long() + 1)
        return begin_BT + (end_BT - begin_BT) * (share_BT * _SPEEDS - segment_BT)

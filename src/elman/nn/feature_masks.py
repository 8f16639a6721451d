"""SpecAugment: masks of time steps and frequency bands on sound features in training."""

from __future__ import annotations

import torch
from torch import Tensor

from elman.errors import ConfigError, ShapeError

__all__ = ["spec_augment"]


def spec_augment(
    x_BTF: Tensor,
    lengths_B: Tensor,
    generator: torch.Generator,
    *,
    time_masks: int = 2,
    time_width: int = 20,
    frequency_masks: int = 2,
    frequency_width: int = 8,
) -> Tensor:
    """SpecAugment without time warping (Park et al. 2019): replace masked values by means of their row.

    Args:
        x_BTF: features; not changed in place.
        lengths_B: number of real frames of each row. Masks cover only real frames; the padding is not changed.
        generator: CPU generator of the masks, which differ between rows.
        time_masks, time_width: number of time masks, and their largest width in frames; a mask covers at most half of a
            row.
        frequency_masks, frequency_width: number of frequency masks, and their largest width in features; a mask covers
            at most half of the features.

    Widths and positions are uniformly distributed, and masks may overlap. A time mask sets each feature to its mean
    over the row's real frames, a frequency mask to the mean of all features and real frames of the row.

    Raises ConfigError for a negative number or width of masks, ShapeError for tensors whose shapes do not match.
    """
    counts = {
        "time_masks": time_masks,
        "time_width": time_width,
        "frequency_masks": frequency_masks,
        "frequency_width": frequency_width,
    }
    for name, value in counts.items():
        if value < 0:
            raise ConfigError(f"expected {name} to be at least 0. Received: {value}")
    if x_BTF.dim() != 3 or lengths_B.shape != x_BTF.shape[:1]:
        raise ShapeError(f"expected x_BTF of three dimensions and lengths_B of its rows. "
                         f"Received: {tuple(x_BTF.shape)} and {tuple(lengths_B.shape)}")  # fmt: skip
    rows, steps, features = x_BTF.shape
    device = x_BTF.device
    times_B = lengths_B.to("cpu")
    time_mask_BT = _masks(times_B, steps, time_masks, time_width, generator).to(device)
    frequency_mask_BF = _masks(torch.full((rows,), features), features, frequency_masks, frequency_width, generator).to(
        device
    )
    real_BT = torch.arange(steps, device=device) < times_B.to(device)[:, None]
    # The padding may contain anything, even NaN, so it must not enter the means.
    real_BTF = torch.where(real_BT[..., None], x_BTF, 0.0)
    mean_BF = real_BTF.sum(dim=1) / times_B.to(device, x_BTF.dtype).clamp(min=1)[:, None]
    masked_BTF = torch.where(time_mask_BT[..., None], mean_BF[:, None], x_BTF)
    mean_B = mean_BF.mean(dim=1)
    return torch.where(frequency_mask_BF[:, None] & real_BT[..., None], mean_B[:, None, None], masked_BTF)


def _masks(sizes_B: Tensor, size: int, count: int, width: int, generator: torch.Generator) -> Tensor:
    """Draw boolean masks `B x size`: `count` spans a row, of 0 to `width` positions within the first `sizes_B`."""
    max_width_B1 = (sizes_B[:, None] // 2).clamp(max=width)
    random_2BN = torch.rand(2, len(sizes_B), count, generator=generator)
    widths_BN = (random_2BN[0] * (max_width_B1 + 1)).long()
    begins_BN = (random_2BN[1] * (sizes_B[:, None] - widths_BN + 1)).long()
    positions = torch.arange(size)
    inside_BNS = (positions >= begins_BN[..., None]) & (positions < (begins_BN + widths_BN)[..., None])
    return inside_BNS.any(dim=1)

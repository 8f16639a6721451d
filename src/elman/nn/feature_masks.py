"""Masks over features of sound while training: stretches of time, and bands of frequency, are hidden."""

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
    """SpecAugment without time warping (Park et al. 2019): what is masked becomes the mean of its row's features.

    Args:
        x_BTF: features; they are not changed in place.
        lengths_B: the frames that are real in each row. Masks lie within them, and the padding stays as it is.
        generator: of the masks, on the processor; other masks in every row.
        time_masks, time_width: so many stretches of 0 to `time_width` frames, but never of more than half of a row.
        frequency_masks, frequency_width: so many bands of 0 to `frequency_width` features, but never of more than half
            of them.

    Widths and begins are uniform, and masks may lie over one another. The mean is that of each feature over the row's
    real frames for masks of time, and of the whole row for masks of frequency. Raises ConfigError for a number below 0,
    ShapeError for lengths that are not B.
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
    hidden_BT = _masks(times_B, steps, time_masks, time_width, generator).to(device)
    hidden_BF = _masks(torch.full((rows,), features), features, frequency_masks, frequency_width, generator).to(device)
    real_BT = torch.arange(steps, device=device) < times_B.to(device)[:, None]
    # Padding may hold anything, even NaN; it counts for no mean.
    real_BTF = torch.where(real_BT[..., None], x_BTF, 0.0)
    mean_BF = real_BTF.sum(dim=1) / times_B.to(device, x_BTF.dtype).clamp(min=1)[:, None]
    masked_BTF = torch.where(hidden_BT[..., None], mean_BF[:, None], x_BTF)
    mean_B = mean_BF.mean(dim=1)
    return torch.where(hidden_BF[:, None] & real_BT[..., None], mean_B[:, None, None], masked_BTF)


def _masks(sizes_B: Tensor, size: int, count: int, width: int, generator: torch.Generator) -> Tensor:
    """Where stretches lie, `B x size`: `count` a row, each of 0 to `width` places, within the first `sizes_B`."""
    most_B1 = (sizes_B[:, None] // 2).clamp(max=width)
    drawn_2BN = torch.rand(2, len(sizes_B), count, generator=generator)
    widths_BN = (drawn_2BN[0] * (most_B1 + 1)).long()
    begins_BN = (drawn_2BN[1] * (sizes_B[:, None] - widths_BN + 1)).long()
    places = torch.arange(size)
    inside_BNS = (places >= begins_BN[..., None]) & (places < (begins_BN + widths_BN)[..., None])
    return inside_BNS.any(dim=1)

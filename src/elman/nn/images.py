"""ImageEncoder: a small convolutional network from images to feature maps."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from elman.errors import ConfigError, ShapeError

__all__ = ["ImageEncoder"]

# Largest number of groups in group normalisation.
_GROUPS = 8


class ImageEncoder(nn.Module):
    """Blocks of 3 x 3 convolution, 2 x 2 max pooling, group normalisation (Wu & He 2018) and ReLU.

    Every block halves height and width, rounded up. The feature map of an image does not depend on the rest of its
    batch.

    Args:
        input_channels: number of channels of the images.
        channels: number of output channels of each block; the last is the number of features of the map.

    Raises ConfigError for an empty `channels`, and for a block with fewer than 2 channels.
    """

    def __init__(self, input_channels: int, channels: Sequence[int]) -> None:
        super().__init__()
        if not channels or min(channels) < 2:
            raise ConfigError(
                f"expected channels to have at least one number, each at least 2. Received: {tuple(channels)}"
            )
        self.input_channels = input_channels
        self.output_size = channels[-1]
        blocks: list[nn.Module] = []
        in_channels = input_channels
        for size in channels:
            blocks += [
                nn.Conv2d(in_channels, size, 3, padding=1, bias=False),
                # Pool before the normalisation, which then has a quarter of the work.
                nn.MaxPool2d(2, ceil_mode=True),
                nn.GroupNorm(_groups(size), size),
                nn.ReLU(),
            ]
            in_channels = size
        self.blocks = nn.Sequential(*blocks)
        self.halvings = len(channels)

    def map_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of the feature map of an image."""
        for _ in range(self.halvings):
            height, width = -(-height // 2), -(-width // 2)
        return height, width

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the feature maps, batch x height x width x features.

        Raises ShapeError for images with another number of channels.
        """
        if pixels.dim() != 4 or pixels.shape[-1] != self.input_channels:
            expected = f"pixels of shape (batch, height, width, {self.input_channels})"
            raise ShapeError(f"expected {expected}. Received: {tuple(pixels.shape)}")
        return self.blocks(pixels.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def _groups(channels: int) -> int:
    """Return the number of normalisation groups, with at least two channels in each.

    A group of one channel on a 1 x 1 map is a single value, and normalising it gives zero.
    """
    return next(groups for groups in range(min(_GROUPS, channels // 2), 0, -1) if channels % groups == 0)

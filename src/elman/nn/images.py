"""A small convolutional encoder: from images to a map of features. Knows nothing about texts or training."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from elman.errors import ConfigError, ShapeError

__all__ = ["ImageEncoder"]

# Most groups of channels that are normalised together.
_GROUPS = 8


class ImageEncoder(nn.Module):
    """Blocks of a 3 x 3 convolution, the maximum of each 2 x 2, a normalisation in groups (Wu & He 2018), and ReLU.

    Every block halves height and width, rounded up. An image's map does not depend on the rest of its batch.

    Args:
        input_channels: of the images.
        channels: of each block; the last is the size of the map's features.

    Raises ConfigError for no blocks, and for one of fewer than 2 channels.
    """

    def __init__(self, input_channels: int, channels: Sequence[int]) -> None:
        super().__init__()
        if not channels or min(channels) < 2:
            raise ConfigError(f"expected the channels of a block at least, each from 2. Received: {tuple(channels)}")
        self.input_channels = input_channels
        self.output_size = channels[-1]
        blocks: list[nn.Module] = []
        before = input_channels
        for size in channels:
            blocks += [
                nn.Conv2d(before, size, 3, padding=1, bias=False),
                # The maximum first: what follows has a quarter of the work then.
                nn.MaxPool2d(2, ceil_mode=True),
                nn.GroupNorm(_groups(size), size),
                nn.ReLU(),
            ]
            before = size
        self.blocks = nn.Sequential(*blocks)
        self.halvings = len(channels)

    def map_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the map of an image."""
        for _ in range(self.halvings):
            height, width = -(-height // 2), -(-width // 2)
        return height, width

    def forward(self, x_BHWC: Tensor) -> Tensor:
        """The maps, batch x height x width x features. Raises ShapeError for images of other channels."""
        if x_BHWC.dim() != 4 or x_BHWC.shape[-1] != self.input_channels:
            expected = f"x_BHWC of shape (batch, height, width, {self.input_channels})"
            raise ShapeError(f"expected {expected}. Received: {tuple(x_BHWC.shape)}")
        return self.blocks(x_BHWC.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def _groups(channels: int) -> int:
    """The groups that are normalised, two channels at least in each: of one value alone nothing would be left."""
    return next(groups for groups in range(min(_GROUPS, channels // 2), 0, -1) if channels % groups == 0)

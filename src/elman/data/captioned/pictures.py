"""Image files as arrays of pixels, by Pillow. A broken file or a bomb is an error in a sentence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.captioned.config import CaptionedConfig
from elman.errors import ConfigError, DataError, StorageError

__all__ = ["PICTURES", "check_size", "pixels_of", "read_pictures"]

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_MODES = {"rgb": "RGB", "grey": "L"}
# Most pixels on a side of what images are brought to.
_MOST = 4096


def check_size(size: Sequence[int]) -> tuple[int, int] | None:
    """Height and width; None where images stay as they are. Raises ConfigError."""
    if not size:
        return None
    if len(size) != 2 or not all(1 <= side <= _MOST for side in size):
        raise ConfigError(f"expected image_size as height and width, each from 1 to {_MOST}. Received: {tuple(size)}")
    return int(size[0]), int(size[1])


def read_pictures(paths: Sequence[Path], names: Sequence[str], config: CaptionedConfig) -> npt.NDArray[np.uint8]:
    """The images in files, N x H x W x C.

    Raises DataError for a file that is no whole image of 8 bits a channel, and for images of several sizes where none
    is given; StorageError for one that cannot be read; ConfigError.
    """
    size = check_size(config.image_size)
    found: list[npt.NDArray[np.uint8]] = []
    for path, name in zip(paths, names, strict=True):
        found.append(_read(path, name, config.color, size))
        if found[-1].shape != found[0].shape:
            raise DataError(
                f"{name}: expected an image of {_told(found[0])} pixels, as in {names[0]}; image_size brings all to "
                f"one size. Received: {_told(found[-1])}"
            )
    return np.stack(found)


def pixels_of(picture: Any, name: str, color: str, size: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    """The pixels of a Pillow image, H x W x C. Raises DataError as `read_pictures` does."""
    from PIL import Image, ImageOps

    if picture.mode.startswith(("I", "F")):
        raise DataError(f"{name}: expected an image of 8 bits a channel. Received: one of the mode {picture.mode}")
    upright = ImageOps.exif_transpose(picture).convert(_MODES[color])
    if size is not None and upright.size != size[::-1]:
        upright = upright.resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(upright, dtype=np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _read(path: Path, name: str, color: str, size: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # More pixels than any real picture has: memory is not taken for them.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)
            with Image.open(path) as picture:
                return pixels_of(picture, name, color, size)
    except FileNotFoundError as error:
        raise DataError(f"there is no such image file: {name}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{name}: expected an image of fewer pixels. Received: {error}") from error
    except (PermissionError, IsADirectoryError) as error:
        raise StorageError(f"cannot read {name}: {error.strerror or error}") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: expected a whole image (damaged or cut short?). Received: {error}") from error


def _told(pixels: npt.NDArray[np.uint8]) -> str:
    return f"{pixels.shape[0]} x {pixels.shape[1]}"

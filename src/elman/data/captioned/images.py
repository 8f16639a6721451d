"""Image files as arrays of pixels, read with Pillow."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.bad_rows import collect, usable
from elman.data.captioned.config import CaptionDataConfig
from elman.display import invisible
from elman.errors import ConfigError, DataError, StorageError

__all__ = ["check_size", "pixels_of", "read_pictures"]

_MODES = {"rgb": "RGB", "grey": "L"}
# The largest height or width that images are resized to, in pixels.
_MOST = 4096


def check_size(size: Sequence[int]) -> tuple[int, int] | None:
    """Return height and width, or None if images are not resized. Raises ConfigError."""
    if not size:
        return None
    if len(size) != 2 or not all(1 <= side <= _MOST for side in size):
        raise ConfigError(f"expected image_size as height and width, each from 1 to {_MOST}. Received: {tuple(size)}")
    return int(size[0]), int(size[1])


def read_pictures(
    paths: Sequence[Path], names: Sequence[str], config: CaptionDataConfig
) -> tuple[npt.NDArray[np.uint8], list[int] | None]:
    """Read image files as an array `N x height x width x channels`; also return which were read, None for all of them.

    Raises DataError for a file that is not an undamaged image of 8 bits per channel, and for images of different
    sizes if `image_size` is not given; StorageError for a file that cannot be read; ConfigError for a bad size.
    """
    size = check_size(config.image_size)
    found: list[npt.NDArray[np.uint8]] = []
    first = ""
    problems: dict[int, DataError] = {}
    for row, (path, name) in enumerate(zip(paths, names, strict=True)):
        try:
            pixels = _read(path, name, config.color, size)
        except DataError as error:
            collect(problems, row, error)
            continue
        found.append(pixels)
        first = first or name
        if pixels.shape != found[0].shape:
            raise DataError(
                f"{name}: expected an image of {_format_size(found[0])} pixels, as in {first}; image_size resizes "
                f"all to one size. Received: {_format_size(pixels)}"
            )
    kept = usable(len(paths), problems)
    return np.stack(found), kept


def pixels_of(picture: Any, name: str, color: str, size: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    """Return the pixels of a Pillow image, `height x width x channels`, in its EXIF orientation."""
    from PIL import Image, ImageOps

    if picture.mode.startswith(("I", "F")):
        raise DataError(f"{name}: expected an image of 8 bits per channel. Received: one of the mode {picture.mode}")
    upright = ImageOps.exif_transpose(picture).convert(_MODES[color])
    if size is not None and upright.size != size[::-1]:
        upright = upright.resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(upright, dtype=np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _read(path: Path, name: str, color: str, size: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # A decompression bomb: refuse it before its pixels are allocated.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)
            with Image.open(path) as picture:
                return pixels_of(picture, name, color, size)
    except FileNotFoundError as error:
        raise DataError(f"expected an image file. Received: no such file {name}{invisible(name)}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{name}: expected an image of fewer pixels. Received: {error}") from error
    except (PermissionError, IsADirectoryError) as error:
        raise StorageError(f"cannot read {name}: {error.strerror or error}") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: expected a whole image (damaged or cut short?). Received: {error}") from error


def _format_size(pixels: npt.NDArray[np.uint8]) -> str:
    return f"{pixels.shape[0]} x {pixels.shape[1]}"

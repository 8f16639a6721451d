"""Sound files (WAV, FLAC, Ogg) as samples of one channel at one rate.

Channels are averaged, and other sample rates are resampled; `Sound.info` has the channels and rate of the file.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.sound.container import check_whole
from elman.errors import ConfigError, DataError

__all__ = [
    "SUFFIXES",
    "Samples",
    "Sound",
    "SoundInfo",
    "as_sound",
    "read_sound",
    "resampled",
    "resampled_length",
    "sound_blocks",
    "sound_info",
]

Samples = npt.NDArray[np.float32]

# Suffixes of sound files.
SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus")

_KINDS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG"})
_LONGEST = 3600.0  # seconds
_BLOCK = 1 << 18  # samples that are read at a time
# In Hz. A header with a rate outside this range is damaged, and resampling by it could exhaust memory.
_MIN_RATE, _MAX_RATE = 1000, 1_000_000
# An array with more is probably of shape channels x samples, as some libraries return.
_MAX_CHANNELS = 64
# The full scale of 16 bits: samples of 32 bits with a lower peak would be almost silent, and are probably narrower.
_WIDEST_NARROW = 1 << 15


class SoundInfo(NamedTuple):
    """Properties of a sound file: `frames` samples in each of its `channels`, `rate` samples per second."""

    frames: int
    rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.frames / self.rate


class Sound(NamedTuple):
    """Float32 samples of one channel, usually from -1 to 1; `info` describes the file or array they come from."""

    samples: Samples
    info: SoundInfo


def sound_info(path: str | os.PathLike[str], *, name: str = "", longest_seconds: float = _LONGEST) -> SoundInfo:
    """Return the properties of a sound file from its header, without reading samples.

    `name` is the file's name in messages, by default its path. Raises the errors of `read_sound`, except those that
    concern the samples.
    """
    with _opened(path, name or os.fspath(path), longest_seconds) as (_, info):
        return info


def read_sound(
    path: str | os.PathLike[str], rate: int = 0, *, name: str = "", longest_seconds: float = _LONGEST
) -> Sound:
    """Read the samples of a sound file.

    Args:
        path: a WAV, FLAC or Ogg file.
        rate: sample rate of the result in Hz; 0 for the rate of the file.
        name: the file's name in messages, by default its path.
        longest_seconds: longer sounds are refused.

    Raises DataError, with the name, for a file that is missing, not of these kinds, damaged, cut short, without
    samples, too long, or with a sample that is not finite; StorageError; ConfigError if soundfile or soxr is not
    installed.
    """
    name = name or os.fspath(path)
    with _opened(path, name, longest_seconds) as (file, info):
        samples = np.concatenate(list(_mono_blocks(file, info, name, _BLOCK)))
    return Sound(resampled(samples, info.rate, rate or info.rate, name), info)


def sound_blocks(
    path: str | os.PathLike[str],
    rate: int,
    seconds: float = 0.1,
    *,
    name: str = "",
    longest_seconds: float = math.inf,
) -> Iterator[Samples]:
    """Yield the samples that `read_sound` returns in blocks of about `seconds`.

    Raises ConfigError unless `seconds` is above 0, and the errors of `read_sound`.
    """
    if not seconds > 0.0:
        raise ConfigError(f"expected blocks of more than 0 seconds. Received: {seconds}")
    name = name or os.fspath(path)
    with _opened(path, name, longest_seconds) as (file, info):
        _check_change(info.frames, info.rate, rate, name)
        size = max(1, round(seconds * info.rate))
        blocks = _mono_blocks(file, info, name, size)
        if info.rate == rate:
            yield from blocks
            return
        stream = _library("soxr").ResampleStream(info.rate, rate, 1, dtype="float32")
        done = 0
        for block in blocks:
            done += len(block)
            yield stream.resample_chunk(block, last=done == info.frames)


def as_sound(values: Any, rate: int, name: str, *, longest_seconds: float = _LONGEST) -> Sound:
    """Convert an array of samples, of shape N or N x channels; integers are scaled by the range of their dtype.

    Raises DataError, with the name, for another shape or dtype, more than 64 channels, no samples, too long a sound,
    whole numbers whose range is not certain, and samples that are not finite; ConfigError for an invalid rate.
    """
    _check_rate(rate, name)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name}: expected samples, numbers of shape N or N x channels. Received: {error}") from error
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise DataError(f"{name}: expected samples, numbers of shape N or N x channels. "
                        f"Received: {array.dtype} of shape {array.shape}")  # fmt: skip
    info = SoundInfo(len(array), rate, array.shape[1] if array.ndim == 2 else 1)
    if info.channels > _MAX_CHANNELS:
        raise DataError(f"{name}: expected samples x channels, with at most {_MAX_CHANNELS} channels. "
                        f"Received: shape {array.shape}")  # fmt: skip
    _check_length(info, name, longest_seconds)
    if array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        middle = 0 if array.dtype.kind == "i" else (limits.max + 1) // 2
        centred = array.astype(np.float64) - middle
        _check_range(array.dtype, float(np.abs(centred).max()), name)
        array = centred / (limits.max + 1 - middle)
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    samples = array if array.ndim == 1 else array.mean(axis=1, dtype=np.float32)
    _check_finite(samples, 0, name)
    return Sound(np.ascontiguousarray(samples), info)


def resampled_length(frames: int, rate: int, to: int) -> int:
    """Return the number of samples after resampling `frames` samples, rounded half up."""
    return frames if rate == to else (2 * frames * to + rate) // (2 * rate)


def resampled(samples: Samples, rate: int, to: int, name: str = "the samples") -> Samples:
    """Resample from one rate to another with soxr, high quality; equal rates return the same array.

    Raises DataError if no samples would be left.
    """
    _check_change(len(samples), rate, to, name)
    if rate == to:
        return samples
    found: Samples = _library("soxr").resample(samples, rate, to)
    return found


@contextmanager
def _opened(path: str | os.PathLike[str], name: str, longest_seconds: float) -> Iterator[tuple[Any, SoundInfo]]:
    """Open a sound file and check its header."""
    soundfile = _library("soundfile")
    place = Path(path).expanduser()
    check_whole(place, name)
    try:
        file = soundfile.SoundFile(place)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{name}: expected a sound file (WAV, FLAC or Ogg). Received: {error.error_string}") from error
    with file:
        if file.format not in _KINDS:
            raise DataError(f"{name}: expected a sound file of the kinds WAV, FLAC and Ogg. Received: {file.format}")
        info = SoundInfo(file.frames, file.samplerate, file.channels)
        if not _MIN_RATE <= info.rate <= _MAX_RATE:
            raise DataError(f"{name}: expected from {_MIN_RATE:,} to {_MAX_RATE:,} samples per second. "
                            f"Received: {info.rate:,}")  # fmt: skip
        _check_length(info, name, longest_seconds)
        yield file, info


def _mono_blocks(file: Any, info: SoundInfo, name: str, size: int) -> Iterator[Samples]:
    """Yield the samples of an open file, the mean of its channels, in blocks of at most `size`."""
    soundfile = _library("soundfile")
    size = max(1, min(size, info.frames, 4 * _BLOCK // info.channels))
    done = 0
    while done < info.frames:
        try:
            block = file.read(min(size, info.frames - done), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise DataError(f"{name}: expected an undamaged sound file; the error is after {done / info.rate:.2f} "
                            f"seconds. Received: {error.error_string}") from error  # fmt: skip
        if not len(block):
            raise DataError(f"{name}: expected {info.frames:,} samples, as its header says; the file is cut short. "
                            f"Received: {done:,}")  # fmt: skip
        samples = block[:, 0] if info.channels == 1 else block.mean(axis=1, dtype=np.float32)
        _check_finite(samples, done, name)
        done += len(block)
        yield samples


def _check_length(info: SoundInfo, name: str, longest_seconds: float) -> None:
    if info.frames <= 0:
        raise DataError(f"{name}: expected a sound. Received: a file without samples")
    if info.seconds > longest_seconds:
        raise DataError(f"{name}: expected a sound of at most {longest_seconds:g} seconds (longest_seconds). "
                        f"Received: one of {info.seconds:,.1f}")  # fmt: skip


def _check_range(dtype: np.dtype[Any], peak: float, name: str) -> None:
    """Raise DataError for whole numbers that need not have the range of their dtype: those of a list are int64."""
    if dtype.itemsize <= 2 or not peak or (dtype.itemsize == 4 and peak > _WIDEST_NARROW):
        return
    raise DataError(
        f"{name}: expected samples as floats from -1 to 1, or as an array of 8 or 16 bits, such as "
        f"np.asarray(samples, dtype=np.int16), because the full scale of others is not known. "
        f"Received: {dtype} with a peak of {peak:,.0f}"
    )


def _check_finite(samples: Samples, before: int, name: str) -> None:
    # The sum is not finite if any sample is not, and is faster than testing each.
    if not math.isfinite(float(samples.sum(dtype=np.float64))):
        number = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise DataError(f"{name}: expected finite samples. Received: {samples[number]} at sample {before + number:,}")


def _check_rate(rate: int, name: str) -> None:
    if type(rate) is not int or not _MIN_RATE <= rate <= _MAX_RATE:
        raise ConfigError(f"{name}: expected a rate from {_MIN_RATE:,} to {_MAX_RATE:,} samples per second. "
                          f"Received: {rate!r}")  # fmt: skip


def _check_change(frames: int, rate: int, to: int, name: str) -> None:
    """Raise ConfigError for an invalid rate, DataError if no samples would be left after resampling."""
    _check_rate(to, name)
    if not resampled_length(frames, rate, to):
        raise DataError(f"{name}: expected at least one sample at {to:,} Hz. "
                        f"Received: {frames} samples at {rate:,} Hz")  # fmt: skip


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:  # soundfile raises OSError where its own library is missing
        raise ConfigError(f"expected {name} to be installed: pip install 'elman[sound]'. Received: {error}") from error

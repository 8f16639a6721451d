"""Sound files, good and bad. The files are made by soundfile, or byte by byte."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from elman.data.sound.read import as_sound, read_sound, resampled, resampled_length, sound_blocks, sound_info
from elman.errors import ConfigError, DataError, StorageError


def tone(hertz: float = 440.0, rate: int = 16000, seconds: float = 0.5) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def written(path: Path, samples: np.ndarray, rate: int = 16000, **how: str) -> Path:
    soundfile.write(path, samples, rate, **how)
    return path


def wave(data: bytes, *, declared: int | None = None, before: bytes = b"", rate: int = 8000) -> bytes:
    """A WAV file of 16-bit samples of one channel, byte by byte."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    size = len(data) if declared is None else declared
    body = b"WAVE" + fmt + before + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("name", "how", "error"),
    [
        ("a.wav", {"subtype": "PCM_16"}, 2**-15),
        ("a.wav", {"subtype": "PCM_24"}, 2**-23),
        ("a.wav", {"subtype": "PCM_U8"}, 2**-7),
        ("a.wav", {"subtype": "FLOAT"}, 0.0),
        ("a.wav", {"subtype": "DOUBLE"}, 0.0),
        ("a.wav", {"subtype": "ULAW"}, 0.02),
        ("a.wav", {"format": "WAVEX"}, 2**-15),
        ("a.wav", {"format": "RF64"}, 2**-15),
        ("a.flac", {}, 2**-15),
        ("a.ogg", {"subtype": "VORBIS"}, 0.05),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}, 0.05),
    ],
)
def test_the_same_sound_in_many_files(tmp_path: Path, name: str, how: dict[str, str], error: float) -> None:
    samples = tone()
    path = written(tmp_path / name, samples, **how)
    info = sound_info(path)
    found = read_sound(path, 16000)
    assert info.channels == 1
    assert found.info == info
    assert found.samples.dtype == np.float32
    # Where the tone stops at once, Opus rings.
    inner = slice(0, len(samples) - 200)
    np.testing.assert_allclose(found.samples[inner], samples[inner], atol=error + 1e-7)
    # Only Opus has its own sampling rate.
    assert (info.rate, info.frames) == (16000, len(samples)) or name == "a.opus"


def test_channels_become_their_mean_and_the_caller_is_reported(tmp_path: Path) -> None:
    left, right = tone(440.0), tone(1000.0)
    path = written(tmp_path / "stereo.wav", np.stack([left, right], axis=1), subtype="FLOAT")
    found = read_sound(path, 16000)
    assert found.info.channels == 2
    np.testing.assert_allclose(found.samples, (left + right) / 2, atol=1e-7)


def test_another_rate_is_resampled(tmp_path: Path) -> None:
    path = written(tmp_path / "cd.wav", tone(440.0, 44100), 44100, subtype="FLOAT")
    found = read_sound(path, 16000)
    assert found.info.rate == 44100
    assert len(found.samples) == 8000
    # The ends of a tone that begins and stops at once ring; the rest is the tone at the new rate.
    np.testing.assert_allclose(found.samples[500:-500], tone(440.0, 16000)[500:-500], atol=1e-4)
    own = read_sound(path)
    assert len(own.samples) == 22050


def test_a_tone_above_half_the_new_rate_is_gone(tmp_path: Path) -> None:
    path = written(tmp_path / "high.wav", tone(7000.0, 44100), 44100, subtype="FLOAT")
    assert np.abs(read_sound(path, 8000).samples[200:-200]).max() < 1e-3


@given(st.integers(1, 3000), st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]), st.sampled_from([8000, 16000]))
def test_the_length_after_resampling_is_known_beforehand(frames: int, rate: int, to: int) -> None:
    expected = resampled_length(frames, rate, to)
    if expected:
        assert len(resampled(np.zeros(frames, np.float32), rate, to)) == expected


@pytest.mark.parametrize("rate", [16000, 22050])
@pytest.mark.parametrize("seconds", [1e-9, 0.01, 0.1, 10.0])
def test_blocks_are_the_whole(tmp_path: Path, rate: int, seconds: float) -> None:
    samples = np.stack([tone(440.0, 22050, 0.2), tone(600.0, 22050, 0.2)], axis=1)
    if seconds < 1e-6:
        samples = samples[:300]  # a sample a block
    path = written(tmp_path / "a.wav", samples, 22050)
    blocks = list(sound_blocks(path, rate, seconds))
    assert len(blocks) == -(-len(samples) // max(1, round(seconds * 22050)))
    np.testing.assert_allclose(np.concatenate(blocks), read_sound(path, rate).samples, atol=1e-7)


def test_samples_of_a_program() -> None:
    whole = np.array([[-32768, 32767], [16384, 0]], np.int16)
    np.testing.assert_allclose(as_sound(whole, 8000, "a").samples, [-1 / 65536, 0.25], atol=1e-9)
    np.testing.assert_allclose(as_sound(np.array([0, 128, 255], np.uint8), 8000, "a").samples, [-1, 0, 127 / 128])
    np.testing.assert_array_equal(as_sound([0.5, -0.5], 8000, "a").samples, np.array([0.5, -0.5], np.float32))


@pytest.mark.parametrize(
    ("values", "rate", "error", "message"),
    [
        ([], 8000, DataError, "a: expected a sound. Received: a file without samples"),
        ([[[1.0]]], 8000, DataError, r"a: expected samples, numbers of shape N or N x channels. .*\(1, 1, 1\)"),
        (np.zeros((4, 0)), 8000, DataError, "N x channels"),
        (["x"], 8000, DataError, "a: expected samples, numbers"),
        (np.zeros((1, 8000)), 8000, DataError, r"samples x channels, with at most 64 channels.*\(1, 8000\)"),
        ([0.0, np.nan], 8000, DataError, "a: expected finite samples. Received: nan at sample 1"),
        ([0.0, 1e60], 8000, DataError, "a: expected finite samples. Received: inf at sample 1"),
        ([0.0], 10, ConfigError, "a: expected a rate from 1,000 to 1,000,000 samples per second. Received: 10"),
        ([0.0], 8000.0, ConfigError, "a: expected a rate"),
        (np.zeros(8000 * 61), 8000, DataError, "at most 60 seconds .* Received: one of 61.0"),
    ],
)
def test_samples_that_cannot_be_used(values: object, rate: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        as_sound(values, rate, "a", longest_seconds=60.0)


def bad_files(folder: Path) -> dict[str, tuple[bytes, str]]:
    """File contents by what is wrong with them, and what is to be said."""
    good = wave(b"\1\0" * 1000)
    flac = written(folder / "good.flac", tone(seconds=3.0)).read_bytes()
    ogg = written(folder / "good.ogg", np.random.default_rng(0).normal(size=48000) * 0.1).read_bytes()
    nan = written(folder / "nan.wav", np.array([0.0] * 70 + [np.nan]), subtype="FLOAT").read_bytes()
    infinite = written(folder / "inf.wav", np.array([0.0, 1e300]), subtype="DOUBLE").read_bytes()
    return {
        "empty.wav": (b"", "expected a sound file. Received: an empty file"),
        "text.wav": (b"this is no sound at all, but a line of text\n", r"expected a sound file \(WAV, FLAC or Ogg\)"),
        "none.wav": (wave(b""), "expected a sound. Received: a file without samples"),
        "short.wav": (good[:-500], "expected 2,000 bytes of samples, .* the file is cut short. Received: 1,500"),
        "one.wav": (good[:-1], "cut short. Received: 1,999"),
        "header.wav": (good[:30], "expected samples in the WAV file; the file is cut short. Received: 30 bytes"),
        "chunk.wav": (wave(b"\1\0", before=b"LIST\xff\xff\xff\x7f"), "expected samples in the WAV file"),
        "rate.wav": (wave(b"\1\0" * 9, rate=3), "expected from 1,000 to 1,000,000 samples per second. Received: 3"),
        "nan.wav": (nan, "expected finite samples. Received: nan at sample 70"),
        "inf.wav": (infinite, "expected finite samples. Received: inf at sample 1"),
        "short.flac": (flac[: len(flac) // 2], "cut short|error is after"),
        "start.flac": (flac[:40], "expected a sound file|cut short|damaged"),
        "torn.flac": (flac[:9000] + bytes(200) + flac[9200:], "cut short|error is after"),
        "short.ogg": (ogg[:-50], "expected a last page of .* the file is cut short"),
        "half.ogg": (ogg[: len(ogg) // 2], "expected a last page of .* the file is cut short"),
        "aiff.wav": (
            written(folder / "a.aiff", tone()).read_bytes(),
            "expected a sound file of the kinds WAV, FLAC and Ogg. Received: AIFF",
        ),
    }


BAD = [
    "empty.wav", "text.wav", "none.wav", "short.wav", "one.wav", "header.wav", "chunk.wav", "rate.wav", "nan.wav",
    "inf.wav", "short.flac", "start.flac", "torn.flac", "short.ogg", "half.ogg", "aiff.wav",
]  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_files_that_cannot_be_used(tmp_path: Path, case: str) -> None:
    content, message = bad_files(tmp_path)[case]
    path = tmp_path / f"bad-{case}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_sound(path, 8000)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(DataError, match=message):
        list(sound_blocks(path, 8000))


def test_every_bad_file_is_tried(tmp_path: Path) -> None:
    assert sorted(bad_files(tmp_path)) == sorted(BAD)


@pytest.mark.parametrize("cut", range(1, 1200, 37))
def test_a_wave_file_cut_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    content = wave(b"\1\0" * 600, before=b"LIST\3\0\0\0abc\0")
    path = tmp_path / "cut.wav"
    path.write_bytes(content[:-cut])
    with pytest.raises(DataError, match="cut short"):
        read_sound(path, 8000)


def test_a_decoder_that_stops_early_in_silence_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.wav", tone())
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda file, frames, **how: np.zeros((0, 1), np.float32))
    with pytest.raises(DataError, match=r"expected 8,000 samples, as its header says; .* cut short. Received: 0$"):
        read_sound(path, 16000)


def test_wave_files_that_are_whole_after_all(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    data = b"\1\0" * 600
    # A chunk of odd length is padded; bytes may follow the samples; the length of a pipe is unknown.
    for content in (
        wave(data, before=b"LIST\3\0\0\0abc\0"),
        wave(data) + b"LIST\2\0\0\0ab",
        wave(data, declared=0xFFFFFFFF),
    ):
        path.write_bytes(content)
        assert len(read_sound(path, 8000).samples) == 600


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x: expected a sound file. Received: no file of this name"):
        read_sound(tmp_path / "none.wav", 8000, name="x")
    with pytest.raises(StorageError, match="cannot read"):
        read_sound(tmp_path, 8000)
    with pytest.raises(DataError, match="no file of this name"):
        sound_info(tmp_path / "none.wav")


def test_a_sound_that_is_too_long_is_refused_by_its_header(tmp_path: Path) -> None:
    path = written(tmp_path / "long.wav", np.zeros(16000 * 3))
    with pytest.raises(DataError, match=r"at most 2 seconds \(longest_seconds\). Received: one of 3.0"):
        sound_info(path, longest_seconds=2.0)
    assert sound_info(path, longest_seconds=3.0).seconds == 3.0


def test_a_sound_that_is_too_short_for_a_rate(tmp_path: Path) -> None:
    path = written(tmp_path / "click.wav", np.ones(1), 48000)
    for read in (lambda: read_sound(path, 8000), lambda: list(sound_blocks(path, 8000))):
        with pytest.raises(DataError, match=r"at least one sample at 8,000 Hz. Received: 1 samples at 48,000 Hz$"):
            read()


def test_options_that_cannot_be(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", tone())
    with pytest.raises(ConfigError, match="expected a rate"):
        read_sound(path, 7)
    with pytest.raises(ConfigError, match="blocks of more than 0 seconds"):
        list(sound_blocks(path, 8000, 0.0))


@pytest.mark.parametrize("library", ["soundfile", "soxr"])
def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    path = written(tmp_path / "a.wav", tone())
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=rf"expected {library} to be installed: pip install 'elman\[sound\]'"):
        read_sound(path, 8000)


@pytest.mark.parametrize(
    "values",
    [
        [8000, -8000, 120],
        np.array([8000, -8000], dtype=np.int64),
        np.array([8000, -8000], dtype=np.int32),
        np.array([2**31 + 5, 2**31 - 7], dtype=np.uint32),
        np.array([2**40, -(2**40)]),
    ],
)
def test_whole_numbers_of_an_uncertain_range_are_refused(values: Any) -> None:
    with pytest.raises(DataError, match=r"x: expected samples as floats from -1 to 1, .* with a peak of [\d,]+"):
        as_sound(values, 16000, "x")


def test_whole_numbers_of_a_certain_range_are_scaled_by_it() -> None:
    for dtype, value in (
        (np.int16, 2**14),
        (np.int8, 2**6),
        (np.int32, 2**30),
        (np.uint8, 192),
        (np.uint16, 3 * 2**14),
    ):
        assert as_sound(np.array([value], dtype=dtype), 16000, "x").samples.tolist() == [0.5]
    for dtype in (np.int32, np.int64):
        assert as_sound(np.zeros(3, dtype=dtype), 16000, "silence").samples.tolist() == [0.0] * 3


@pytest.mark.parametrize("declared", [0x7FFFF000, 0x7FFFEFFC, 0x80000000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wave_file_from_a_pipe_has_the_samples_that_are_in_it(tmp_path: Path, declared: int) -> None:
    path = tmp_path / "pipe.wav"
    path.write_bytes(wave(np.arange(800, dtype="<i2").tobytes(), declared=declared))
    assert sound_info(path).frames == 800
    assert len(read_sound(path).samples) == 800
    path.write_bytes(wave(np.arange(800, dtype="<i2").tobytes(), declared=0x7FFFE000))
    with pytest.raises(DataError, match="the file is cut short"):
        read_sound(path)

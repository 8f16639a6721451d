"""Log-mel features, judged by a plain sum and by themselves in pieces; test_sound_by_librosa.py has a second source."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.sound.config import SoundConfig
from elman.data.sound.features import LogMel
from elman.data.sound.mel import hertz_to_mel, mel_filters, mel_to_hertz
from elman.errors import ConfigError, DataError

from .sounds import SIZES, sound


def test_the_mel_scale() -> None:
    assert hertz_to_mel(1000.0) == pytest.approx(15.0)
    assert hertz_to_mel(6400.0) == pytest.approx(42.0)
    hertz = np.linspace(0.0, 20000.0, 777)
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(hertz)), hertz, rtol=1e-12, atol=1e-9)


def test_one_frame_by_a_plain_sum() -> None:
    log_mel = LogMel(SoundConfig(sample_rate=1000, window_ms=13.0, hop_ms=5.0, fft=16, mels=3, low_hz=0.0))
    samples = sound(1000, 0.05)
    frame = 4
    around = samples[frame * 5 - 8 : frame * 5 + 8].astype(np.float64)
    window = np.zeros(16)
    window[1:14] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(13) / 13)  # 13 of 16, in the middle
    turns = np.exp(-2j * np.pi * np.outer(np.arange(9), np.arange(16)) / 16)
    power = np.abs(turns @ (window * around)) ** 2
    expected = np.log(mel_filters(1000, 16, 3, 0.0, 500.0) @ power)
    np.testing.assert_allclose(log_mel(samples)[frame], expected, atol=1e-5)


@pytest.mark.parametrize("piece", [1, 7, 80, 81, 200, 1000, 10**6])
def test_a_stream_gives_the_frames_of_the_whole(piece: int) -> None:
    log_mel = LogMel(SoundConfig(sample_rate=8000))
    samples = sound(8000, 0.2 if piece == 1 else 0.7)
    stream = log_mel.stream()
    parts = [stream.push(samples[start : start + piece]) for start in range(0, len(samples), piece)]
    found = np.concatenate([*parts, stream.finish()])
    np.testing.assert_allclose(found, log_mel(samples), rtol=0.0, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 300), max_size=12), st.sampled_from(SIZES[:3] + SIZES[5:6]))
def test_a_stream_of_any_pieces(pieces: list[int], config: SoundConfig) -> None:
    log_mel = LogMel(config)
    samples = sound(config.sample_rate)[: sum(pieces)]
    stream, place, count = log_mel.stream(), 0, 0
    parts = []
    for piece in pieces:
        parts.append(stream.push(samples[place : place + piece]))
        place += piece
        count += len(parts[-1])
        # A frame comes as soon as its samples are there: those up to half a transform behind its middle.
        behind = log_mel.fft - log_mel.fft // 2
        assert count == max(0, (place - behind) // log_mel.hop + 1)
    parts.append(stream.finish())
    found = np.concatenate(parts)
    assert found.shape == (log_mel.frames(len(samples)), log_mel.features)
    np.testing.assert_allclose(found, log_mel(samples), rtol=0.0, atol=1e-6)


def test_blocks_of_a_long_sound_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    log_mel = LogMel(SoundConfig(sample_rate=8000))
    samples = sound(8000)
    whole = log_mel(samples)
    monkeypatch.setattr("elman.data.sound.features._BLOCK", 333)
    np.testing.assert_allclose(log_mel(samples), whole, rtol=0.0, atol=1e-6)


def test_two_streams_do_not_share() -> None:
    log_mel = LogMel(SoundConfig(sample_rate=8000))
    samples = sound(8000)
    one, other = log_mel.stream(), log_mel.stream()
    first = [one.push(samples[:1000]), one.push(samples[1000:])]
    second = [other.push(samples[:1234])]
    second += [other.push(samples[1234:]), other.finish()]
    first.append(one.finish())
    np.testing.assert_allclose(np.concatenate(first), np.concatenate(second), rtol=0.0, atol=1e-6)


def test_silence_and_the_shortest_sound() -> None:
    log_mel = LogMel(SoundConfig())
    np.testing.assert_array_equal(log_mel(np.zeros(16000, np.float32)), np.full((101, 40), np.log(np.float32(1e-10))))
    assert log_mel(np.ones(1, np.float32)).shape == (1, 40)
    assert log_mel(np.zeros(0, np.float32)).shape == (0, 40)
    assert log_mel.frames(0) == 0
    assert log_mel.frames(1) == 1


def test_a_stream_ends_once() -> None:
    stream = LogMel(SoundConfig()).stream()
    stream.finish()
    with pytest.raises(ConfigError, match=r"expected no samples after the end of a sound. Received: 3"):
        stream.push(np.zeros(3, np.float32))
    with pytest.raises(ConfigError, match="expected the end of a sound once"):
        stream.finish()


def test_samples_of_another_shape() -> None:
    log_mel = LogMel(SoundConfig())
    with pytest.raises(DataError, match=r"one channel. Received: shape \(3, 2\)"):
        log_mel.stream().push(np.zeros((3, 2), np.float32))
    with pytest.raises(DataError, match=r"expected at least 512 samples .* Received: shape \(511,\)"):
        log_mel.power(np.zeros(511, np.float32))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SoundConfig(fft=256), "window of at least 2 and at most 256 samples, the points of fft. .* 400 samples"),
        (SoundConfig(sample_rate=8000, window_ms=0.1), "window of at least 2"),
        (SoundConfig(hop_ms=30.0), "hop_ms of at least one sample and at most window_ms"),
        (SoundConfig(sample_rate=1000, hop_ms=0.4, mels=4), "hop_ms of at least one sample"),
        (SoundConfig(high_hz=8001.0), "at most half of 16,000 Hz. Received: low_hz=20, high_hz=8001"),
        (SoundConfig(low_hz=4000.0, high_hz=4000.0), "low_hz below high_hz"),
        (SoundConfig(sample_rate=8000, mels=300), "Received: mels=300, of which .* cover none"),
    ],
)
def test_sizes_that_do_not_fit(config: SoundConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LogMel(config)


def test_the_transform_holds_the_window() -> None:
    for milliseconds, points in ((25.0, 512), (32.0, 512), (32.1, 1024), (16.0, 256)):
        assert LogMel(SoundConfig(window_ms=milliseconds, mels=20)).fft == points


def test_options_need_no_torch() -> None:
    code = (
        "import sys, elman.data.sound.config, elman.data.sound.reading, elman.data.manifest, elman.data.strokes\n"
        "raise SystemExit('torch' in sys.modules or 'soundfile' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

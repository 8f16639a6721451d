"""Log-mel features, judged by librosa, by a plain sum, and by themselves in pieces."""

from __future__ import annotations

import math
import subprocess
import sys

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.sound.config import SoundConfig
from elman.data.sound.features import LogMel
from elman.data.sound.mel import hertz_of_mel, mel_filters, mel_of_hertz
from elman.errors import ConfigError, DataError

SIZES = [
    SoundConfig(),
    SoundConfig(sample_rate=8000, mels=23),
    SoundConfig(sample_rate=8000, window_ms=32.0, hop_ms=8.0, mels=40, low_hz=0.0, high_hz=3800.0),
    SoundConfig(sample_rate=16000, mels=80, low_hz=0.0, high_hz=7600.0),
    SoundConfig(sample_rate=22050, window_ms=46.44, hop_ms=11.61, mels=128, low_hz=0.0, fft=2048),
    SoundConfig(sample_rate=16000, window_ms=25.0, hop_ms=10.0, fft=441, mels=20),
    SoundConfig(sample_rate=44100, window_ms=20.0, hop_ms=20.0, mels=64, power_floor=1e-4),
]


def sound(rate: int, seconds: float = 0.7) -> np.ndarray:
    """A chirp, noise that swells, and silence at the end."""
    count = round(rate * seconds)
    time = np.arange(count) / rate
    chirp = 0.4 * np.sin(2 * np.pi * (200.0 + 1500.0 * time) * time)
    noise = 0.05 * np.random.default_rng(1).normal(size=count) * time
    return np.where(time < 0.9 * seconds, chirp + noise, 0.0).astype(np.float32)


def by_librosa(log_mel: LogMel, samples: np.ndarray, *, center: bool) -> np.ndarray:
    config = log_mel.config
    return librosa.feature.melspectrogram(
        y=samples,
        sr=config.sample_rate,
        n_fft=log_mel.fft,
        hop_length=log_mel.hop,
        win_length=log_mel.window,
        center=center,
        pad_mode="constant",
        power=2.0,
        n_mels=config.mels,
        fmin=config.low_hz,
        fmax=config.high_hz or config.sample_rate / 2,
    ).T


@pytest.mark.parametrize("config", SIZES)
def test_power_is_that_of_librosa(config: SoundConfig) -> None:
    log_mel = LogMel(config)
    samples = sound(config.sample_rate)
    expected = by_librosa(log_mel, samples, center=False)
    found = log_mel.power(samples).numpy()
    assert found.shape == expected.shape
    # The least that float32 can tell beside the loudest number of a frame is all that librosa can be off by.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-12)
    exact = by_librosa(log_mel, samples.astype(np.float64), center=False)
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("config", SIZES)
def test_features_are_the_logarithm_of_librosas(config: SoundConfig) -> None:
    log_mel = LogMel(config)
    samples = sound(config.sample_rate)
    power = by_librosa(log_mel, samples, center=True)
    found = log_mel(samples)
    assert found.dtype == np.float32
    assert found.shape == power.shape == (log_mel.frames(len(samples)), config.mels)
    np.testing.assert_allclose(found, np.log(np.maximum(config.power_floor, power)), atol=1e-5)
    decibels = librosa.power_to_db(power, ref=1.0, amin=config.power_floor, top_db=None)
    np.testing.assert_allclose(found * (10.0 / math.log(10.0)), decibels, atol=5e-5)
    assert found[-1].max() < found.max() - 3.0  # the silence was heard


@pytest.mark.parametrize("rate", [8000, 16000, 22050])
@pytest.mark.parametrize("fft", [256, 441, 1024])
@pytest.mark.parametrize("mels", [8, 20])
@pytest.mark.parametrize("high", [0.5, 0.45])
def test_filters_are_librosas(rate: int, fft: int, mels: int, high: float) -> None:
    expected = librosa.filters.mel(sr=rate, n_fft=fft, n_mels=mels, fmin=50.0, fmax=high * rate, dtype=np.float64)
    np.testing.assert_allclose(mel_filters(rate, fft, mels, 50.0, high * rate), expected, rtol=1e-9, atol=1e-15)


def test_the_mel_scale() -> None:
    hertz = np.linspace(0.0, 20000.0, 777)
    np.testing.assert_allclose(mel_of_hertz(hertz), librosa.hz_to_mel(hertz), rtol=1e-12)
    np.testing.assert_allclose(hertz_of_mel(mel_of_hertz(hertz)), hertz, rtol=1e-12, atol=1e-9)
    assert mel_of_hertz(1000.0) == pytest.approx(15.0)
    assert mel_of_hertz(6400.0) == pytest.approx(42.0)


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
    with pytest.raises(DataError, match=r"expected 512 samples at least, .* Received: shape \(511,\)"):
        log_mel.power(np.zeros(511, np.float32))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SoundConfig(fft=256), "window of 2 samples at least and of the 256 points of fft at most. .* 400 samples"),
        (SoundConfig(sample_rate=8000, window_ms=0.1), "window of 2 samples"),
        (SoundConfig(hop_ms=30.0), "hop_ms of a sample at least and of window_ms at most"),
        (SoundConfig(sample_rate=1000, hop_ms=0.4, mels=4), "hop_ms of a sample at least"),
        (SoundConfig(high_hz=8001.0), "at most half of 16,000 Hz. Received: low_hz=20, high_hz=8001"),
        (SoundConfig(low_hz=4000.0, high_hz=4000.0), "low_hz below high_hz"),
        (SoundConfig(sample_rate=8000, mels=300), "Received: mels=300, of which .* would hear nothing"),
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

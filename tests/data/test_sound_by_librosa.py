"""Log-mel features, judged by librosa. Slow: a new installation of librosa compiles itself when it is first called."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elman.data.sound.config import SoundConfig
from elman.data.sound.features import LogMel
from elman.data.sound.mel import hertz_to_mel, mel_filters

from .sounds import SIZES, sound

librosa = pytest.importorskip("librosa", reason="librosa, an oracle of ./dev test --all, is not installed")
pytestmark = pytest.mark.slow


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
    # The rounding of float32 relative to the largest value of a frame bounds the error of librosa.
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
    assert found[-1].max() < found.max() - 3.0  # the silence was included


@pytest.mark.parametrize("rate", [8000, 16000, 22050])
@pytest.mark.parametrize("fft", [256, 441, 1024])
@pytest.mark.parametrize("mels", [8, 20])
@pytest.mark.parametrize("high", [0.5, 0.45])
def test_filters_are_librosas(rate: int, fft: int, mels: int, high: float) -> None:
    expected = librosa.filters.mel(sr=rate, n_fft=fft, n_mels=mels, fmin=50.0, fmax=high * rate, dtype=np.float64)
    np.testing.assert_allclose(mel_filters(rate, fft, mels, 50.0, high * rate), expected, rtol=1e-9, atol=1e-15)


def test_the_mel_scale_is_librosas() -> None:
    hertz = np.linspace(0.0, 20000.0, 777)
    np.testing.assert_allclose(hertz_to_mel(hertz), librosa.hz_to_mel(hertz), rtol=1e-12)

"""Sizes of log-mel features, and a sound to compute them of."""

from __future__ import annotations

import numpy as np

from elman.data.sound.config import SoundConfig

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

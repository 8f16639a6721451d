"""Log-mel features of whole or streamed sounds; both give the same frames.

Frame t is centred on sample t * hop, and sounds are padded with zeros at both ends, as in librosa by default. A
streamed frame is therefore delayed by half a transform (16 ms for 512 points at 16 kHz).

In shapes, F are the features of a frame and K the frequencies of the transform.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.sound.config import SoundConfig
from elman.data.sound.mel import mel_filters
from elman.data.sound.read import Samples
from elman.errors import ConfigError, DataError

__all__ = ["FeatureStream", "Floats", "LogMel"]

# Features of a sound: T x F.
Floats = npt.NDArray[np.float32]

# Samples of a whole sound that are processed at a time, to limit memory.
_BLOCK = 1 << 19


class LogMel:
    """Computes log-mel features: ln(max(power_floor, mel filters * |STFT|^2)) with a periodic Hann window.

    Features are computed in float64 and returned as float32, so that they do not depend on how a sound is divided
    into blocks. Raises ConfigError for sizes of window, hop and transform that do not fit together.
    """

    def __init__(self, config: SoundConfig) -> None:
        rate = config.sample_rate
        self.config = config
        self.rate = rate
        self.window = round(rate * config.window_ms / 1000.0)
        self.hop = round(rate * config.hop_ms / 1000.0)
        self.fft = config.fft or 1 << max(1, (self.window - 1).bit_length())
        self.features = config.mels
        if not 2 <= self.window <= self.fft:
            raise ConfigError(f"expected a window of at least 2 and at most {self.fft} samples, the points of fft. "
                              f"Received: window_ms={config.window_ms:g}, {self.window} samples")  # fmt: skip
        if not 1 <= self.hop <= self.window:
            raise ConfigError(f"expected hop_ms of at least one sample and at most window_ms, so that all samples are "
                              f"used. Received: hop_ms={config.hop_ms:g}, {self.hop} samples")  # fmt: skip
        weights_FK = mel_filters(rate, self.fft, config.mels, config.low_hz, config.high_hz or rate / 2)
        self._weights_KF = torch.from_numpy(weights_FK.T.copy())
        self._window = torch.hann_window(self.window, dtype=torch.float64)

    def frames(self, samples: int) -> int:
        """Return T, the number of frames of a sound with this number of samples."""
        return 0 if samples <= 0 else 1 + (samples + 2 * (self.fft // 2) - self.fft) // self.hop

    def power(self, samples: npt.NDArray[np.floating]) -> Tensor:
        """Return the float64 mel power `TF` of samples, without padding and without logarithm.

        Raises DataError for fewer samples than one transform.
        """
        if samples.ndim != 1 or len(samples) < self.fft:
            raise DataError(f"expected at least {self.fft} samples of one channel. Received: shape {samples.shape}")
        spectrum_KT = torch.stft(
            torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float64)),
            self.fft,
            self.hop,
            self.window,
            window=self._window,
            center=False,
            return_complex=True,
        )
        return (spectrum_KT.real.square() + spectrum_KT.imag.square()).T @ self._weights_KF

    def __call__(self, samples: Samples) -> Floats:
        """Return the features `x_TF` of a whole sound, computed in blocks to limit memory."""
        stream = self.stream()
        parts = [stream.push(samples[start : start + _BLOCK]) for start in range(0, len(samples), _BLOCK)]
        return np.concatenate([*parts, stream.finish()])

    def stream(self) -> FeatureStream:
        """Return a stream for a new sound."""
        return FeatureStream(self)

    def logarithm(self, samples: npt.NDArray[np.floating]) -> Floats:
        """Return the features of samples, without padding."""
        found: Floats = self.power(samples).clamp_(min=self.config.power_floor).log_().to(torch.float32).numpy()
        return found


class FeatureStream:
    """Computes the features of a streamed sound, each frame as soon as its samples are available.

    Blocks of samples may have any length, including 0. The frames from all calls of `push` and from `finish`,
    concatenated, are the frames of the whole sound.
    """

    def __init__(self, log_mel: LogMel) -> None:
        self._log_mel = log_mel
        # The samples that later frames need, at first the padding.
        self._kept: npt.NDArray[np.float32] = np.zeros(log_mel.fft // 2, dtype=np.float32)
        self._received = 0
        self._finished = False

    def push(self, samples: Samples) -> Floats:
        """Return the frames `x_TF` that these samples complete; T may be 0. Raises ConfigError after `finish`."""
        if self._finished:
            raise ConfigError(f"expected no samples after the end of a sound. Received: {len(samples)}")
        if samples.ndim != 1:
            raise DataError(f"expected samples of one channel. Received: shape {samples.shape}")
        self._received += len(samples)
        return self._frames(samples)

    def finish(self) -> Floats:
        """Return the last frames, which need padding after the last sample. Raises ConfigError for a second call."""
        if self._finished:
            raise ConfigError("expected the end of a sound once. Received: a second end")
        self._finished = True
        if not self._received:
            return self._none()
        return self._frames(np.zeros(self._log_mel.fft // 2, dtype=np.float32))

    def _frames(self, samples: npt.NDArray[np.float32]) -> Floats:
        log_mel = self._log_mel
        kept = np.concatenate([self._kept, samples])
        count = (len(kept) - log_mel.fft) // log_mel.hop + 1 if len(kept) >= log_mel.fft else 0
        self._kept = kept[count * log_mel.hop :].copy()
        if not count:
            return self._none()
        return log_mel.logarithm(kept[: (count - 1) * log_mel.hop + log_mel.fft])

    def _none(self) -> Floats:
        return np.empty((0, self._log_mel.features), dtype=np.float32)

"""Streaming transcription of sound or pen strokes: chunks of any length in, the text that is certain out.

Between chunks, the stream keeps the samples and frames that are still needed, the state of the network and the last
token. The text of all chunks together is that of greedy decoding of the whole recording.
"""

from __future__ import annotations

import importlib
import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.sound.config import SoundConfig
from elman.data.sound.features import FeatureStream, LogMel
from elman.data.sound.read import as_sound
from elman.data.strokes import check_strokes
from elman.data.transcripts.encoded import FrameOptions, steps_after_stacking
from elman.data.transcripts.vocabulary import BLANK, NEVER_EMITTED, TranscriberVocabulary
from elman.decode.ctc import CtcGreedyStream
from elman.decode.evaluation_mode import Modules, evaluation_mode
from elman.errors import ConfigError, DataError
from elman.kernels import threads_for
from elman.state import State

__all__ = ["StepNetwork", "StepOptions", "TranscriptStream"]

Floats = npt.NDArray[np.float32]


class StepOptions(FrameOptions, Protocol):
    """Protocol of the network options that determine the time steps: each has `stack_frames` frames."""

    @property
    def stack_frames(self) -> int: ...

    @property
    def bidirectional(self) -> bool: ...


class StepNetwork(Modules, Protocol):
    """Protocol of a network that can run step by step, such as a transcriber's."""

    features: int

    @property
    def config(self) -> StepOptions:
        """The network's options."""

    @property
    def device(self) -> torch.device:
        """Device of the weights."""

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first step."""

    def scaled(self, x_BTF: Tensor) -> Tensor:
        """Scale frames to the network's input."""

    def stacked(self, x_BTF: Tensor) -> Tensor:
        """Stack scaled frames to the input of each time step; the frames must fill whole steps."""

    def advance(self, x_BTI: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the logits of the next time steps from their stacked inputs, and the state after them."""


class TranscriptStream:
    """Streaming transcription of one recording. Created by `Transcriber.stream`.

    Attributes:
        text: all text so far.
        frames: number of frames processed so far.

    Raises ConfigError for a bidirectional network, and for frames that are normalised by the whole recording.
    """

    def __init__(self, network: StepNetwork, vocabulary: TranscriberVocabulary, sound: SoundConfig, rate: int) -> None:
        config = network.config
        if config.bidirectional:
            raise ConfigError(
                "expected a unidirectional model (bidirectional=false) for streaming. "
                "Received: bidirectional=true, which needs the whole recording"
            )
        if config.normalise == "utterance":
            raise ConfigError(
                "expected a model with normalise=global or none for streaming. "
                "Received: normalise=utterance, which needs the whole recording"
            )
        self.text = ""
        self.frames = 0
        self._network = network
        self._vocabulary = vocabulary
        self._features: FeatureStream | None = None
        self._resampler: Any = None
        self._rate = rate or sound.sample_rate
        if vocabulary.kind == "sound":
            self._features = LogMel(sound).stream()
            as_sound(np.zeros(1, dtype=np.float32), self._rate, "the stream")  # validates the rate
            if self._rate != sound.sample_rate:
                self._resampler = _resampler(self._rate, sound.sample_rate)
        self._pending = torch.zeros(1, 0, network.features)
        self._state = network.initial_state(1)
        self._tokens = CtcGreedyStream(blank=BLANK, banned=NEVER_EMITTED)
        self._token_ids: list[int] = []
        self._finished = False

    def push(self, piece: Any) -> str:
        """Process a chunk and return the text that is now certain.

        A chunk has samples (N or N x channels, floats from -1 to 1 or integers), or points (T x 3).

        Raises DataError for any other input, ConfigError after `finish`.
        """
        if self._finished:
            raise ConfigError("expected no more chunks after finish(). Received: one")
        if not len(piece):
            return ""
        if self._features is None:
            return self._process_frames(check_strokes(piece, "the points"), last=False)
        samples = as_sound(piece, self._rate, "the samples", longest_seconds=math.inf).samples
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        return self._process_frames(self._features.push(samples), last=False)

    def finish(self) -> str:
        """End the recording and return the rest of the text.

        Raises DataError if the recording is empty, ConfigError if called twice.
        """
        if self._finished:
            raise ConfigError("expected one call of finish(). Received: a second one")
        self._finished = True
        last: Floats = np.zeros((0, self._network.features), dtype=np.float32)
        if self._features is not None:
            parts = []
            if self._resampler is not None:
                rest = self._resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
                parts.append(self._features.push(rest))
            last = np.concatenate([*parts, self._features.finish()])
        new_text = self._process_frames(last, last=True)
        if not self.frames:
            raise DataError("expected a sound. Received: no samples")
        return new_text

    def _process_frames(self, x_TF: Floats, *, last: bool) -> str:
        """Process frames and return the text that is now certain; the last frames are padded with zeros."""
        network, config = self._network, self._network.config
        self.frames += len(x_TF)
        device = network.device
        with evaluation_mode(network), torch.no_grad(), threads_for(1, network):
            scaled_BTF = network.scaled(torch.from_numpy(np.ascontiguousarray(x_TF))[None].to(device))
            pending_BTF = torch.cat([self._pending.to(device), scaled_BTF], dim=1)
            count = pending_BTF.shape[1]
            steps = (count - config.stack_frames) // config.stride + 1 if count >= config.stack_frames else 0
            if last:
                steps = int(steps_after_stacking(torch.tensor(count), config.stride))
                missing = max(0, (steps - 1) * config.stride + config.stack_frames - count)
                pending_BTF = torch.nn.functional.pad(pending_BTF, (0, 0, 0, missing))
            if steps:
                end = (steps - 1) * config.stride + config.stack_frames
                logits_BTV, self._state = network.advance(network.stacked(pending_BTF[:, :end]), self._state)
                self._pending = pending_BTF[:, steps * config.stride :]
                tokens = list(self._tokens.push(logits_BTV[0].float()))
            else:
                self._pending = pending_BTF
                tokens = []
        return self._text_of(tokens, last=last)

    def _text_of(self, tokens: list[int], *, last: bool) -> str:
        """Add tokens and return their text."""
        known = self._vocabulary.tokens
        if known.per_character:
            new_text = known.generated(tokens)
        else:
            # The text between two tokens depends on the tokens before, and some text may be held back.
            self._token_ids += tokens
            pieces = list(known.generated_stream(self._token_ids))
            new_text = "".join(pieces if last else pieces[: len(self._token_ids)])[len(self.text) :]
        self.text += new_text
        return new_text


def _resampler(rate: int, to: int) -> Any:
    try:
        soxr = importlib.import_module("soxr")
    except (ImportError, OSError) as error:
        raise ConfigError(f"expected soxr to be installed: pip install 'elman[sound]'. Received: {error}") from error
    return soxr.ResampleStream(rate, to, 1, dtype="float32")

"""Text while sound, or a pen, still comes in: pieces of any length go in, and what is certain comes out.

Carried from piece to piece are the samples and frames that are still needed, the state of the network, and the last
token. The text of all pieces is that of the whole by the likeliest token of each step.
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
from elman.data.transcripts.encoded import FrameOptions, steps_of
from elman.data.transcripts.vocabulary import BLANK, TranscriberVocabulary
from elman.decode.ctc import CtcGreedyStream
from elman.errors import ConfigError, DataError
from elman.types import State

__all__ = ["StepNetwork", "StepOptions", "TranscriptStream"]

Floats = npt.NDArray[np.float32]


class StepOptions(FrameOptions, Protocol):
    """What makes steps of frames: `stack` of them each, and whether the network has both directions."""

    @property
    def stack(self) -> int: ...

    @property
    def bidirectional(self) -> bool: ...


class StepNetwork(Protocol):
    """What a network must have to be heard step by step; a transcriber's has it."""

    features: int

    @property
    def config(self) -> StepOptions:
        """Its options."""

    @property
    def device(self) -> torch.device:
        """Where its weights are."""

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step."""

    def scaled(self, x_BTF: Tensor) -> Tensor:
        """Frames as the network takes them."""

    def stacked(self, x_BTF: Tensor) -> Tensor:
        """What each step hears, of scaled frames that are enough for whole steps."""

    def advance(self, x_BTI: Tensor, state: State) -> tuple[Tensor, State]:
        """Scores of some more steps, from what they hear, and the state after them."""


class TranscriptStream:
    """One recording that comes in piece by piece. Made by `Transcriber.stream`.

    Attributes:
        text: all text so far.
        frames: how many frames have been heard.

    Raises ConfigError for a network of both directions, and for frames that are normalised by the whole recording.
    """

    def __init__(self, network: StepNetwork, vocabulary: TranscriberVocabulary, sound: SoundConfig, rate: int) -> None:
        config = network.config
        if config.bidirectional:
            raise ConfigError(
                "expected a model of one direction (bidirectional=false) for text that is told while sound comes in. "
                "Received: one of both directions, which has to hear the end first"
            )
        if config.normalise == "utterance":
            raise ConfigError(
                "expected a model with normalise=global or none for text that is told while sound comes in. "
                "Received: normalise=utterance, which has to hear the end first"
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
            as_sound(np.zeros(1, dtype=np.float32), self._rate, "the stream")  # refuses a rate that is none
            if self._rate != sound.sample_rate:
                self._resampler = _resampler(self._rate, sound.sample_rate)
        self._kept = torch.zeros(1, 0, network.features)
        self._state = network.initial_state(1)
        self._tokens = CtcGreedyStream(blank=BLANK)
        self._given: list[int] = []
        self._finished = False

    def push(self, piece: Any) -> str:
        """The text that has become certain by this piece: samples (N or N x channels, floats from -1 to 1 or whole
        numbers), or points (T x 3).

        Raises DataError for what is neither, ConfigError after `finish`.
        """
        if self._finished:
            raise ConfigError("expected no more pieces after finish(). Received: one")
        if not len(piece):
            return ""
        if self._features is None:
            return self._hear(check_strokes(piece, "the points"), last=False)
        samples = as_sound(piece, self._rate, "the samples", longest_seconds=math.inf).samples
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        return self._hear(self._features.push(samples), last=False)

    def finish(self) -> str:
        """The text that becomes certain by the end of the recording. Raises DataError where nothing was heard at all,
        ConfigError when called again."""
        if self._finished:
            raise ConfigError("expected finish() once. Received: it twice")
        self._finished = True
        last: Floats = np.zeros((0, self._network.features), dtype=np.float32)
        if self._features is not None:
            parts = []
            if self._resampler is not None:
                rest = self._resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
                parts.append(self._features.push(rest))
            last = np.concatenate([*parts, self._features.finish()])
        said = self._hear(last, last=True)
        if not self.frames:
            raise DataError("expected a sound. Received: no samples")
        return said

    def _hear(self, x_TF: Floats, *, last: bool) -> str:
        """The text that some more frames make certain; the last ones are followed by zeros."""
        network, config = self._network, self._network.config
        self.frames += len(x_TF)
        device = network.device
        with torch.no_grad():
            scaled_BTF = network.scaled(torch.from_numpy(np.ascontiguousarray(x_TF))[None].to(device))
            kept_BTF = torch.cat([self._kept.to(device), scaled_BTF], dim=1)
            count = kept_BTF.shape[1]
            steps = (count - config.stack) // config.stride + 1 if count >= config.stack else 0
            if last:
                steps = int(steps_of(torch.tensor(count), config.stride))
                missing = max(0, (steps - 1) * config.stride + config.stack - count)
                kept_BTF = torch.nn.functional.pad(kept_BTF, (0, 0, 0, missing))
            if steps:
                end = (steps - 1) * config.stride + config.stack
                logits_BTV, self._state = network.advance(network.stacked(kept_BTF[:, :end]), self._state)
                self._kept = kept_BTF[:, steps * config.stride :]
                tokens = list(self._tokens.push(logits_BTV[0].float()))
            else:
                self._kept = kept_BTF
                tokens = []
        return self._text_of(tokens, last=last)

    def _text_of(self, tokens: list[int], *, last: bool) -> str:
        """The text of some more tokens."""
        known = self._vocabulary.tokens
        if known.per_character:
            said = known.decode(tokens)
        else:
            # What stands between tokens depends on those before, and some of their text may be held back.
            self._given += tokens
            pieces = list(known.decode_stream(self._given))
            said = "".join(pieces if last else pieces[: len(self._given)])[len(self.text) :]
        self.text += said
        return said


def _resampler(rate: int, to: int) -> Any:
    try:
        soxr = importlib.import_module("soxr")
    except (ImportError, OSError) as error:
        raise ConfigError(f"expected soxr to be installed: pip install 'elman[sound]'. Received: {error}") from error
    return soxr.ResampleStream(rate, to, 1, dtype="float32")

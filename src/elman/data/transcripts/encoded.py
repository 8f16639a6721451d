"""Recordings with texts encoded for CTC, and batches of them as tensors."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.batches import Ints, spread_within
from elman.data.transcripts.transcripts import Transcripts, utterance_normalised
from elman.data.transcripts.vocabulary import TranscriberVocabulary
from elman.data.vocabulary.base import Ids
from elman.errors import DataError
from elman.state import Batch

__all__ = ["CTCTargets", "EncodedTranscripts", "FrameOptions", "needed_steps", "prepared", "steps_after_stacking"]

Floats = npt.NDArray[np.float32]

# The most recordings with too long texts that a message lists.
_NAMED = 3


class FrameOptions(Protocol):
    """Options of a network that determine how frames are prepared.

    stride     number of frames per time step of the network
    normalise  "utterance": features of each recording are scaled to mean 0 and standard deviation 1 here
    """

    @property
    def stride(self) -> int: ...

    @property
    def normalise(self) -> str: ...


class CTCTargets(NamedTuple):
    """The texts of a batch: the concatenated tokens of all rows, `tokens_N`, and the number of tokens of each row."""

    tokens_N: Tensor
    lengths_B: Tensor


def steps_after_stacking(frames: Tensor | Ints, stride: int) -> Tensor | Ints:
    """Return the number of time steps of the network for a number of frames; the last step may include padding."""
    return (frames + stride - 1) // stride


def needed_steps(tokens: Ids) -> int:
    """Return the fewest time steps for which CTC can emit these tokens: repeated tokens need a blank between them."""
    return len(tokens) + int((tokens[1:] == tokens[:-1]).sum())


def prepared(x_TF: Floats, normalise: str) -> Floats:
    """Normalise the frames of a recording if `normalise` is "utterance"."""
    return utterance_normalised(x_TF) if normalise == "utterance" else x_TF


class EncodedTranscripts:
    """Recordings with encoded texts.

    data       the recordings
    lengths    number of frames of each recording
    tokens     token ids of each text; None if there are no texts
    steps      number of time steps of the network for each recording
    fits       whether each recording has enough time steps for its text; without, CTC has no alignment and its loss is
               infinite

    Raises DataError if kind or number of features differ from those of the vocabulary.
    """

    def __init__(self, data: Transcripts, vocabulary: TranscriberVocabulary, options: FrameOptions) -> None:
        if (data.kind, data.features) != (vocabulary.kind, vocabulary.features):
            raise DataError(
                f"{data.name}: expected {vocabulary.kind} of {vocabulary.features} features. "
                f"Received: {data.kind} of {data.features}"
            )
        self.data = data
        self.lengths = data.lengths
        self.steps = np.asarray(steps_after_stacking(data.lengths, options.stride), dtype=np.int64)
        self.tokens: list[Ids] | None = None
        self.fits = np.ones(len(data), dtype=bool)
        if data.texts is not None:
            self.tokens = vocabulary.tokens.encode_many(data.texts)
            self.fits = np.array([needed_steps(each) for each in self.tokens], dtype=np.int64) <= self.steps
        self._normalise = options.normalise

    def __len__(self) -> int:
        return len(self.lengths)

    def some(self, limit: int) -> Ints:
        """Return evenly spaced indices of recordings with about `limit` tokens in total; 0 for all recordings."""
        return spread_within(len(self), sum(map(len, self.tokens or [])), limit)

    def too_long(self) -> str:
        """Return a message about the texts that are too long for their recordings, without a full stop."""
        rows = np.flatnonzero(~self.fits)
        shown = ", ".join(f"{self.data.places[row]} ({self.steps[row]} steps)" for row in rows[:_NAMED].tolist())
        more = f" and {len(rows) - _NAMED:,} more" if len(rows) > _NAMED else ""
        return f"{len(rows):,} of {len(self):,} texts need more steps than their recordings have: {shown}{more}"

    def batch(self, rows: Ints) -> Batch:
        """Return the recordings at these indices as a padded batch of `x_BTF` (F features) with `CTCTargets`."""
        lengths = self.lengths[rows]
        x_BTF = np.zeros((len(rows), int(lengths.max(initial=0)), self.data.features), dtype=np.float32)
        for place, row in enumerate(rows.tolist()):
            x_BTF[place, : lengths[place]] = prepared(self.data.frames[row], self._normalise)
        tokens = [np.zeros(0, dtype=np.int64) if self.tokens is None else self.tokens[row] for row in rows.tolist()]
        counts = np.array([len(each) for each in tokens], dtype=np.int64)
        flat = np.concatenate(tokens) if tokens else np.zeros(0, dtype=np.int64)
        targets = CTCTargets(torch.from_numpy(flat), torch.from_numpy(counts))
        return Batch(torch.from_numpy(x_BTF), targets, torch.from_numpy(lengths))  # type: ignore[arg-type]

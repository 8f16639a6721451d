"""From recordings with texts to batches of tensors. Knows nothing about networks or files."""

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
from elman.types import Batch

__all__ = ["Encoded", "FrameOptions", "Targets", "needed_steps", "prepared", "steps_of"]

Floats = npt.NDArray[np.float32]

# Of the recordings whose texts are too long, so many are named.
_NAMED = 3


class FrameOptions(Protocol):
    """What a network does with frames.

    stride     frames from one of its steps to the next
    normalise  what brings features to mean 0 and deviation 1; "utterance": the frames of the recording itself
    """

    @property
    def stride(self) -> int: ...

    @property
    def normalise(self) -> str: ...


class Targets(NamedTuple):
    """The texts of a batch: the tokens of all rows one after another, `tokens_N`, and how many each has."""

    tokens_N: Tensor
    lengths_B: Tensor


def steps_of(frames: Tensor | Ints, stride: int) -> Tensor | Ints:
    """How many steps of the network so many frames become: the last one may look beyond them, at zeros."""
    return (frames + stride - 1) // stride


def needed_steps(tokens: Ids) -> int:
    """The fewest steps in which CTC can tell these tokens: one a token, and a blank between two that are alike."""
    return len(tokens) + int((tokens[1:] == tokens[:-1]).sum())


def prepared(x_TF: Floats, normalise: str) -> Floats:
    """The frames of a recording as a network takes them."""
    return utterance_normalised(x_TF) if normalise == "utterance" else x_TF


class Encoded:
    """Recordings as numbers, of which `batch` makes tensors.

    data       the recordings
    lengths    how many frames each has
    tokens     the tokens of each text; None where texts are not known
    steps      how many steps of the network these become
    fits       whether each has as many steps as its text needs at least: for others CTC has no alignment at all, and
               their loss is infinite

    Raises DataError for frames of another kind or size than the vocabulary's.
    """

    def __init__(self, data: Transcripts, vocabulary: TranscriberVocabulary, options: FrameOptions) -> None:
        if (data.kind, data.features) != (vocabulary.kind, vocabulary.features):
            raise DataError(
                f"{data.name}: expected {vocabulary.kind} of {vocabulary.features} features. "
                f"Received: {data.kind} of {data.features}"
            )
        self.data = data
        self.lengths = data.lengths
        self.steps = np.asarray(steps_of(data.lengths, options.stride), dtype=np.int64)
        self.tokens: list[Ids] | None = None
        self.fits = np.ones(len(data), dtype=bool)
        if data.texts is not None:
            self.tokens = vocabulary.tokens.encode_many(data.texts)
            self.fits = np.array([needed_steps(each) for each in self.tokens], dtype=np.int64) <= self.steps
        self._normalise = options.normalise

    def __len__(self) -> int:
        return len(self.lengths)

    def some(self, limit: int) -> Ints:
        """The numbers of recordings at even distances, of at most about so many tokens in all (0: of all)."""
        return spread_within(len(self), sum(map(len, self.tokens or [])), limit)

    def too_long(self) -> str:
        """How many texts are too long for their recordings, and which are, as a sentence without its full stop."""
        rows = np.flatnonzero(~self.fits)
        shown = ", ".join(f"{self.data.places[row]} ({self.steps[row]} steps)" for row in rows[:_NAMED].tolist())
        more = f" and {len(rows) - _NAMED:,} more" if len(rows) > _NAMED else ""
        return f"{len(rows):,} of {len(self):,} texts need more steps than their recordings have: {shown}{more}"

    def batch(self, rows: Ints) -> Batch:
        """The recordings of these numbers, padded: inputs `x_BTF`, `Targets`, lengths."""
        lengths = self.lengths[rows]
        x_BTF = np.zeros((len(rows), int(lengths.max(initial=0)), self.data.features), dtype=np.float32)
        for place, row in enumerate(rows.tolist()):
            x_BTF[place, : lengths[place]] = prepared(self.data.frames[row], self._normalise)
        tokens = [np.zeros(0, dtype=np.int64) if self.tokens is None else self.tokens[row] for row in rows.tolist()]
        counts = np.array([len(each) for each in tokens], dtype=np.int64)
        flat = np.concatenate(tokens) if tokens else np.zeros(0, dtype=np.int64)
        targets = Targets(torch.from_numpy(flat), torch.from_numpy(counts))
        return Batch(torch.from_numpy(x_BTF), targets, torch.from_numpy(lengths))  # type: ignore[arg-type]

"""`TranscriberSetup`: data, CTC loss and error rates of a transcriber's training run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.batches import Ints, in_order
from elman.data.parts import Parts
from elman.data.sound import LogMel, SoundConfig
from elman.data.transcripts import Transcripts
from elman.data.transcripts.encoded import EncodedTranscripts
from elman.data.transcripts.read import read_part
from elman.data.transcripts.vocabulary import TranscriberVocabulary
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.unknown import UnknownTokens, unknown_in_texts
from elman.decode.ctc import CtcLogits
from elman.decode.ctc_search import CtcResult, CtcSearch
from elman.decode.transcript import Transcript, find_by, transcript
from elman.decode.transcript_config import TranscriptSearchConfig
from elman.display import Progress, number_text
from elman.errors import ArtifactError, DataError
from elman.kernels import threads_for
from elman.metrics.transcription import error_rates, figures_of
from elman.nn.ctc_loss import batch_loss
from elman.nn.ensemble import members_of
from elman.state import Batch, State
from elman.tasks.comparison import Comparison, evenly
from elman.tasks.remarks import token_advice
from elman.tasks.samples import compared, example_of
from elman.tasks.sequence_setup import SequenceObjective, SequenceSetup
from elman.tasks.start import StartModel
from elman.tasks.start_hooks import Entries
from elman.tasks.transcriber.baselines import LEAST, MOST, PER_SECOND, comparison_of
from elman.tasks.transcriber.config import TranscriberConfig
from elman.tasks.transcriber.network import TranscriberEnsemble, TranscriberNetwork

__all__ = ["CTCObjective", "TranscriberSetup", "measure", "scored", "transcribed"]

# Maximum recordings, and frames with padding, per batch of an evaluation.
_ROWS, _FRAMES = 64, 1 << 15

# Weight of the loss in model selection: it decides between equal character error rates.
_TIE = 1e-6


@dataclass(eq=False)
class CTCObjective(SequenceObjective[EncodedTranscripts]):
    """Loss of connectionist temporal classification (Graves et al. 2006): the negative log-probability of a text,
    summed over all alignments with the time steps; averaged over tokens."""

    model: TranscriberNetwork
    vocabulary: TranscriberVocabulary
    held_out: EncodedTranscripts | None = None

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the summed loss in nats, the number of tokens, and no state."""
        nats_B, counts_B = batch_loss(self.model(batch.inputs_BT.to(self.model.device), batch.lengths_B), batch)
        return nats_B.sum(), int(counts_B.sum()), state

    def evaluate_part(self, held_out: EncodedTranscripts, limit: int) -> dict[str, float]:
        """Return loss, word and character error rate, and the fraction of exact texts."""
        figures, _ = measure(self.model, self.vocabulary, held_out, limit)
        loss = figures["loss"] if math.isfinite(figures["loss"]) else 0.0
        return {**figures, "selection": figures["cer"] + _TIE * loss}


def measure(
    model: TranscriberNetwork,
    vocabulary: TranscriberVocabulary,
    data: EncodedTranscripts,
    limit: int = 0,
    find: CtcSearch | None = None,
    *,
    progress: Progress | None = None,
) -> tuple[dict[str, float], list[str]]:
    """Return metrics on `data`, and the texts decoded by `find`, by default greedily.

    Texts that need more time steps than there are count in the error rates and in `too_long`, but not in the loss.
    With `limit`, evenly spaced recordings of about so many tokens are used (0: all).
    """
    find = find or find_by(TranscriptSearchConfig(), vocabulary, None)
    rows = data.some(limit)
    nats, steps = 0.0, 0
    found: dict[int, str] = {}
    for part, logits, batch in scored(model, data, rows):
        nats_B, counts_B = batch_loss(logits, batch)
        fits_B = torch.from_numpy(data.fits[part])
        nats += float(nats_B.cpu()[fits_B].double().sum())
        steps += int(counts_B[fits_B].sum())
        for row, answers in zip(part.tolist(), find(logits), strict=True):
            found[row] = vocabulary.tokens.generated(answers[0].tokens)
        if progress is not None:
            progress("transcribing", len(found) / len(rows))
    given = [found[row] for row in rows.tolist()]
    truth = [(data.data.texts or [])[row] for row in rows.tolist()]
    truth = vocabulary.compared(truth)
    loss = nats / steps if steps else math.inf
    return {"loss": loss, **figures_of(truth, given), "too_long": int((~data.fits[rows]).sum())}, given


def transcribed(
    network: TranscriberNetwork,
    vocabulary: TranscriberVocabulary,
    data: EncodedTranscripts,
    sound: SoundConfig,
    find: CtcSearch,
    *,
    progress: Progress | None = None,
) -> list[Transcript]:
    """Return a `Transcript` of every recording. `progress` is called with "transcribing" and a fraction."""
    found: dict[int, list[CtcResult]] = {}
    with threads_for(len(data), network):
        for part, logits, _ in scored(network, data, np.arange(len(data))):
            found.update(zip(part.tolist(), find(logits), strict=True))
            if progress is not None:
                progress("transcribing", len(found) / len(data))
    stride, hop = network.config.stride, sound.hop_ms / 1000.0
    places = zip(data.data.places, data.lengths.tolist(), strict=True)
    return [
        transcript(found[row], vocabulary, name=place, frames=frames, stride=stride, hop=hop)
        for row, (place, frames) in enumerate(places)
    ]


def scored(model: TranscriberNetwork, data: EncodedTranscripts, rows: Ints) -> Iterator[tuple[Ints, CtcLogits, Batch]]:
    """Yield the indices, logits and batch for batches of `rows`."""
    with torch.no_grad():
        for part, batch in in_order(data.lengths, data.batch, batch_size=_ROWS, steps=_FRAMES, rows=rows):
            yield part, model(batch.inputs_BT.to(model.device), batch.lengths_B), batch


class TranscriberSetup(
    SequenceSetup[TranscriberConfig, TranscriberNetwork, Parts[Transcripts], TranscriberVocabulary, EncodedTranscripts]
):
    """Setup of a transcriber. Training leaves out recordings with fewer time steps than their text needs."""

    task = "transcriber"
    config_class = TranscriberConfig
    vocabulary_class = TranscriberVocabulary
    start_scaling = ("mean_F", "deviation_F")

    item = "recording"
    reports_reading = True

    @classmethod
    def read_part(
        cls, paths: Sequence[Any], config: TranscriberConfig, progress: Progress | None = None
    ) -> Transcripts:
        """Read the recordings or drawings of one split, and their texts."""
        return read_part(paths, config.data, config.sound, progress=progress)

    @classmethod
    def check_options(cls, config: TranscriberConfig) -> None:
        """Also raise ConfigError if the package that computes error rates is not installed."""
        super().check_options(config)
        error_rates(["a"], ["a"])

    @staticmethod
    def make_network(config: TranscriberConfig, vocabulary: TranscriberVocabulary) -> TranscriberNetwork:
        """Return a network for the frames and tokens of this vocabulary."""
        return _network(config, vocabulary.features, vocabulary.size)

    @classmethod
    def make_smallest_network(cls, config: TranscriberConfig) -> TranscriberNetwork:
        """Return a network for sound; also checks the options of sound features."""
        LogMel(config.sound)
        return _network(config, config.sound.mels, 3)

    @classmethod
    def check_folder(cls, config: TranscriberConfig, vocabulary: TranscriberVocabulary, where: str) -> None:
        """Raise ArtifactError if the number of features differs from that of the vocabulary."""
        if vocabulary.kind == "sound" and vocabulary.features != config.sound.mels:
            raise ArtifactError(
                f"{where}: expected mels = {vocabulary.features}, the features of the vocabulary. "
                f"Received: {config.sound.mels}"
            )

    def learn_vocabulary(self) -> TranscriberVocabulary:
        """Return the tokens of the training texts, and the kind of frames."""
        return TranscriberVocabulary.learn(self.parts.train, self.config.data)

    def vocabulary_from_start(self, learnt: TranscriberVocabulary, source: StartModel) -> TranscriberVocabulary:
        """Return the tokens of a model with those of the texts. Raises DataError for frames of another kind."""
        known: TranscriberVocabulary = source.vocabulary
        if (known.kind, known.features) != (learnt.kind, learnt.features):
            raise DataError(
                f"expected {known.things} with {known.features} features, as the model {source.name} to start from "
                f"reads. Received: {learnt.things} with {learnt.features}"
            )
        tokens = known.tokens.extended(learnt.tokens) if self.extends_vocabulary else known.tokens
        return TranscriberVocabulary(tokens, known.kind, known.features)

    @classmethod
    def entries_of(cls, config: TranscriberConfig, vocabulary: TranscriberVocabulary) -> Mapping[str, Entries]:
        """Return the tokens of the output layer."""
        del config
        return {"head.*": (vocabulary.tokens.entries(), None)}

    def text_vocabularies(self) -> list[Vocabulary]:
        return [self.vocabulary.tokens]

    def training_texts(self) -> Sequence[str]:
        return self.parts.train.texts or ()

    def encode(self) -> None:
        """Encode all splits; training recordings with too few time steps for their text are left out."""
        for part in (self.parts.valid, self.parts.test):
            if part is not None and part.texts is None:
                raise DataError(f"{part.name}: expected a text of every recording. Received: none")
        super().encode()
        self._every = every = self._train
        if not every.fits.any():
            raise DataError(
                f"{self.parts.train.name}: expected a recording with as many steps as its text needs; a smaller stride "
                f"or hop_ms makes more of them. Received: none, {every.too_long()}"
            )
        if not every.fits.all():
            self._train = self.encode_part(self.parts.train.take(np.flatnonzero(every.fits).tolist()))

    def encode_part(self, part: Transcripts, *, training: bool = False) -> EncodedTranscripts:
        return EncodedTranscripts(part, self.vocabulary, self.config.network)

    def init_network(self) -> None:
        """Set the scale of frames from the training set, with `normalise=global`."""
        if self.config.network.normalise == "global":
            for member in members_of(self.network):
                member.fit_normalizer(self._train.data.frames, self.vocabulary.kind)

    @property
    def batch_steps(self) -> int:
        """Maximum number of frames per batch; 0 for no limit."""
        return self.config.network.batch_frames

    def objective(self) -> CTCObjective:
        """Return the CTC loss of the texts."""
        return CTCObjective(self.network, self.vocabulary, self._valid)

    def comparison(self, limit: int) -> Comparison | None:
        del limit
        if (compared := self.compared_part()) is None:
            return None
        name, part, encoded = compared
        seconds = self.training_config.max_seconds
        rows = evenly(len(part), min(MOST, max(LEAST, int(PER_SECOND * seconds))) if seconds else MOST)
        some = encoded if len(rows) == len(part) else self.encode_part(part.take(rows.tolist()))
        train, truth = (self.vocabulary.compared(each.texts or ()) for each in (self.parts.train, some.data))
        return comparison_of(lambda: measure(self.network, self.vocabulary, some)[1], train, truth, name)

    @property
    def unit(self) -> str:
        return self.vocabulary.unit

    def sample(self) -> str:
        """Return a recording's place with its transcript and its text."""
        part = example_of(self.parts, self.sample_number)
        (text,) = measure(self.network, self.vocabulary, self.encode_part(part))[1]
        return compared([("recording", part.places[0]), ("transcript", text), ("text", (part.texts or [""])[0])])

    @property
    def plotted_metrics(self) -> list[str]:
        return ["cer", "wer"]

    def describe(self, figures: Mapping[str, float]) -> str:
        shown = [f"WER {figures['wer']:.2%}", f"CER {figures['cer']:.2%}", f"exact {figures['exact']:.2%}"]
        if "loss" in figures:  # left out if infinite: no text fits into its time steps
            shown.append(f"loss {number_text(figures['loss'])}")
        return ", ".join(shown)

    def data_facts(self) -> dict[str, Any]:
        """Return the number of recordings and frames in each split, and how many are left out of training."""
        return {
            "kind": self.vocabulary.kind,
            **self.part_sizes(recordings=len, frames=lambda part: part.lengths.sum()),
            "train_too_long": len(self.parts.train) - len(self._train),
        }

    def notes(self) -> list[str]:
        """Report how recordings were converted, and texts that are too long for them."""
        notes = list(dict.fromkeys(note for _, part in self.parts.named() if part is not None for note in part.notes))
        for name, encoded in (("train", self._every), ("valid", self._valid), ("test", self._test)):
            if encoded is not None and not encoded.fits.all():
                fate = (
                    "left out of training" if name == "train" else f"counted in the error rates of the {name} part only"
                )
                stride = self.config.network.stride
                notes.append(f"{encoded.too_long()}; they are {fate}" + ": try stride=1" * (stride > 1))
            if encoded is not None and (note := encoded.data.undecoded()):
                notes.append(note)
        if self.config.network.members > 1:
            notes.append(
                "members: a transcriber's average may have more errors than each member, since CTC networks put the "
                "same token at different time steps; compare it with members=1"
            )
        return [*super().notes(), *dict.fromkeys(notes)]

    def unknown_tokens(self) -> Iterator[tuple[UnknownTokens, str, str]]:
        """Yield the counts of unknown tokens of the texts."""
        tokens = self.vocabulary.tokens
        for name, part in (("training", self.parts.train), ("validation", self.parts.valid)):
            if part is not None:
                counts = unknown_in_texts(tokens, part.texts or [])
                yield counts, f"{tokens.unit}s of the {name} texts", token_advice(self.config.data, tokens.kind)

    def outline(self) -> list[tuple[str, str]]:
        """Describe the splits, inputs and tokens."""
        known, things, left_out = self.vocabulary, self.vocabulary.things, self.data["train_too_long"]
        return [
            *self.part_rows(recordings=things, frames="frames"),
            *[("left out", f"{left_out:,} {things}: their texts are too long for their steps")] * bool(left_out),
            ("input", f"frames of {known.features} features"),
            ("answer", f"{known.answers} and the blank"),
        ]

    def summary(self) -> str:
        things = f"{len(self._train):,} {self.vocabulary.things} to train on"
        return f"{self.network_summary}; {things}, {self.vocabulary.answers} and the blank"


def _network(config: TranscriberConfig, features: int, size: int) -> TranscriberNetwork:
    """Return a network, or an ensemble, for frames of so many features and so many tokens."""
    make = partial(TranscriberNetwork, features, size, config.network)
    return TranscriberEnsemble.of(config.network.members, make)

"""The transcriber as people use it: fit, transcribe, stream, evaluate, save, load."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from elman.data.sources import as_paths
from elman.data.tokens import Progress
from elman.data.transcripts import Transcripts
from elman.data.transcripts.encoded import Encoded
from elman.data.transcripts.read import given_part, read_part
from elman.data.transcripts.vocabulary import TranscriberVocabulary
from elman.decode.fusion import CharacterModel
from elman.decode.transcript import Transcript, find_by
from elman.decode.transcript_config import TranscriptSearchConfig
from elman.decode.transcript_stream import TranscriptStream
from elman.errors import DataError
from elman.options import fill
from elman.tasks.sequence_model import SequenceModel
from elman.tasks.transcriber.config import TranscriberConfig
from elman.tasks.transcriber.network import TranscriberNetwork
from elman.tasks.transcriber.setup import TranscriberSetup, measure, transcribed

__all__ = ["Transcriber"]

# What messages call the parts of data in memory.
_NAMES = {"train": "the training data", "valid": "the validation data", "test": "the test data"}


class Transcriber(SequenceModel[TranscriberConfig, TranscriberNetwork, TranscriberVocabulary]):
    """A recurrent network that writes down what is said in sound, or written with a pen.

    Args:
        preset: "small", "base", "large", "streaming" or "strokes": the options to start from.
        options: any option of `elman train transcriber` by its name, such as `mels=64`, `hidden=100`, `max_epochs=10`.

    Example:
        >>> transcriber = elman.Transcriber(max_epochs=30).fit("train.csv", valid="dev.csv")  # doctest: +SKIP
        >>> transcriber.transcribe(["hello.wav"])  # doctest: +SKIP
        >>> transcriber.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    setup_class = TranscriberSetup
    _expected = "texts beside sounds, or paths of files"

    def __repr__(self) -> str:
        """What kind of model it is, in a line."""
        network = self.config.network
        shape = network.shape + " both ways" * network.bidirectional
        if self._network is None:
            return f"<Transcriber {shape}, not trained>"
        kind, tokens = self.vocabulary.kind, self.vocabulary.size - 1
        return f"<Transcriber of {kind}, {shape}, {self._network.count_parameters():,} weights, {tokens:,} tokens>"

    def fit(
        self,
        sounds: Any,
        texts: Sequence[str] | None = None,
        *,
        rate: int = 0,
        valid: Any = None,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool = True,
        tune: bool = True,
    ) -> Transcriber:
        """Train.

        sounds       with `texts`: samples, (samples, rate) pairs or paths of sound files; with the preset "strokes"
                     or input="strokes" arrays of T x 3 numbers (dx, dy, pen); without `texts`: a manifest, a folder, or
                     several
        texts        what is said in each
        rate         samples a second of samples that come without; by default `sample_rate`
        valid, test  data of their own for validation and test: paths, or (sounds, texts); without `valid` the share
                     `held_out` is kept for it
        folder       for files: keep checkpoints and the best model there while training
        progress     show a progress bar on standard error
        tune         set this process' threads and memory allocator for training

        Returns self. Recordings whose text is too long for them are left out, with a warning in the log `elman.tasks`.
        Raises DataError, EncodingError, ConfigError, StorageError, Diverged, OutOfMemory.
        """
        return self._fit(sounds, texts, rate=rate, valid=valid, test=test, folder=folder, progress=progress, tune=tune)

    def read(self, paths: Any, **reading: Any) -> Transcripts:
        """Recordings from files, read as the training data was.

        `reading` is what `read_part` takes beside: `labelled`, `input`, `encoding`, `errors`, `progress`.
        """
        reading.setdefault("input", self.vocabulary.kind)
        return read_part(as_paths(paths, self._expected), self.config.data, self.config.sound, **reading)

    def transcribe(self, sounds: Any, *, rate: int = 0, lm: CharacterModel | None = None, **search: Any) -> list[str]:
        """The text of each of `sounds`; arguments as for `transcripts`."""
        return [each.text for each in self.transcripts(sounds, rate=rate, lm=lm, **search)]

    def transcripts(
        self,
        sounds: Any,
        *,
        rate: int = 0,
        lm: CharacterModel | None = None,
        progress: Progress | None = None,
        **search: Any,
    ) -> list[Transcript]:
        """What is said in each of `sounds`, with the time of every token, and other texts that may be meant.

        sounds    a path, several, or a list of samples, of (samples, rate) pairs or of arrays of points
        rate      samples a second of samples that come without; by default that of the model
        lm        a language model of characters, such as `elman.load("lm")`, that takes part in the search
        progress  called with what is being done, and which share of it is done
        search    beams, n_best, lm_weight, insertion_bonus, token_floor: see `TranscriptSearchConfig`

        Raises DataError for sounds that cannot be used; ConfigError for options that cannot be used, and for a language
        model without some of the transcriber's characters.
        """
        self.network.eval()
        if isinstance(sounds, list | tuple) and not sounds:
            return []
        data = Encoded(self._unlabelled(sounds, rate, progress), self.vocabulary, self.config.network)
        find = find_by(fill(TranscriptSearchConfig, search, "the search"), self.vocabulary, lm)
        return transcribed(self.network, self.vocabulary, data, self.config.sound, find, progress=progress)

    def stream(self, rate: int = 0) -> TranscriptStream:
        """Text while sound comes in: an object with `push(samples)` and `finish()`, which give what has become certain.

        `rate` is that of the samples, by default the model's. Raises ConfigError for a model of both directions, and
        for one that normalises by the whole recording.
        """
        self.network.eval()
        return TranscriptStream(self.network, self.vocabulary, self.config.sound, rate)

    def evaluate(
        self,
        sounds: Any,
        texts: Sequence[str] | None = None,
        *,
        rate: int = 0,
        lm: CharacterModel | None = None,
        progress: Progress | None = None,
        **search: Any,
    ) -> dict[str, float]:
        """Figures: loss, word and character error rate (wer, cer), share of texts that are right (exact), and counts.

        `sounds` with `texts` as for `fit`, or paths; `lm`, `progress` and `search` as for `transcripts`. Raises
        DataError for data that cannot be used.
        """
        data = self._known(sounds, texts, rate, progress)
        self.network.eval()
        encoded = Encoded(data, self.vocabulary, self.config.network)
        find = find_by(fill(TranscriptSearchConfig, search, "the search"), self.vocabulary, lm)
        return measure(self.network, self.vocabulary, encoded, find=find, progress=progress)[0]

    def _unlabelled(self, sounds: Any, rate: int, progress: Progress | None) -> Transcripts:
        if isinstance(sounds, Transcripts):
            return sounds
        if isinstance(sounds, str | os.PathLike):
            sounds = [sounds]
        if not hasattr(sounds, "__len__"):
            raise DataError(f"expected a list of sounds, or paths. Received: {type(sounds).__name__}")
        if len(sounds) and all(isinstance(each, str | os.PathLike) for each in sounds):
            return self.read(sounds, labelled=False, progress=progress)
        return self._part(sounds, None, rate=rate, name="the input", kind=self.vocabulary.kind)

    def _known(self, sounds: Any, texts: Sequence[str] | None, rate: int, progress: Progress | None) -> Transcripts:
        if texts is not None:
            return self._part(sounds, texts, rate=rate, name="the data", kind=self.vocabulary.kind)
        data = sounds if isinstance(sounds, Transcripts) else self.read(sounds, progress=progress)
        if data.texts is None:
            raise DataError(f"{data.name}: expected a text of every recording. Received: none")
        return data

    def _part(
        self, items: Any, texts: Sequence[str] | None, *, rate: int, name: str = "train", kind: str = ""
    ) -> Transcripts:
        kind = kind or ("strokes" if self.config.data.input == "strokes" else "sound")
        return given_part(items, texts, self.config.sound, kind=kind, rate=rate, name=_NAMES.get(name, name))

"""`Transcriber`: train, transcribe, stream, evaluate, save and load."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from elman.data.sources import as_paths
from elman.data.transcripts import Transcripts
from elman.data.transcripts.encoded import EncodedTranscripts
from elman.data.transcripts.read import given_part, read_part
from elman.data.transcripts.vocabulary import TranscriberVocabulary
from elman.decode.evaluation_mode import evaluation_mode
from elman.decode.fusion import FusionModel
from elman.decode.transcript import Transcript, find_by
from elman.decode.transcript_config import TranscriptSearchConfig
from elman.decode.transcript_stream import TranscriptStream
from elman.display import Progress
from elman.errors import DataError
from elman.options import fill
from elman.tasks.model import TaskModel
from elman.tasks.sequence_model import SequenceModel
from elman.tasks.start import startable
from elman.tasks.transcriber.config import TranscriberConfig
from elman.tasks.transcriber.network import TranscriberNetwork
from elman.tasks.transcriber.setup import TranscriberSetup, measure, transcribed
from elman.train.callbacks import OnEvent

__all__ = ["Transcriber"]

# Names of the splits of data in memory, in messages.
_NAMES = {"train": "the training data", "valid": "the validation data", "test": "the test data"}


class Transcriber(SequenceModel[TranscriberConfig, TranscriberNetwork, TranscriberVocabulary]):
    """A recurrent network for speech or handwriting recognition, trained with CTC.

    Args:
        preset: "auto" (chosen by the data), "small", "base", "large", "streaming", "strokes" or
            "plain", the options to start from.
        options: any option of `elman train transcriber`, such as `mels=64`, `hidden_size=100`, `max_epochs=10`.

    Example:
        >>> transcriber = elman.Transcriber(max_epochs=30).fit("train.csv", valid="dev.csv")  # doctest: +SKIP
        >>> transcriber.transcribe(["hello.wav"])  # doctest: +SKIP
        >>> transcriber.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    setup_class = TranscriberSetup
    _expected = "sounds and texts, or paths of files"

    def __repr__(self) -> str:
        network = self.config.network
        shape = network.shape + " bidirectional" * network.bidirectional
        if self._network is None:
            return f"<Transcriber {shape}, not trained>"
        kind, tokens = self.vocabulary.kind, self.vocabulary.size - 1
        return f"<Transcriber of {kind}, {shape}, {self._network.count_parameters():,} weights, {tokens:,} tokens>"

    @startable
    def fit(
        self,
        sounds: Any,
        texts: Sequence[str] | None = None,
        *,
        rate: int = 0,
        valid: Any = None,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        tune: bool = True,
        on_event: OnEvent = None,
        start_from: str | os.PathLike[str] | TaskModel[Any, Any, Any] | None = None,
    ) -> Transcriber:
        """Train the transcriber.

        sounds       with `texts`: arrays of samples, (samples, rate) pairs or paths of sound files; with the preset
                     "strokes" or input="strokes", arrays T x 3 (dx, dy, pen); without `texts`: one or more manifests
                     or folders
        texts        the text of each recording
        rate         sample rate of samples given without one; by default `sample_rate`
        valid, test  separate validation and test data: paths, or (sounds, texts); without `valid`, the share
                     `held_out` of the training data is held out
        folder       for files: write checkpoints and the best model to this folder during training
        progress     show a progress bar on standard error; by default, unless scikit-learn calls `fit`
        tune         set the threads and the memory allocator of this process for training
        on_event     a function, or a list of them, that is called with the events of the run and may stop it
        start_from   a trained model or the path of one, whose weights, vocabulary and options are the start

        Returns self. Recordings that are too short for their text are left out; the logger `elman.tasks` warns.
        Raises DataError, EncodingError, ConfigError, StorageError, DivergenceError, OutOfMemoryError.
        """
        return self._fit(
            sounds,
            texts,
            rate=rate,
            valid=valid,
            test=test,
            folder=folder,
            progress=progress,
            tune=tune,
            on_event=on_event,
        )

    def read(self, paths: Any, **reading: Any) -> Transcripts:
        """Read recordings from files, with the data options of training. Raises DataError, EncodingError, StorageError.

        reading  `labelled`, `input`, `encoding`, `errors` and `progress` of `read_part`
        """
        reading.setdefault("input", self.vocabulary.kind)
        return read_part(as_paths(paths, self._expected), self.config.data, self.config.sound, **reading)

    def transcribe(self, sounds: Any, *, rate: int = 0, lm: FusionModel | None = None, **search: Any) -> list[str]:
        """Return the text of each sound; arguments and errors as for `transcripts`."""
        return [each.text for each in self.transcripts(sounds, rate=rate, lm=lm, **search)]

    def transcripts(
        self,
        sounds: Any,
        *,
        rate: int = 0,
        lm: FusionModel | None = None,
        progress: Progress | None = None,
        **search: Any,
    ) -> list[Transcript]:
        """Return the transcript of each sound, with the time of every token and alternative texts.

        sounds    one or more paths, or a list of samples, of (samples, rate) pairs or of arrays of points
        rate      sample rate of samples given without one; by default that of the model
        lm        a character language model for shallow fusion in the search, such as `elman.load("lm")`
        progress  called with the name of the stage and the completed fraction
        search    beams, n_best, lm_weight, insertion_bonus, token_floor: see `TranscriptSearchConfig`

        Raises DataError for invalid sounds; ConfigError for invalid options, and for a language model that lacks
        characters of the transcriber.
        """
        if isinstance(sounds, list | tuple) and not sounds:
            return []
        data = EncodedTranscripts(self._unlabelled(sounds, rate, progress), self.vocabulary, self.config.network)
        find = find_by(fill(TranscriptSearchConfig, search, "the search options"), self.vocabulary, lm)
        with evaluation_mode(self.network):
            return transcribed(self.network, self.vocabulary, data, self.config.sound, find, progress=progress)

    def stream(self, rate: int = 0) -> TranscriptStream:
        """Return a stream with `push(samples)` and `finish()`, which return the text that has become final.

        `rate` is the sample rate, by default that of the model. Raises ConfigError for a bidirectional model, and for
        one that normalises by the whole recording.
        """
        return TranscriptStream(self.network, self.vocabulary, self.config.sound, rate)

    def evaluate(
        self,
        sounds: Any,
        texts: Sequence[str] | None = None,
        *,
        rate: int = 0,
        lm: FusionModel | None = None,
        progress: Progress | None = None,
        **search: Any,
    ) -> dict[str, float]:
        """Return metrics: loss, word and character error rate (wer, cer), fraction of exact texts, and counts.

        `sounds` with `texts` as for `fit`, or paths; `lm`, `progress` and `search` as for `transcripts`. Raises
        DataError for invalid data, ConfigError for invalid options.
        """
        with self._evaluated_rows():
            data = self._known(sounds, texts, rate, progress)
        encoded = EncodedTranscripts(data, self.vocabulary, self.config.network)
        find = find_by(fill(TranscriptSearchConfig, search, "the search options"), self.vocabulary, lm)
        with evaluation_mode(self.network):
            return measure(self.network, self.vocabulary, encoded, find=find, progress=progress)[0]

    def known(self, sounds: Any, texts: Sequence[str] | None = None) -> Transcripts:
        """Return the recordings with texts of the arguments of `evaluate`."""
        return self._known(sounds, texts, 0, None)

    def greedy_texts(self, data: Transcripts, progress: Progress | None = None) -> list[str]:
        """Return the most likely text of each recording, by the most likely token of each time step."""
        encoded = EncodedTranscripts(data, self.vocabulary, self.config.network)
        with evaluation_mode(self.network):
            return measure(self.network, self.vocabulary, encoded, progress=progress)[1]

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

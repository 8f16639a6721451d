"""The transcriber as people use it: fit, transcribe, stream, evaluate, save, load."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elman.data.transcripts import Transcripts
from elman.errors import ArtifactError, ConfigError, DataError
from elman.options import fill
from elman.tasks.model import TaskModel
from elman.tasks.run import Run, tune_process
from elman.tasks.transcriber.answers import Transcript, measured_by_search, transcribed
from elman.tasks.transcriber.batches import Encoded
from elman.tasks.transcriber.config import SearchConfig, TranscriberConfig
from elman.tasks.transcriber.fusion import CharacterModel
from elman.tasks.transcriber.network import TranscriberNetwork
from elman.tasks.transcriber.parts import Parts, Sources, as_paths, given_part, make_parts, read_part, read_parts
from elman.tasks.transcriber.run import TASK, notes_on, transcriber_job
from elman.tasks.transcriber.stream import TranscriptStream
from elman.tasks.transcriber.vocabulary import TranscriberVocabulary

__all__ = ["Transcriber"]

_log = logging.getLogger("elman.tasks")


class Transcriber(TaskModel[TranscriberConfig, TranscriberNetwork, TranscriberVocabulary]):
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

    task = TASK
    config_class = TranscriberConfig
    vocabulary_class = TranscriberVocabulary

    @staticmethod
    def make_network(config: TranscriberConfig, vocabulary: TranscriberVocabulary) -> TranscriberNetwork:
        """A network of these options that has not learnt yet."""
        return TranscriberNetwork(vocabulary.features, vocabulary.size, config.network)

    @staticmethod
    def check_folder(config: TranscriberConfig, vocabulary: TranscriberVocabulary, where: str) -> None:
        """Raise ArtifactError where the options make other features than the vocabulary knows."""
        if vocabulary.kind == "sound" and vocabulary.features != config.sound.mels:
            raise ArtifactError(
                f"{where}: expected mels = {vocabulary.features}, the features of the vocabulary. "
                f"Received: {config.sound.mels}"
            )

    def __repr__(self) -> str:
        """What kind of model it is, in a line."""
        network = self.config.network
        shape = f"{network.cell} {network.layers}x{network.hidden}" + (" both ways" * network.bidirectional)
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
        sources: Sources | None = None
        if texts is None:
            sources = Sources(as_paths(sounds), as_paths(valid), as_paths(test))
            parts = read_parts(sources, self.config)
        else:
            if folder is not None:
                raise ConfigError("expected data in files when training in a folder. Received: data in memory")
            parts = make_parts(
                self._part(sounds, texts, rate, "the training data"),
                self.config,
                valid=self._given(valid, rate, "the validation data"),
                test=self._given(test, rate, "the test data"),
            )
        return self._train(parts, sources, None if folder is None else Path(folder), progress=progress, tune=tune)

    def _train(
        self, parts: Parts, sources: Sources | None, folder: Path | None, *, progress: bool, tune: bool
    ) -> Transcriber:
        job = transcriber_job(self.config, parts, sources)
        for note in notes_on(parts, job.config, TranscriberVocabulary.from_json(job.vocabulary)):
            _log.warning("%s", note)
        run = Run(job, folder=folder, command="", watch=job.watch(quiet=not progress))
        if tune:
            tune_process(run.config.training)
        run.go()
        return self.adopt(run)

    def read(self, paths: Any, **reading: Any) -> Transcripts:
        """Recordings from files, read as the training data was; `reading` is what `read_part` can be told beside."""
        reading.setdefault("input", self.vocabulary.kind)
        return read_part(as_paths(paths), self.config.data, self.config.sound, **reading)

    def transcribe(self, sounds: Any, *, rate: int = 0, lm: CharacterModel | None = None, **search: Any) -> list[str]:
        """The text of each of `sounds`; arguments as for `transcripts`."""
        return [each.text for each in self.transcripts(sounds, rate=rate, lm=lm, **search)]

    def transcripts(
        self, sounds: Any, *, rate: int = 0, lm: CharacterModel | None = None, **search: Any
    ) -> list[Transcript]:
        """What is said in each of `sounds`, with the time of every token, and other texts that may be meant.

        sounds  a path, several, or a list of samples, of (samples, rate) pairs or of arrays of points
        rate    samples a second of samples that come without; by default that of the model
        lm      a language model of characters, such as `elman.load("lm")`, that takes part in the search
        search  beams, n_best, lm_weight, insertion_bonus, token_floor: see `SearchConfig`

        Raises DataError for sounds that cannot be used; ConfigError for options that cannot be used, and for a language
        model without some of the transcriber's characters.
        """
        self.network.eval()
        if isinstance(sounds, list | tuple) and not sounds:
            return []
        data = self._unlabelled(sounds, rate)
        return transcribed(
            self.network,
            self.vocabulary,
            Encoded(data, self.vocabulary, self.config.network),
            self.config.sound,
            fill(SearchConfig, search, "the search"),
            lm,
        )

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
        **search: Any,
    ) -> dict[str, float]:
        """Figures: loss, word and character error rate (wer, cer), share of texts that are right (exact), and counts.

        `sounds` with `texts` as for `fit`, or paths; `lm` and `search` as for `transcripts`. Raises DataError for data
        that cannot be used.
        """
        data = self._known(sounds, texts, rate)
        self.network.eval()
        encoded = Encoded(data, self.vocabulary, self.config.network)
        options = fill(SearchConfig, search, "the search")
        return measured_by_search(self.network, self.vocabulary, encoded, options, lm)

    def _unlabelled(self, sounds: Any, rate: int) -> Transcripts:
        if isinstance(sounds, Transcripts):
            return sounds
        if isinstance(sounds, str | os.PathLike):
            sounds = [sounds]
        if not hasattr(sounds, "__len__"):
            raise DataError(f"expected a list of sounds, or paths. Received: {type(sounds).__name__}")
        if len(sounds) and all(isinstance(each, str | os.PathLike) for each in sounds):
            return self.read(sounds, labelled=False)
        return self._part(sounds, None, rate, "the input", kind=self.vocabulary.kind)

    def _known(self, sounds: Any, texts: Sequence[str] | None, rate: int) -> Transcripts:
        if texts is not None:
            return self._part(sounds, texts, rate, "the data", kind=self.vocabulary.kind)
        data = sounds if isinstance(sounds, Transcripts) else self.read(sounds)
        if data.texts is None:
            raise DataError(f"{data.name}: expected a text of every recording. Received: none")
        return data

    def _given(self, part: Any, rate: int, name: str) -> Transcripts | None:
        """Held-out data in memory, or in files."""
        if part is None:
            return None
        if isinstance(part, tuple) and len(part) == 2 and not isinstance(part[0], str | os.PathLike):
            return self._part(part[0], part[1], rate, name)
        return read_part(as_paths(part), self.config.data, self.config.sound)

    def _part(self, items: Any, texts: Sequence[str] | None, rate: int, name: str, kind: str = "") -> Transcripts:
        kind = kind or ("strokes" if self.config.data.input == "strokes" else "sound")
        return given_part(items, texts, self.config.sound, kind=kind, rate=rate, name=name)

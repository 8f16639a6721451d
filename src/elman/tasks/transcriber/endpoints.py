"""Endpoints of the transcriber: transcribe, also as a stream, and evaluate. Does not import torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.decode.transcript_config import TranscriptSearchConfig
from elman.display import aligned, number_text
from elman.errors import ConfigError, DataError
from elman.options import option
from elman.tasks.endpoint import (
    Answer,
    Call,
    EndpointCallbacks,
    EndpointOptions,
    EvaluateGenerationOptions,
    Files,
    Metrics,
    Screen,
    expect_data,
)
from elman.tasks.registry import load_language_model

if TYPE_CHECKING:
    from elman.decode.transcript import Transcript
    from elman.tasks.transcriber.model import Transcriber

__all__ = ["EvaluateTranscriptsOptions", "TranscribeOptions", "evaluate", "transcribe"]


@dataclass(frozen=True)
class TranscribeOptions(EndpointOptions):
    """Options of `transcribe`."""

    lm: Path | None = option(None, "A character language model for shallow fusion in the search.", local=True)
    stream: bool = option(False, "Print text while the sound is read.", local=True)
    rate: int | None = option(None, "Raw PCM: sample rate in Hz; by default that of the model.", local=True)
    chunk_ms: float = option(100.0, "Streams: milliseconds of sound per chunk.", local=True)
    times: bool = option(False, "Show the start time of each word.")
    output: Path | None = option(None, "Write the transcripts to this file.", local=True, flag="-o")
    search: TranscriptSearchConfig = field(default_factory=TranscriptSearchConfig)

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for missing files and incompatible options."""
        expect_data(files, "sounds: elman transcribe MODEL FILE")
        if not self.stream:
            if self.rate is not None:
                raise ConfigError(f"expected --rate for raw PCM with --stream only. Received: {self.rate}")
            return
        for name, value in self._idle_in_streams(call).items():
            raise ConfigError(
                f"expected no {name} with --stream, which prints the most likely text at once. Received: {value}"
            )
        if self.rate is not None and self.rate < 1:
            raise ConfigError(f"expected --rate of at least 1 sample a second. Received: {self.rate}")
        if not self.chunk_ms > 0:
            raise ConfigError(f"expected --chunk-ms above 0. Received: {self.chunk_ms:g}")
        if self.rate and files != ("-",):
            raise ConfigError(
                f"expected --rate for raw PCM on standard input (-) only. Received: {self.rate} and {files[0]}"
            )

    def _idle_in_streams(self, call: Call) -> dict[str, Any]:
        """Return the given options that do not apply to streams."""
        as_json, times = call.as_json or None, self.times or None
        named = {"--lm": self.lm, "--output": self.output, "--json": as_json, "--times": times}
        given = [each.name for each in fields(self.search) if each.name in call.given]
        named |= {f"--{name.replace('_', '-')}": getattr(self.search, name) for name in given}
        return {name: value for name, value in named.items() if value is not None}


class Transcripts(Answer):
    """Transcripts of recordings; with `times`, text output has the start time of every word."""

    def __init__(self, answers: Sequence[Transcript], *, times: bool) -> None:
        self.answers = answers
        self.times = times

    def to_json(self) -> dict[str, Any]:
        """Return the transcripts as plain values."""
        return {"transcripts": [answer.to_json() for answer in self.answers]}

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield a line for each recording, followed by its alternative texts if there are any."""
        for answer in self.answers:
            line = answer.timed() if self.times else answer.text
            lines = [f"{answer.name}\t{line}" if len(self.answers) > 1 else line]
            lines += [f"\t{each.score:.2f}\t{each.text}" for each in answer.readings[1:]]
            text = "".join(each.replace("\n", " ") + "\n" for each in lines)
            yield screen.shown(text)


class StreamedText(Answer):
    """The text of files or standard input, generated while they are read."""

    def __init__(
        self, model: Transcriber, files: Files, options: TranscribeOptions, callbacks: EndpointCallbacks
    ) -> None:
        self.model = model
        self.files = files
        self.options = options
        self.callbacks = callbacks

    def to_json(self) -> dict[str, str]:
        """Return the complete text."""
        return {"text": "".join(self.to_text(Screen()))}

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield text as it becomes final. If reading fails, the text up to the error is yielded before the error."""
        own = self.model.config.sound.sample_rate
        for file in self.files:
            stream = self.model.stream(self.options.rate or own)
            broken: DataError | None = None
            try:
                for samples in self._pieces(file):
                    yield screen.shown(stream.push(samples))
            except DataError as error:
                broken = error
            if broken is None or stream.frames:
                yield screen.shown(stream.finish() + "\n")
            if broken is not None:
                raise broken

    def _pieces(self, file: str) -> Iterator[Any]:
        from elman.data.sound import raw_blocks, sound_blocks, sound_info

        own, seconds = self.model.config.sound.sample_rate, self.options.chunk_ms / 1000.0
        if file == "-":
            return raw_blocks(sys.stdin.buffer, self.options.rate or own, seconds, name="standard input")
        info = sound_info(file)
        if info.channels > 1:
            self.callbacks.remark(f"{file} has {info.channels} channels; their mean is used")
        if info.rate != own:
            self.callbacks.remark(f"{file} has {info.rate:,} samples per second; it is resampled to {own:,}")
        return sound_blocks(file, own, seconds)


def transcribe(
    model: Transcriber, files: Files, options: TranscribeOptions, callbacks: EndpointCallbacks
) -> Transcripts | StreamedText:
    """Transcribe sounds or pen strokes."""
    if options.stream:
        if model.vocabulary.kind != "sound":
            raise ConfigError("expected a model of sound for --stream. Received: one of strokes")
        return StreamedText(model, files, options, callbacks)
    lm = load_language_model(options.lm)
    data = model.read(files, labelled=False, progress=callbacks.progress)
    for note in data.notes:
        callbacks.remark(note)
    answers = model.transcripts(data, lm=lm, progress=callbacks.progress, **asdict(options.search))
    return Transcripts(answers, times=options.times)


@dataclass(frozen=True)
class EvaluateTranscriptsOptions(EvaluateGenerationOptions):
    """Options of `evaluate`."""

    noun = "recording"


def evaluate(
    model: Transcriber, files: Files, options: EvaluateTranscriptsOptions, callbacks: EndpointCallbacks
) -> Metrics:
    """Compute loss, word and character error rates, and the fraction of exact transcripts."""
    reading = {"encoding": options.encoding, "errors": options.errors, "progress": callbacks.progress}
    data = options.limited(model.read(list(files), **reading))
    for note in data.notes:
        callbacks.remark(note)
    lm = load_language_model(options.lm)
    figures = model.evaluate(data, lm=lm, progress=callbacks.progress, **options.search())
    if too_long := figures["too_long"]:
        callbacks.remark(
            f"{too_long:,} of {len(data):,} texts need more steps than their recordings have: the loss is without them"
        )
    rows = [(name.replace("_", " "), _figure(name, value)) for name, value in figures.items()]
    return Metrics(figures, aligned(rows, right=[1]))


def _figure(name: str, value: float) -> str:
    if name in ("texts", "too_long"):
        return f"{value:,.0f}"
    return number_text(value) if name == "loss" else f"{value:.2%}"

"""What a transcriber answers: `elman transcribe`, `elman evaluate`. Imports torch only when a model is opened."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from elman.cli.evaluate import EvaluateFlags
from elman.cli.flags import INPUT, flags_of, given, whole_number
from elman.cli.model_folder import check_answer_file, open_model
from elman.cli.output import Progress, print_json, remark
from elman.display import aligned, printable
from elman.errors import ConfigError, DataError
from elman.files import write_text
from elman.tasks.transcriber.config import SearchConfig

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from elman.data.transcripts import Transcripts
    from elman.tasks.language_model import LanguageModel
    from elman.tasks.transcriber import Transcriber
    from elman.tasks.transcriber.answers import Transcript

    SearchFlags: TypeAlias = Any
else:
    SearchFlags = flags_of(SearchConfig, "Search", 2, SearchConfig())

__all__ = ["evaluate_transcripts", "transcribe"]

# Bytes of a sample of raw PCM.
_SAMPLE = 2


def transcribe(
    model: Annotated[Path, Parameter(help="The model's folder.")],
    files: Annotated[
        tuple[str, ...],
        INPUT,
        Parameter(help="Sounds, folders, manifests or drawings; with --stream also - for raw PCM on standard input."),
    ] = (),
    /,
    *,
    lm: Annotated[Path | None, Parameter(help="A language model of characters that takes part in the search.")] = None,
    stream: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print text while the sound comes in, piece by piece.")
    ] = False,
    rate: Annotated[
        int | None,
        Parameter(converter=whole_number, help="Raw PCM: samples a second; by default those of the model."),
    ] = None,
    chunk_ms: Annotated[float, Parameter(help="Streams: milliseconds of sound that are taken at a time.")] = 100.0,
    times: Annotated[bool, Parameter(negative="", show_default=False, help="Tell where each word begins.")] = False,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Write the answer there.")] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")] = False,
    search: SearchFlags = None,
) -> None:
    """Write down what is said in sounds, or written with a pen, a text a line.

    With `--stream`, a model of one direction prints the text while the sound comes in. Standard input is raw PCM:
    signed 16-bit little-endian samples of one channel, such as a microphone's recorder writes.

    For example:

        elman transcribe model hello.wav
        elman transcribe model recordings/ --lm lm --beams 32 --json -o texts.json
        arecord -t raw -f S16_LE -r 16000 | elman transcribe live - --stream --rate 16000
    """
    if not files:
        raise ConfigError("expected sounds: elman transcribe MODEL FILE. Received: none")
    options = given(search)
    if stream:
        _refuse_with_stream(options, lm, output, json, times)
        if rate is not None and rate < 1:
            raise ConfigError(f"expected --rate of at least 1 sample a second. Received: {rate}")
        _stream(open_model(model, "transcriber"), files, rate or 0, chunk_ms)
        return
    if rate is not None:
        raise ConfigError(f"expected --rate for raw PCM with --stream only. Received: {rate}")
    check_answer_file(output)
    transcriber: Transcriber = open_model(model, "transcriber")
    language: LanguageModel | None = None if lm is None else open_model(lm, "language-model")
    with Progress() as progress:
        data = transcriber.read(files, labelled=False, progress=progress)
    for note in data.notes:
        remark(note)
    answers = transcriber.transcripts(data, lm=language, **options)
    if json:
        facts = {"transcripts": [_facts(answer) for answer in answers]}
        if output is None:
            print_json(facts)
            return
        import json as writer

        content = writer.dumps(facts, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    else:
        content = "".join(_line(answer, named=len(answers) > 1, times=times) for answer in answers)
    if output is None:
        sys.stdout.write(printable(content) if sys.stdout.isatty() else content)
    else:
        write_text(output, content)


def _line(answer: Transcript, *, named: bool, times: bool) -> str:
    """A transcript as lines for people: its text, and the other texts beneath it if they were asked for."""
    said = _timed(answer) if times else answer.text
    lines = [f"{answer.name}\t{said}" if named else said]
    lines += [f"\t{each.score:.2f}\t{each.text}" for each in answer.readings[1:]]
    return "".join(f"{' '.join(line.splitlines())}\n" for line in lines)


def _timed(answer: Transcript) -> str:
    """The words of a transcript, each after the time when it begins."""
    words: list[str] = []
    fresh = True
    for piece in answer.pieces:
        for sign in piece.text:
            if sign.isspace():
                fresh = True
            elif fresh:
                words.append(f"[{piece.start:.2f}] {sign}")
                fresh = False
            else:
                words[-1] += sign
    return " ".join(words)


def _facts(answer: Transcript) -> dict[str, Any]:
    """A transcript as plain values."""
    return {
        "name": answer.name,
        "text": answer.text,
        "seconds": answer.seconds,
        "pieces": [{"text": piece.text, "start": piece.start, "end": piece.end} for piece in answer.pieces],
        "readings": [
            {
                "text": each.text,
                "score": each.score,
                "log_probability": each.log_probability,
                "language": each.language,
            }
            for each in answer.readings
        ],
    }


def _refuse_with_stream(options: dict[str, Any], lm: Path | None, output: Path | None, json: bool, times: bool) -> None:
    """Raise ConfigError for what cannot be told while sound comes in."""
    named = {"--lm": lm, "--output": output, "--json": json or None, "--times": times or None}
    named |= {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    for name, value in named.items():
        if value is not None:
            raise ConfigError(
                f"expected no {name} with --stream, which prints the likeliest text at once. Received: {value}"
            )


def _stream(transcriber: Transcriber, files: tuple[str, ...], rate: int, chunk_ms: float) -> None:
    """Print the text of each file, or of standard input, while it comes in."""
    if not chunk_ms > 0:
        raise ConfigError(f"expected --chunk-ms above 0. Received: {chunk_ms:g}")
    if rate and files != ("-",):
        raise ConfigError(f"expected --rate for raw PCM on standard input (-) only. Received: {rate} and {files[0]}")
    if transcriber.vocabulary.kind != "sound":
        raise ConfigError("expected a model of sound for --stream. Received: one of strokes")
    own = transcriber.config.sound.sample_rate
    for file in files:
        coming = transcriber.stream(rate or own)
        broken: DataError | None = None
        try:
            for samples in _raw_pieces(rate or own, chunk_ms) if file == "-" else _file_pieces(file, own, chunk_ms):
                _say(coming.push(samples))
        except DataError as error:
            broken = error
        if broken is None or coming.frames:  # what was heard is told to its end
            _say(coming.finish() + "\n")
        if broken is not None:
            raise broken


def _say(text: str) -> None:
    sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def _file_pieces(file: str, rate: int, chunk_ms: float) -> Iterator[npt.NDArray[np.float32]]:
    from elman.data.sound import sound_blocks, sound_info

    info = sound_info(file)
    if info.channels > 1:
        remark(f"{file} has {info.channels} channels; the mean of them is heard")
    if info.rate != rate:
        remark(f"{file} has {info.rate:,} samples a second; it is resampled to {rate:,}")
    return sound_blocks(file, rate, chunk_ms / 1000.0)


def _raw_pieces(rate: int, chunk_ms: float) -> Iterator[npt.NDArray[np.int16]]:
    """Samples from standard input as soon as they are there, a stretch at a time."""
    import numpy as np

    size = max(1, round(rate * chunk_ms / 1000.0)) * _SAMPLE
    rest = b""
    source: Any = sys.stdin.buffer
    while block := source.read1(size):
        block = rest + block
        whole = len(block) - len(block) % _SAMPLE
        rest = block[whole:]
        if whole:
            yield np.frombuffer(block[:whole], dtype="<i2")
    if rest:
        raise DataError("standard input: expected raw PCM, two bytes a sample. Received: half a sample at the end")


def evaluate_transcripts(model: Path, data: tuple[str, ...], flags: EvaluateFlags) -> None:
    """`elman evaluate` for a transcriber: loss, word and character error rates, texts that are right as a whole."""
    if flags.limit is not None and flags.limit < 1:
        raise ConfigError(f"expected --limit of at least 1 recording. Received: {flags.limit}")
    flags.refuse("transcriber", "picture")
    transcriber: Transcriber = open_model(model, "transcriber")
    with Progress() as progress:
        known: Transcripts = transcriber.read(
            list(data), encoding=flags.encoding or "", errors=flags.errors or "", progress=progress
        )
    if flags.limit is not None:
        known = known.take(range(min(flags.limit, len(known))))
    for note in known.notes:
        remark(note)
    language: LanguageModel | None = None if flags.lm is None else open_model(flags.lm, "language-model")
    search = {name: value for name in ("beams", "lm_weight") if (value := getattr(flags, name)) is not None}
    figures = transcriber.evaluate(known, lm=language, **search)
    if figures["too_long"]:
        remark(f"{figures['too_long']:,} of {len(known):,} texts need more steps than their recordings have: "
               "they count in no loss")  # fmt: skip
    if flags.json:
        print_json(figures)
        return
    print(aligned([(name.replace("_", " "), _shown(name, value)) for name, value in figures.items()], right=[1]))


def _shown(name: str, value: float) -> str:
    if name in ("texts", "too_long"):
        return f"{value:,.0f}"
    return f"{value:.4f}" if name == "loss" else f"{value:.2%}"

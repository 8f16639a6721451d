"""Task description of the transcriber."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="transcriber",
    package=__package__,
    model=".model:Transcriber",
    paired=".paired:paired_items",
    config=".config:TranscriberConfig",
    rank=7,
    summary="Transcriber: text from sound or pen strokes.",
    data=DataArgument(help="Manifests, folders, or globs of sounds or drawings with texts.", usage="manifest"),
    help="""Train a transcriber: speech recognition from sound, or handwriting recognition from pen strokes.

Data: manifests (CSV, TSV or JSON lines with the columns path and text), folders of sounds (WAV, FLAC, Ogg) with the
text of `7.wav` in `7.txt`, and pen strokes in `.npz`, `.npy` and JSON lines. Ctrl-C saves a checkpoint and stops;
`elman train --resume MODEL` continues.""",
    examples=(
        "train transcriber train.csv --valid dev.csv --test test.csv -o model",
        "train transcriber recordings/ -o model --sample-rate 8000 --max-epochs 20",
        "train transcriber train.csv -o live --preset streaming",
        "train transcriber drawings.jsonl -o pen --preset strokes",
    ),
    card=CardSnippet(
        pipeline="automatic-speech-recognition",
        shell="elman transcribe MODEL FILE",
        python='print(model.transcribe(["FILE"]))',
    ),
    streams=True,
    endpoints=(
        Endpoint(
            verb="transcribe",
            summary="Transcribe speech, or handwriting with a pen.",
            help="""Transcribe speech, or handwriting with a pen: one line of text per recording.

With `--stream`, a unidirectional model prints text while the sound is read. Standard input is raw PCM: signed 16-bit
little-endian samples of one channel, as written by a recorder such as arecord.""",
            examples=(
                "transcribe model hello.wav",
                "transcribe model recordings/ --lm lm --beams 32 --json -o texts.json",
                "arecord -t raw -f S16_LE -r 16000 | elman transcribe live - --stream --rate 16000",
            ),
            data=DataArgument(
                name="files",
                help="Sounds, folders, manifests or drawings; with --stream also - for raw PCM on standard input.",
            ),
            options=".endpoints:TranscribeOptions",
            answer=".endpoints:transcribe",
        ),
        evaluate_endpoint(
            help="Transcribers: word and character error rate, and the fraction of exact texts.",
            examples=("evaluate transcriber test.csv --lm lm",),
            options=".endpoints:EvaluateTranscriptsOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
